"""What a replay said of records, notices and metrics, beside its warnings and series; a day's metrics and quarantined rows are found by index."""

import sqlalchemy as sa
from alembic import op

from warehouse import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "replay_record",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("fine_place", sa.Text()),
        sa.Column("coarse_place", sa.Text()),
        sa.Column("problem_code", sa.Text()),
        sa.Column("problem_id", sa.Text()),
        sa.Column("incident_id", sa.Text()),
        sa.PrimaryKeyConstraint("run_id", "record_id", name="pk_replay_record"),
    )
    op.create_table(
        "replay_notice",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("as_of", types.Moment(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("source_id", sa.Text()),
        sa.Column("problem_code", sa.Text()),
        sa.Column("place", sa.Text()),
        sa.Column("n_records", sa.BigInteger()),
        sa.Column("n_callers", sa.BigInteger()),
        sa.Column("summary", sa.Text()),
        sa.Column("details", types.Json()),
        sa.Column("lang", sa.Text()),
        sa.PrimaryKeyConstraint("run_id", "notice_id", name="pk_replay_notice"),
    )
    op.create_table(
        "replay_metric",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("numerator", sa.Double()),
        sa.Column("denominator", sa.Double()),
        sa.Column("value", sa.Double()),
        sa.Column("low", sa.Double()),
        sa.Column("high", sa.Double()),
        sa.Column("mature", sa.Boolean()),
        sa.Column("as_of", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "metric", "period_start", "period_end", "grain", "key", name="pk_replay_metric"),
    )
    op.create_index("ix_metric_as_of", "metric", ["as_of"])
    op.create_index("ix_quarantine_first_seen", "quarantine", ["first_seen"])


def downgrade() -> None:
    op.drop_index("ix_quarantine_first_seen", table_name="quarantine")
    op.drop_index("ix_metric_as_of", table_name="metric")
    for table in ("replay_metric", "replay_notice", "replay_record"):
        op.drop_table(table)
