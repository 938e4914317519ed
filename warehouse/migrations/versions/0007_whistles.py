"""吹哨、报到: whistles that stations blow and sections answer; and the scores of the monthly assessment, as they were published."""
import sqlalchemy as sa
from alembic import op

from warehouse import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

VIEWS = {
    "v_whistles": "select whistle_id, subject, asked_by, asked_unit, known_at, reported_at, outcome, reported_by from whistle",
    "v_monthly_scores": "select month_first, scheme, score, full_score, known_at, noted_by from monthly_score",
}


def upgrade() -> None:
    op.create_table(
        "whistle",
        sa.Column("whistle_id", sa.Text(), nullable=False), sa.Column("subject", sa.Text(), nullable=False), sa.Column("asked_by", sa.Text()), sa.Column("asked_unit", sa.Text(), nullable=False),
        sa.Column("known_at", types.Moment(), nullable=False), sa.Column("reported_at", types.Moment()), sa.Column("outcome", sa.Text()), sa.Column("reported_by", sa.Text()),
        sa.PrimaryKeyConstraint("whistle_id", name="pk_whistle"),
    )
    op.create_index("ix_whistle_known_at", "whistle", ["known_at"])
    op.create_table(
        "monthly_score",
        sa.Column("month_first", sa.Date(), nullable=False), sa.Column("scheme", sa.Text(), nullable=False), sa.Column("score", sa.Double(), nullable=False),
        sa.Column("full_score", sa.Double(), nullable=False), sa.Column("known_at", types.Moment(), nullable=False), sa.Column("noted_by", sa.Text()),
        sa.PrimaryKeyConstraint("month_first", "scheme", name="pk_monthly_score"),
    )
    for name, query in VIEWS.items():
        op.execute(f"create view {name} as {query}")


def downgrade() -> None:
    for view in VIEWS:
        op.execute(f"drop view {view}")
    op.drop_table("monthly_score")
    op.drop_index("ix_whistle_known_at", table_name="whistle")
    op.drop_table("whistle")
