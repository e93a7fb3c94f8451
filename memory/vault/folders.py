"""A path in, a folder there out, or the reason why it cannot be."""

from pathlib import Path

from memory.errors import Unavailable


def make_folder(folder: Path) -> None:
    """Make the data folder, for this user of the machine only; one that is there stays as it is.

    Raises: Unavailable: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = "a file is in the way" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        raise Unavailable(
            f"The data folder {folder} cannot be made: {reason}. Choose another one with --data."
        ) from error
