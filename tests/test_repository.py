"""The repository read as a whole: style, types, imports, and that every declared thing exists."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from expectations.catalogue import catalogue
from expectations.datasets import DATASETS
from tasks.checking.registry import checks_of

ROOT = Path(__file__).parent.parent
PACKAGES = ("flows", "tasks", "expectations", "scoring", "warehouse", "serving")
BIN = Path(sys.executable).parent


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["lint-imports"]],
    ids=["ruff", "format", "mypy", "import-linter"],
)
def test_style_types_and_import_directions(command: list[str]) -> None:
    done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_every_message_speaks_both_languages_with_the_same_placeholders() -> None:
    placeholder = re.compile(r"{(\w+)}")
    for entry in catalogue().values():
        texts = (entry.zh, entry.en, entry.fix_zh, entry.fix_en)
        assert all(text.strip() for text in texts), entry.code
        assert set(placeholder.findall(entry.zh)) == set(placeholder.findall(entry.en)), entry.code
        assert set(placeholder.findall(entry.fix_zh)) == set(placeholder.findall(entry.fix_en)), entry.code
        assert set(placeholder.findall("".join(texts))) <= {"value", "expected", "detail", "column"}, entry.code
        assert re.search(r"[一-鿿]", entry.zh), entry.code
        assert not re.search(r"[一-鿿]", entry.en), entry.code


def test_every_code_in_the_source_is_in_the_catalogue_and_the_other_way_round() -> None:
    used = {code for path in sources() for code in re.findall(r'"([AEFHIW]\d{3})"', path.read_text(encoding="utf-8"))}
    assert used - set(catalogue()) == set()
    assert set(catalogue()) - used == set()


def test_every_check_a_dataset_names_exists() -> None:
    for dataset in DATASETS.values():
        assert set(checks_of(dataset)) == set(dataset.check_functions)


def test_the_lock_names_no_index_and_every_requirement_has_a_hash() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "http" not in re.sub(r"^[\w.-]*http[\w.-]*==.*$|^ +# .*$", "", text, flags=re.M)
    assert "--index" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in block for block in blocks if not block.startswith("#"))


def test_every_dependency_says_why() -> None:
    lines = (
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("dependencies = [")[1].split("]")[0].splitlines()
    )
    for before, line in itertools.pairwise(lines):
        if line.strip().startswith('"'):
            assert before.strip().startswith("#"), line


def test_the_project_speaks_of_itself_alone() -> None:
    home = re.compile(r"/(work|root)/\w+|/home/\w+/|pypi\.org|files\.pythonhosted")
    for path in tracked():
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".lock", ""} and path != Path(__file__):
            found = home.search(path.read_text(encoding="utf-8", errors="ignore"))
            assert found is None, f"{path.relative_to(ROOT)}: {found.group() if found else ''}"
