"""A folder of activation memories in, what lies there out: for one engine's fingerprint, or for all of them.

The layout: a folder for each fingerprint, in it a file for each state, named after its owner's hash and its digest. The
law: an owner's files can be found and removed without an engine, whatever is in them.
"""

import contextlib
import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.activation_store import files
from adapters.activation_store.files import TMP, Coding, Damaged, FileHead, Head
from adapters.activation_store.heat import Heat
from adapters.activation_store.uses import USES_FILE, read_uses, write_uses
from adapters.prefix_cache import StoredPrefix, Tier

logger = logging.getLogger(__name__)

_NAMESPACE: Final = re.compile(r"[0-9a-f]{32}")
_SUFFIX: Final = ".safetensors"


@dataclass(slots=True)
class Removed:
    """What was removed from a store."""

    digests: list[str] = field(default_factory=list)
    files: int = 0
    file_bytes: int = 0
    left: list[Path] = field(default_factory=list)  #: files that could not be removed

    def add(self, other: "Removed") -> None:
        """Count what another one counted, too."""
        self.digests = list(dict.fromkeys(self.digests + other.digests))
        self.files += other.files
        self.file_bytes += other.file_bytes
        self.left += other.left

    def unlink(self, path: Path) -> None:
        """Remove a file, if it is there."""
        try:
            size_bytes = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return
        except OSError:
            logger.exception("a file of an activation memory could not be removed: %s", path)
            self.left.append(path)
            return
        self.files += 1
        self.file_bytes += size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderEntry:
    """One file of a folder of activation memories."""

    path: Path
    file_bytes: int
    fingerprint: str | None  #: of the engine that computed it; None: the file is damaged
    stored: StoredPrefix | None  #: None: the file is damaged


