"""Settings and the home folder, read when asked for (DESIGN.md "Where things are kept")."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

SETTINGS_FILE = "reverse-eval.toml"


class Settings(BaseSettings):
    """Everything an installation may choose; ``REVERSE_EVAL_*`` variables win over the TOML file."""

    model_config = SettingsConfigDict(env_prefix="REVERSE_EVAL_", extra="ignore", frozen=True)

    home: Path = Field(default=Path(".reverse-eval"), description="Folder of everything embedded.")
    warehouse_url: str | None = Field(default=None, description="SQLAlchemy URL; SQLite in the home when unset.")
    scheme: str | None = Field(default=None, description="scheme_id in force; the dated one of the period when unset.")
    quiet_seconds: float = Field(default=5.0, description="A file is taken when its size did not change for so long.")
    hold_reject_rate: float = Field(default=0.05, ge=0, le=1, description="A file with more rejects is held.")
    hold_vanishing_rate: float = Field(default=0.20, ge=0, le=1, description="A full delivery losing more is held.")
    detail_lines_per_code: int = Field(default=10_000, ge=1, description="Lines per code in errors.csv and fix.xlsx.")
    lease_seconds: int = Field(default=900, ge=1, description="How long a claim or a lock stands without renewal.")
    contact: str = Field(default="", description="Whom to ask about a held file; printed on receipts.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then the home's TOML file."""
        del dotenv_settings, file_secret_settings
        chosen: dict[str, Any] = {**env_settings(), **init_settings()}
        home = Path(chosen.get("home", cls.model_fields["home"].default))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, home / SETTINGS_FILE)

    @property
    def database_url(self) -> str:
        """URL of the warehouse."""
        return self.warehouse_url or f"sqlite:///{(self.home / 'warehouse.sqlite').resolve()}"

    @property
    def inbox(self) -> Path:
        """Where submitters put files, one folder each."""
        return self.home / "inbox"

    @property
    def outbox(self) -> Path:
        """Where receipts are written, one folder per submitter."""
        return self.home / "outbox"

    @property
    def landing(self) -> Path:
        """Raw files by SHA-256, read-only."""
        return self.home / "landing"

    @property
    def lake(self) -> Path:
        """Delta tables of canonical rows."""
        return self.home / "lake"

    @property
    def staging(self) -> Path:
        """Work of files not yet loaded, one folder per SHA-256."""
        return self.home / "staging"

    @property
    def quarantine(self) -> Path:
        """Rejected and held rows, verbatim, one Parquet file per file."""
        return self.home / "quarantine"

    @property
    def keys(self) -> Path:
        """Keys of the assessment years; mode 0700, outside every store."""
        return self.home / "keys"

    @property
    def schemes(self) -> Path:
        """Schemes of this installation, beside the shipped ones."""
        return self.home / "schemes"

    @property
    def templates(self) -> Path:
        """Excel templates clerks fill in."""
        return self.home / "templates"

    @property
    def exports(self) -> Path:
        """Workbooks written by commands."""
        return self.home / "exports"

    def make_folders(self) -> None:
        """Create the home and its folders; the key folder is closed to others."""
        for folder in (self.inbox, self.outbox, self.schemes, self.exports):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.landing, self.lake, self.staging, self.quarantine, self.keys):
            folder.mkdir(mode=0o700, exist_ok=True)


def read_settings(home: Path | None = None) -> Settings:
    """The settings in force; ``home`` overrides the variable and the default."""
    return Settings(home=home) if home is not None else Settings()
