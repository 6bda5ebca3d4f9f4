from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from expectations.datasets import DATASETS
from warehouse.settings import Settings

Call = Callable[..., Any]


def test_init_makes_a_home_once(call: Call, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = json.loads(call("--home", home, "init", "--json").out)
    made = {Path(path).relative_to(home).as_posix() for path in first["made"]}
    assert {"warehouse.sqlite", "reverse-eval.toml", "schemes/default-2026.yaml.example", "inbox", "keys"} <= made
    templates = sorted((home / "templates").glob("*.xlsx"))
    assert len(templates) == len(DATASETS) == 17
    assert openpyxl.load_workbook(templates[0]).sheetnames
    keys = list((home / "keys").glob("*.key"))
    assert [path.stat().st_mode & 0o777 for path in keys] == [0o600]
    assert (home / "keys").stat().st_mode & 0o777 == 0o700
    content = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and "sqlite" not in path.name}
    again = call("--home", home, "init", "--json")
    assert (again.code, json.loads(again.out)["made"]) == (0, [])
    assert all(path.read_bytes() == before for path, before in content.items())


def test_the_settings_file_changes_nothing_until_it_is_edited(call: Call, tmp_path: Path) -> None:
    call("--home", tmp_path / "home", "init")
    path = tmp_path / "home" / "reverse-eval.toml"
    assert Settings(home=tmp_path / "home") == Settings(home=tmp_path / "home", scheme=None)
    edited = path.read_text(encoding="utf-8").replace("# hold_reject_rate = 0.05", "hold_reject_rate = 0.2")
    path.write_text(edited, encoding="utf-8")
    assert Settings(home=tmp_path / "home").hold_reject_rate == 0.2


def test_doctor_finds_a_sound_home_and_an_unsound_one(call: Call, tmp_path: Path) -> None:
    home = tmp_path / "home"
    missing = call("--home", home, "doctor", "--json")
    assert (missing.code, json.loads(missing.out)["ok"]) == (1, False)
    assert not home.exists()
    call("--home", home, "init")
    sound = call("--home", home, "doctor", "--json")
    assert (sound.code, json.loads(sound.out)["ok"]) == (0, True)
    key = next((home / "keys").glob("*.key"))
    key.chmod(0o644)
    opened = call("--home", home, "doctor", "--lang", "zh")
    assert (opened.code, "chmod 600" in opened.out) == (1, True)
    key.chmod(0o600)
    (home / "warehouse.sqlite").write_bytes(b"this is no database, whatever its name says" * 10)
    broken = call("--home", home, "doctor", "--json")
    failed = {each["check"] for each in json.loads(broken.out)["checks"] if each["level"] == "fail"}
    assert (broken.code, "tables" in failed) == (1, True)


def test_doctor_misses_a_file_of_the_lake(call: Call, home: Path) -> None:
    assert call("--home", home, "doctor").code == 0
    next((home / "lake" / "rating_event").glob("*.parquet")).unlink()
    said = call("--home", home, "doctor", "--json")
    lake = next(each for each in json.loads(said.out)["checks"] if each["check"] == "lake")
    assert (said.code, lake["level"]) == (1, "fail")


def test_version_names_the_parts(call: Call) -> None:
    found = json.loads(call("version", "--json").out)
    assert {"reverse-eval", "polars", "prefect", "great-expectations", "python"} <= set(found)
    assert "-" not in found.values()


def test_a_demo_never_takes_a_folder_of_somebody_else(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    said = call("demo", tmp_path / "mine")
    assert said.code == 1
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_a_demo_never_writes_to_the_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from serving.demo import _settings

    monkeypatch.setenv("REVERSE_EVAL_WAREHOUSE_URL", "postgresql://production/warehouse")
    monkeypatch.setenv("REVERSE_EVAL_SCHEME", "default-2026")
    settings = _settings(tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path.resolve()}/warehouse.sqlite"
    assert settings.scheme is None