def namespace_of(fingerprint: str) -> str:
    """Return the name of a fingerprint's folder."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:32]


def salt_hash_of(namespace: str, salt: str) -> str:
    """Return what names an owner in that folder."""
    return hashlib.sha256(f"{namespace}\0{salt}".encode(errors="surrogatepass")).hexdigest()[:32]


def digest_of(namespace: str, salt_hash: str, key: bytes) -> str:
    """Return the digest of a prefix, given the bytes of all its tokens."""
    return hashlib.sha256(f"{namespace}\0{salt_hash}\0".encode() + key).hexdigest()[:32]


class FingerprintFolder:
    """The files of one fingerprint."""

    def __init__(self, root: Path, fingerprint: str) -> None:
        """Make the folder. Raises: OSError."""
        self.root = root
        self.fingerprint = fingerprint
        self.path = root / namespace_of(fingerprint)
        for folder in (root, self.path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)

    def file_of(self, salt_hash: str, digest: str, coding: Coding) -> Path:
        """Return where a state belongs."""
        return self.path / f"{salt_hash}.{digest}.{coding}{_SUFFIX}"

    def scan(self) -> tuple[list[tuple[Path, FileHead]], int]:
        """Return the whole files, parents first, and how many damaged ones were removed; and so is what was half done.

        States are not looked at.
        """
        found: list[tuple[Path, FileHead]] = []
        damaged = Removed()
        for path in self.path.iterdir():
            if path.name.endswith(TMP):
                path.unlink(missing_ok=True)
            elif path.name.endswith(_SUFFIX):
                try:
                    file = files.read_head(path)
                    self._check(path, file.head)
                except Damaged:
                    logger.warning("a damaged activation memory is removed: %s", path.name)
                    damaged.unlink(path)
                except OSError:
                    logger.exception("an activation memory cannot be read and is left out: %s", path.name)
                else:
                    found.append((path, file))
        return sorted(found, key=lambda pair: (pair[1].head.length, pair[1].head.coding)), damaged.files

    def _check(self, path: Path, head: Head) -> None:
        if head.fingerprint != self.fingerprint or path != self.file_of(head.salt_hash, head.digest, head.coding):
            raise Damaged


class OtherFiles:
    """The files of all other fingerprints, which nobody may need any more."""

    def __init__(self, root: Path, own: str) -> None:
        """``own``: the name of the folder that does not count."""
        self._files: list[tuple[Path, int]] = []  #: the last one goes first
        for folder in sorted(_namespaces(root), key=_last_used, reverse=True):
            if folder.name != own:
                # A child is younger than its parent: it goes first.
                self._files += [(path, size_bytes) for _, path, size_bytes in sorted(_sizes(folder))]
        self.used_bytes = sum(size_bytes for _, size_bytes in self._files)

    def free(self, size_bytes: int) -> None:
        """Remove files until so many bytes are free or none is left."""
        removed = Removed()
        while self._files and size_bytes > 0:
            path, bytes_of_it = self._files.pop()
            removed.unlink(path)
            self.used_bytes -= bytes_of_it
            size_bytes -= bytes_of_it
        if removed.files:
            logger.info("%d activation memories of other engines were removed to make room", removed.files)

    def recount(self) -> None:
        """Leave out what was removed meanwhile."""
        self._files = [(path, size_bytes) for path, size_bytes in self._files if path.exists()]
        self.used_bytes = sum(size_bytes for _, size_bytes in self._files)


def erase_owner(root: Path, salt: str) -> Removed:
    """Remove all files of an owner, of every fingerprint, damaged ones too; no engine may have the folder open.

    What follows such a file in another owner's is useless then, and goes when its engine next opens the folder.
    """
    removed = Removed()
    for folder in _namespaces(root):
        before = len(removed.digests)
        for path in list(folder.glob(salt_hash_of(folder.name, salt) + ".*")):
            removed.unlink(path)
            removed.digests.append(path.name.split(".")[1])
        gone = set(removed.digests[before:])
        if gone:
            files.sync_folder(folder)
            write_uses(folder, {digest: heat for digest, heat in read_uses(folder).items() if digest not in gone})
    removed.digests = list(dict.fromkeys(removed.digests))
    return removed


def read_folder(root: Path, *, verify: bool = False) -> Iterator[FolderEntry]:
    """Yield what lies in a folder, of every fingerprint; nothing is changed, and no engine is needed.

    ``verify``: read the states too, to tell whether they are whole. Raises: OSError: one cannot be read.
    """
    for folder in sorted(_namespaces(root)):
        uses = read_uses(folder)
        for path in sorted(folder.glob("*" + _SUFFIX)):
            with contextlib.suppress(FileNotFoundError):
                yield _entry(path, uses.get(path.name.split(".")[1]), verify=verify)


def _entry(path: Path, heat: Heat | None, *, verify: bool) -> FolderEntry:
    file_bytes = path.stat().st_size
    try:
        head = files.read_head(path).head
        if verify:
            files.read_state(path, head, mapped=True)
    except Damaged:
        return FolderEntry(path=path, file_bytes=file_bytes, fingerprint=None, stored=None)
    stored = StoredPrefix(
        digest=head.digest,
        parent=head.parent,
        salt_hash=head.salt_hash,
        length=head.length,
        start=head.start,
        size_bytes=head.size_bytes,
        build_s=head.build_s,
        tier=Tier.DISK if head.coding == Coding.EXACT else Tier.COLD,
        uses=heat.uses if heat else 0,
        created_at=head.created_at,
        last_used_at=heat.at if heat else head.created_at,
        labels=head.labels,
    )
    return FolderEntry(path=path, file_bytes=file_bytes, fingerprint=head.fingerprint, stored=stored)


def _namespaces(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (folder for folder in root.iterdir() if _NAMESPACE.fullmatch(folder.name) and folder.is_dir())


def _last_used(folder: Path) -> int:
    """Return when a fingerprint's files were last used, in ns of Unix time."""
    times = folder / USES_FILE, folder
    return max(path.stat().st_mtime_ns for path in times if path.exists())


def _sizes(folder: Path) -> Iterator[tuple[int, Path, int]]:
    """Yield the time of change, path and size of a folder's states, half written ones too."""
    for path in folder.glob(f"*{_SUFFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            yield stat.st_mtime_ns, path, stat.st_size
