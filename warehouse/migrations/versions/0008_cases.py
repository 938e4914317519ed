"""调处并举: cases beside the mediation of a record; and residents, so that records can be counted against population."""
import sqlalchemy as sa
from alembic import op

from warehouse import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CASES = "select case_id, record_id, case_no, law, filed_on, known_at, noted_by, closed_on, result, closed_at, closed_by from enforcement_case"
ITEM = ("ledger", "item_id", "valid_from", "valid_to", "place", "street", "used_since", "user_unit", "maintainer", "inspection_due", "last_inspected", "last_maintained", "faults",
        "risk_grade", "amount", "filed", "stopped", "known_at")


def items(*more: str) -> None:
    """The view of ledger items, with these columns after those that it has had."""
    op.execute("drop view v_ledger_items")
    op.execute(f"create view v_ledger_items as select {', '.join((*ITEM, *more))} from ledger_item")


def upgrade() -> None:
    op.create_table(
        "enforcement_case",
        sa.Column("case_id", sa.Text(), nullable=False), sa.Column("record_id", sa.Text(), nullable=False), sa.Column("case_no", sa.Text()), sa.Column("law", sa.Text()),
        sa.Column("filed_on", sa.Date(), nullable=False), sa.Column("known_at", types.Moment(), nullable=False), sa.Column("noted_by", sa.Text()),
        sa.Column("closed_on", sa.Date()), sa.Column("result", sa.Text()), sa.Column("closed_at", types.Moment()), sa.Column("closed_by", sa.Text()),
        sa.PrimaryKeyConstraint("case_id", name="pk_enforcement_case"),
    )
    op.create_index("ix_enforcement_case_record_id", "enforcement_case", ["record_id"])
    op.execute(f"create view v_cases as {CASES}")
    op.add_column("ledger_item", sa.Column("residents", sa.Integer()))
    items("residents")


def downgrade() -> None:
    items()
    op.drop_column("ledger_item", "residents")
    op.execute("drop view v_cases")
    op.drop_index("ix_enforcement_case_record_id", table_name="enforcement_case")
    op.drop_table("enforcement_case")
