"""A role of PostgreSQL that may read the published views and nothing else."""
from collections.abc import Sequence

from psycopg import sql

from warehouse.engine import raw, writing
from warehouse.published import VIEWS
from warehouse.store import Warehouse


def grant_readers(warehouse: Warehouse, role: str = "weisu_reader", members: Sequence[str] = ()) -> list[str]:
    """Makes the role where it is missing (without login) and lets it read the `v_*` views only; `members`: login roles that join it.

    Returns the statements as they were run. Raises ValueError on SQLite, which has no roles, ProgrammingError where this user may not.
    """
    if warehouse.settings.is_sqlite:
        raise ValueError("SQLite has no roles: give the reader a copy of the file, or use PostgreSQL")
    name, views = sql.Identifier(role), sql.SQL(", ").join(sql.Identifier(v) for v in VIEWS)
    done = []
    with writing(warehouse.engine) as connection, raw(connection).cursor() as cursor:
        cursor.execute("select current_schema(), exists (select 1 from pg_roles where rolname = %s)", (role,))
        here, there = cursor.fetchone()
        schema = sql.Identifier(here)
        statements = [] if there else [sql.SQL("create role {} nologin").format(name)]
        statements += [
            sql.SQL("revoke all on all tables in schema {} from {}").format(schema, name),
            sql.SQL("grant usage on schema {} to {}").format(schema, name),
            sql.SQL("grant select on {} to {}").format(views, name),
            *(sql.SQL("grant {} to {}").format(name, sql.Identifier(member)) for member in members),
        ]
        for statement in statements:
            cursor.execute(statement)
            done.append(statement.as_string(cursor))
    return done
