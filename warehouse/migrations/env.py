"""Runs migrations on the connection that `warehouse.migrate` hands over, inside its transaction."""
from alembic import context

from warehouse.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations with `weisu db upgrade`, which knows the database")
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
