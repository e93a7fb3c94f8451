"""An optional part of the project in, the command that installs here what it needs out.

The project itself is on no package index, so nothing can be installed by its name: in a clone that brought its own
environment its Makefile does it, elsewhere pip installs the packages that the part declares.
"""

import re
import shlex
import sys
import tomllib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

_DISTRIBUTION = "memos-proxy"
_ROOT = Path(__file__).resolve().parents[1]
_TARGETS = {"hf": "install-hf", "documents": "install-documents", "chroma": "install-documents"}  # of the Makefile
_BUILT = {"llama": "memos build-llama"}  # what pip would compile takes three times as long
_OF_EXTRA = re.compile(r"(?P<package>[^;]+);.*\bextra\s*==\s*['\"](?P<extra>[\w-]+)['\"]")


def install_command(extra: str, *, root: Path = _ROOT, environment: Path | None = None) -> str:
    """Return the command; ``root``: where the four packages lie, ``environment``: the one that runs, None: this."""
    if extra in _BUILT:
        return _BUILT[extra]
    if extra in _TARGETS and (root / "Makefile").is_file() and _is_own(environment or Path(sys.prefix), root):
        place = "" if Path.cwd() == root else f" -C {shlex.quote(str(root))}"
        return f"make{place} {_TARGETS[extra]}"
    packages = packages_of(extra, root=root)
    return pip_command(packages) if packages else f"{pip_command(['--editable', f'.[{extra}]'])} in a clone"


def pip_command(packages: Sequence[str]) -> str:
    """Return the command that installs packages into the environment that runs."""
    return shlex.join([sys.executable, "-m", "pip", "install", *packages])


def packages_of(extra: str, *, root: Path = _ROOT) -> list[str]:
    """Return what the part declares to need, as pip reads it: in a clone now, else when it was installed, if it was."""
    project = root / "pyproject.toml"
    if project.is_file():
        with project.open("rb") as file:
            declared = tomllib.load(file)["project"]["optional-dependencies"]
        return list(declared[extra])
    try:
        required = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    found = (_OF_EXTRA.match(each) for each in required)
    return [match["package"].strip() for match in found if match and match["extra"] == extra]


def _is_own(environment: Path, root: Path) -> bool:
    """True for the environment that the clone's Makefile made."""
    return environment.resolve() == (root / ".venv").resolve()
