"""What the demo tells people to type."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.demo import program_name


def test_commands_are_named_as_they_can_be_typed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / ".venv" / "bin" / "reverse-eval"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(program)])
    monkeypatch.setenv("PATH", "/nowhere")
    assert program_name() == ".venv/bin/reverse-eval"
    monkeypatch.setenv("PATH", os.fspath(program.parent))
    assert program_name() == "reverse-eval"
