"""Ledgers: versions of items at risk, and what happened to them."""
import sqlalchemy as sa
from alembic import op

from warehouse import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

VIEWS = {
    "v_ledger_items": """
        select ledger, item_id, valid_from, valid_to, place, street, used_since, user_unit, maintainer, inspection_due, last_inspected, last_maintained, faults, risk_grade,
               amount, filed, stopped, known_at
        from ledger_item""",
    "v_ledger_events": "select event_id, ledger, item_id, kind, day, note, known_at, noted_by from ledger_event",
}


def upgrade() -> None:
    op.create_table(
        "ledger_item",
        sa.Column("ledger", sa.Text(), nullable=False), sa.Column("item_id", sa.Text(), nullable=False), sa.Column("valid_from", sa.Date(), nullable=False), sa.Column("valid_to", sa.Date()),
        sa.Column("place", sa.Text()), sa.Column("street", sa.Text()), sa.Column("used_since", sa.Date()), sa.Column("user_unit", sa.Text()), sa.Column("maintainer", sa.Text()),
        sa.Column("inspection_due", sa.Date()), sa.Column("last_inspected", sa.Date()), sa.Column("last_maintained", sa.Date()), sa.Column("faults", sa.BigInteger()),
        sa.Column("risk_grade", sa.Text()), sa.Column("amount", sa.Double()), sa.Column("filed", sa.Boolean()), sa.Column("stopped", sa.Boolean()),
        sa.Column("known_at", types.Moment(), nullable=False), sa.PrimaryKeyConstraint("ledger", "item_id", "valid_from", name="pk_ledger_item"),
    )
    op.create_table(
        "ledger_event",
        sa.Column("event_id", sa.Text(), nullable=False), sa.Column("ledger", sa.Text(), nullable=False), sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False), sa.Column("day", sa.Date(), nullable=False), sa.Column("note", sa.Text()), sa.Column("known_at", types.Moment(), nullable=False),
        sa.Column("noted_by", sa.Text()), sa.PrimaryKeyConstraint("event_id", name="pk_ledger_event"),
    )
    op.create_index("ix_ledger_event_ledger_item_id", "ledger_event", ["ledger", "item_id"])
    for name, query in VIEWS.items():
        op.execute(f"create view {name} as {query}")


def downgrade() -> None:
    for view in VIEWS:
        op.execute(f"drop view {view}")
    op.drop_table("ledger_event")
    op.drop_table("ledger_item")
