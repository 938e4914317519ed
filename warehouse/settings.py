"""What an operator can set: from the environment (WEISU_…), `./weisu.toml`, or `$WEISU_HOME/weisu.toml`, in this order."""
import os
import secrets
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

FILE = "weisu.toml"


class SettingsError(ValueError):
    """A setting that cannot be used: names the setting, never its value."""


class Settings(BaseSettings):
    """One house's settings. Reading them touches no file but `weisu.toml`; `key` may write `$WEISU_HOME/secret`."""

    model_config = SettingsConfigDict(env_prefix="WEISU_", extra="forbid", hide_input_in_errors=True)

    home: Path = Path("var")
    #: SQLite at home unless it says otherwise; may hold a password, so it is not shown.
    database_url: str = Field(default="", repr=False)
    secret: SecretStr | None = None
    #: `inbox/SOURCE/` lies here; home/inbox unless it says otherwise.
    inbox: Path | None = None
    #: Where lake and landing lie, if not at home: `s3://bucket/prefix`, `gs://…`, `az://…`, `file:///folder`.
    lake_url: str | None = None
    landing_url: str | None = None
    #: How long a file in an inbox must have stood still before it is taken.
    inbox_settle_seconds: float = Field(default=5.0, ge=0)
    lang: Literal["zh", "en"] = "zh"
    #: The budget of the list: this many false alarms a week for so many series.
    false_alarms_per_week: float = Field(default=2.0, gt=0)
    per_series: int = Field(default=5000, gt=0)
    #: For how long every watched cell is kept in `v_series`.
    series_days: int = Field(default=90, ge=1)
    #: `sentinel` and `cluster` look at records created at most so long before the as-of.
    sentinel_days: int = Field(default=7, ge=1)
    #: What a night keeps of a list; the rest is counted.
    max_warnings: int = Field(default=60, ge=1)
    #: For so long after its closing a matter is watched: its return opens the warning again. Later it is a new one.
    watch_days: int = Field(default=60, ge=0)
    #: A warning that nobody took up expires after so many days without a new record.
    expire_days: int = Field(default=30, ge=1)
    #: Whether staff's verdicts bear on ranking and thresholds.
    learn: bool = True
    #: Verdicts of so many days teach.
    verdict_days: int = Field(default=365, ge=1, le=730)
    #: A line of the bureau's own at the head of every review sheet: the campaign or motto that the work goes under (党建引领, 刚性维权, 放心消费环境).
    review_heading: str | None = Field(default=None, max_length=200)
    #: Whom to tell that a night failed or never came: Apprise URLs (wecombot://…, dingtalk://…, feishu://…, mailto://…). They hold keys.
    alarm_url: SecretStr | None = None
    #: Rows of a delivery that are worked on at once: memory follows it, results don't.
    slice_rows: int = Field(default=50_000, ge=1)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
            raise SettingsError(f"settings (WEISU_… or {FILE}): {said}") from None

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given: dict[str, Any] = getattr(init_settings, "init_kwargs", {})
        here = _read(Path(FILE))
        home = Path(given.get("home") or os.environ.get("WEISU_HOME") or here.get("home") or "var")
        return (init_settings, env_settings, InitSettingsSource(settings_cls, here),
                InitSettingsSource(settings_cls, _read(home / FILE)))

    @field_validator("home", "inbox")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()

    @field_validator("alarm_url", "lake_url", "landing_url")
    @classmethod
    def _none(cls, url: Any) -> Any:
        """Empty is not set: an environment file may name it and leave it open."""
        return url or None

    @field_validator("database_url")
    @classmethod
    def _driver(cls, url: str) -> str:
        for short in ("postgresql://", "postgres://"):
            if url.startswith(short):
                return "postgresql+psycopg://" + url.removeprefix(short)
        return url

    @property
    def url(self) -> str:
        """The database's URL; SQLite at `home/weisu.sqlite` where none was given."""
        return self.database_url or f"sqlite:///{self.home / 'weisu.sqlite'}"

    @property
    def shown_url(self) -> str:
        """The URL without its password."""
        from sqlalchemy import make_url

        return make_url(self.url).render_as_string(hide_password=True)

    @property
    def has_bucket(self) -> bool:
        """Whether lake or landing lie in an object store rather than in a folder."""
        return any(url and not url.startswith("file:") for url in (self.lake_url, self.landing_url))

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def inboxes(self) -> Path:
        return self.inbox or self.home / "inbox"

    @property
    def own_sources(self) -> Path:
        """Where a user's own mappings live."""
        return self.home / "sources"

    @cached_property
    def _key(self) -> tuple[bytes, bool]:
        if self.secret is not None and self.secret_is_given:
            return self.secret.get_secret_value().encode(), False
        path = self.home / "secret"
        generated = not path.exists() and _write_secret(path)
        key = path.read_bytes().strip()
        if not key:
            raise SettingsError(f"{path} is empty: restore it, or remove it to have a new one made (pseudonyms then no longer match)")
        return key, generated

    @property
    def key(self) -> bytes:
        """The key of all pseudonyms. Without WEISU_SECRET it is read from, or made as, `home/secret` (mode 0600)."""
        return self._key[0]

    @property
    def secret_is_given(self) -> bool:
        """Whether the key comes from WEISU_SECRET or `weisu.toml`, and not from `home/secret`."""
        return self.secret is not None and bool(self.secret.get_secret_value())

    def forget_key(self) -> None:
        """Reads the key anew when it is next asked for: `home/secret` was changed."""
        self.__dict__.pop("_key", None)

    @property
    def secret_was_generated(self) -> bool:
        """Whether reading `key` just made a new one: to be said aloud."""
        return self._key[1]


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None


def _write_secret(path: Path) -> bool:
    """Makes the file with a new key, whole or not at all; False where another process was quicker."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".secret-{os.getpid()}")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path)
        return True
    except FileExistsError:
        return False
    finally:
        aside.unlink()
