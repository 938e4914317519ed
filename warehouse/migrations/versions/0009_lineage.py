"""Lineage of found problems and of incidents: births, mergers, splits and ends; what people decided of a found problem; their views."""
from typing import Any

import sqlalchemy as sa
from alembic import op

from warehouse import types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_LINEAGE = "select event_id, kind, thing_id as {thing}_id, other, n_records, reason, day, known_at, run_id from lineage where thing = '{thing}'"
VIEWS = {
    "v_problems": "select problem_id, problem_code, name, n_records, first_seen, last_seen, merged_into, ended_on, pinned, promoted_to, run_id from problem",
    "v_incidents": "select incident_id, place, problem_code, respondent, title, first_seen, last_seen, n_records, n_callers, merged_into, run_id from incident",
    "v_problem_lineage": _LINEAGE.format(thing="problem"),
    "v_incident_lineage": _LINEAGE.format(thing="incident"),
}
COLUMNS: dict[str, Any] = {"pinned": sa.Boolean(), "promoted_to": sa.Text(), "ended_on": sa.Date()}
INDEXES = {"ix_lineage_thing_id": ["thing_id"], "ix_lineage_other": ["other"], "ix_lineage_day": ["day"], "ix_lineage_thing_kind_place_key_day": ["thing", "kind", "place_key", "day"]}


def upgrade() -> None:
    op.create_table(
        "lineage",
        sa.Column("event_id", sa.Text(), nullable=False), sa.Column("thing", sa.Text(), nullable=False), sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("thing_id", sa.Text(), nullable=False), sa.Column("other", sa.Text()), sa.Column("n_records", sa.BigInteger()), sa.Column("reason", sa.Text()),
        sa.Column("place_key", sa.Text(), nullable=False), sa.Column("day", sa.Date(), nullable=False), sa.Column("known_at", types.Moment(), nullable=False),
        sa.Column("run_id", sa.Text()), sa.PrimaryKeyConstraint("event_id", name="pk_lineage"),
    )
    for name, columns in INDEXES.items():
        op.create_index(name, "lineage", columns)
    for name, kind in COLUMNS.items():
        op.add_column("problem", sa.Column(name, kind))
    op.create_index("ix_incident_respondent", "incident", ["respondent"])
    for name, query in VIEWS.items():
        op.execute(f"create view {name} as {query}")


def downgrade() -> None:
    for view in VIEWS:
        op.execute(f"drop view {view}")
    op.drop_index("ix_incident_respondent", table_name="incident")
    for name in COLUMNS:
        op.drop_column("problem", name)
    for name in INDEXES:
        op.drop_index(name, table_name="lineage")
    op.drop_table("lineage")
