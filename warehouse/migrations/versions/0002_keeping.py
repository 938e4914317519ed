"""What a house is kept by: digests of what a run left, the key that its pseudonyms are made with, a way to a run's records."""
import sqlalchemy as sa
from alembic import op

from warehouse import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("digests", types.Json(), nullable=True))
    op.create_index("ix_record_run_id", "record", ["run_id"])
    op.create_table(
        "house_key",
        sa.Column("key_id", sa.Text(), nullable=False), sa.Column("known_at", types.Moment(), nullable=False),
        sa.Column("reason", sa.Text()), sa.Column("n_linked", sa.BigInteger()), sa.Column("n_unlinked", sa.BigInteger()),
        sa.Column("n_files", sa.BigInteger()), sa.Column("n_files_gone", sa.BigInteger()),
        sa.PrimaryKeyConstraint("key_id", name="pk_house_key"),
    )


def downgrade() -> None:
    op.drop_table("house_key")
    op.drop_index("ix_record_run_id", table_name="record")
    op.drop_column("run", "digests")
