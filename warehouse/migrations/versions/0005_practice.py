"""What reviews decide and what is consulted on; special inspections and themes with their results."""
import sqlalchemy as sa
from alembic import op

from warehouse import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

VIEWS = {
    "v_review_points": "select point_id, period, sheet_day, known_at, subject, what, unit, due_on, decided_by, done_at, result, done_by from review_point",
    "v_consultations": "select consultation_id, held_on, known_at, subject, participants, conclusion, noted_by from consultation",
    "v_drives": """
        select drive_id, kind, level, title, problem_code, streets, first_day, last_day, units, measures, target, origin, known_at, noted_by, n_inspected, n_found, n_cases,
               result, result_at, result_by
        from drive""",
}


def upgrade() -> None:
    op.create_table(
        "review_point",
        sa.Column("point_id", sa.Text(), nullable=False), sa.Column("period", sa.Text(), nullable=False), sa.Column("sheet_day", sa.Date(), nullable=False),
        sa.Column("known_at", types.Moment(), nullable=False), sa.Column("subject", sa.Text()), sa.Column("what", sa.Text(), nullable=False), sa.Column("unit", sa.Text()),
        sa.Column("due_on", sa.Date()), sa.Column("decided_by", sa.Text()), sa.Column("done_at", types.Moment()), sa.Column("result", sa.Text()), sa.Column("done_by", sa.Text()),
        sa.PrimaryKeyConstraint("point_id", name="pk_review_point"),
    )
    op.create_index("ix_review_point_done_at", "review_point", ["done_at"])
    op.create_table(
        "consultation",
        sa.Column("consultation_id", sa.Text(), nullable=False), sa.Column("held_on", sa.Date(), nullable=False), sa.Column("known_at", types.Moment(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False), sa.Column("participants", types.Texts(), nullable=False), sa.Column("conclusion", sa.Text()), sa.Column("noted_by", sa.Text()),
        sa.PrimaryKeyConstraint("consultation_id", name="pk_consultation"),
    )
    op.create_index("ix_consultation_held_on", "consultation", ["held_on"])
    op.create_table(
        "drive",
        sa.Column("drive_id", sa.Text(), nullable=False), sa.Column("kind", sa.Text(), nullable=False), sa.Column("level", sa.Text()), sa.Column("title", sa.Text(), nullable=False),
        sa.Column("problem_code", sa.Text(), nullable=False), sa.Column("streets", types.Texts()), sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False), sa.Column("units", types.Texts()), sa.Column("measures", sa.Text()), sa.Column("target", sa.Double()),
        sa.Column("origin", sa.Text()), sa.Column("known_at", types.Moment(), nullable=False), sa.Column("noted_by", sa.Text()), sa.Column("n_inspected", sa.BigInteger()),
        sa.Column("n_found", sa.BigInteger()), sa.Column("n_cases", sa.BigInteger()), sa.Column("result", sa.Text()), sa.Column("result_at", types.Moment()),
        sa.Column("result_by", sa.Text()), sa.PrimaryKeyConstraint("drive_id", name="pk_drive"),
    )
    op.create_index("ix_drive_problem_code", "drive", ["problem_code"])
    for name, query in VIEWS.items():
        op.execute(f"create view {name} as {query}")


def downgrade() -> None:
    for view in VIEWS:
        op.execute(f"drop view {view}")
    op.drop_table("drive")
    op.drop_table("consultation")
    op.drop_table("review_point")
