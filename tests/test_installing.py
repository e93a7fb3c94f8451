"""What is said of packages that are missing can be done: the project itself is on no package index."""

import contextlib
import sys
from pathlib import Path

import pytest

from adapters.installing import install_command, packages_of

ROOT = Path(__file__).resolve().parents[1]


def test_a_clone_with_its_own_environment_installs_by_its_makefile(tmp_path):
    own = ROOT / ".venv"
    with contextlib.chdir(ROOT):
        assert install_command("hf", environment=own) == "make install-hf"
    assert "install-hf:" in (ROOT / "Makefile").read_text()
    with contextlib.chdir(tmp_path):
        assert install_command("hf", environment=own) == f"make -C {ROOT} install-hf"


@pytest.mark.parametrize("extra", ["hf", "chroma", "litellm"])
def test_elsewhere_pip_gets_the_packages_that_the_part_declares(extra, tmp_path):
    wanted = packages_of(extra)
    assert wanted
    command = install_command(extra, environment=tmp_path)
    assert command.startswith(f"{sys.executable} -m pip install ")
    assert all(package in command for package in wanted)
    assert "memos-proxy" not in command


def test_what_was_installed_without_the_clone_names_the_same_packages(tmp_path):
    """Out of the metadata of the installed distribution, in whatever order its makers write it."""

    def names(packages):
        return {package.partition(">")[0].partition("<")[0].partition("=")[0] for package in packages}

    assert names(packages_of("chroma", root=tmp_path)) == names(packages_of("chroma"))


def test_llama_cpp_is_built_and_what_nobody_declares_is_installed_in_a_clone(tmp_path):
    assert install_command("llama") == "memos build-llama"
    assert install_command("no-such-part", root=tmp_path).endswith("'.[no-such-part]' in a clone")
