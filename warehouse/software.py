"""What software made a result: version, hash of the source, hash of the lock file."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

PACKAGES = ("flows", "tasks", "expectations", "scoring", "warehouse", "serving")


def software_version() -> str:
    """Version of the installed project."""
    try:
        return version("reverse-eval")
    except PackageNotFoundError:
        return "0"


@cache
def source_hash(package: str) -> str:
    """SHA-256 over every source and data file of one package, by relative name and content."""
    root = Path(str(files(package)))
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".yaml", ".csv", ".mako"):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def lock_hash() -> str | None:
    """SHA-256 of requirements.lock beside the packages; None in an installation without it."""
    lock = Path(str(files("warehouse"))).parent / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None
