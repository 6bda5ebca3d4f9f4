"""The home folder: made once, with the year's key, the templates clerks fill in, and settings to edit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from expectations.datasets import DATASETS
from expectations.derived.excel_template import write_template
from tasks.pseudonyms import key_of_year
from warehouse.database import migrate
from warehouse.settings import SETTINGS_FILE, Settings

EXAMPLE_ENDING = ".example"
"""A scheme under this ending is read by people only; without it, it takes the place of the shipped ones."""


def make_home(settings: Settings, year: int) -> list[Path]:
    """Make whatever is missing of a home; what is there is left as it is.

    Args:
        settings: say where the home is.
        year: the assessment year whose key is made.

    Returns:
        Files and folders that were made.
    """
    before = set(_present(settings.home))
    settings.make_folders()
    migrate(settings.database_url)
    key_of_year(settings.keys, year)
    _write_missing(settings.home / SETTINGS_FILE, settings_text())
    _copy_schemes(settings.schemes)
    settings.templates.mkdir(exist_ok=True)
    for dataset in DATASETS.values():
        path = settings.templates / f"{dataset.name}__{dataset.zh}.xlsx"
        if not path.exists():
            write_template(dataset, path)
    return sorted(path for path in _present(settings.home) if path not in before)


def _present(home: Path) -> Iterator[Path]:
    """What people look for in a home: its first two levels."""
    for path in sorted(home.glob("*")):
        yield path
        if path.is_dir():
            yield from (each for each in sorted(path.glob("*")) if each.is_file())


def _write_missing(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")


def _copy_schemes(folder: Path) -> None:
    """Copies of the shipped schemes to start one's own from."""
    for shipped in sorted(Path(str(files("scoring").joinpath("schemes"))).glob("*.yaml")):
        target = folder / f"{shipped.name}{EXAMPLE_ENDING}"
        if not target.exists():
            shutil.copyfile(shipped, target)


def settings_text() -> str:
    """A settings file with every setting in it, commented out at its default."""
    lines = [
        "# 设置：去掉行首的 # 即生效；环境变量 REVERSE_EVAL_* 优先。",
        "# Settings: remove the # before a line to use it; REVERSE_EVAL_* variables win over this file.",
    ]
    for name, field in Settings.model_fields.items():
        if name == "home":
            continue  # the file lies in the home
        value = "" if field.default is None else field.default
        shown = f'"{value}"' if isinstance(value, str) else value
        lines += ["", f"# {field.description}", f"# {name} = {shown}"]
    return "\n".join(lines) + "\n"
