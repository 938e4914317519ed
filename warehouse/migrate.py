"""Bringing a database to the newest schema, and back. Alembic is imported only where there is something to do."""
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from warehouse.engine import writing

#: The newest migration; a test holds it to the folder's.
HEAD = "0009"
FOLDER = Path(__file__).parent / "migrations"
#: Two processes that find an old schema take turns ("wei1").
_TURN = 0x77656931


def version(connection: sa.Connection) -> str | None:
    """The database's schema version; None where it has none yet."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def upgrade(engine: sa.Engine, to: str = "head") -> bool:
    """Brings the database forward in one transaction; False where it was there already."""
    with engine.connect() as connection:
        if to == "head" and version(connection) == HEAD:
            return False
    return _go(engine, "upgrade", to)


def downgrade(engine: sa.Engine, to: str = "base") -> bool:
    """Takes the database back; "base" is nothing at all."""
    return _go(engine, "downgrade", to)


def _go(engine: sa.Engine, command: str, to: str) -> bool:
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("select pg_advisory_xact_lock(:n)"), {"n": _TURN})
        if command == "upgrade" and to == "head" and version(connection) == HEAD:
            return False
        go(connection, command, to)
    return True


def go(connection: sa.Connection, command: str, to: str) -> None:
    """Takes the schema there inside the connection's transaction."""
    from alembic import command as alembic

    getattr(alembic, command)(config(connection), to)


def versions() -> list[str]:
    """Every schema version that this code knows."""
    return sorted(p.stem.partition("_")[0] for p in (FOLDER / "versions").glob("0*.py"))


def config(connection: sa.Connection | None = None) -> Any:
    """Alembic's configuration for this folder of migrations, on a connection of ours."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made
