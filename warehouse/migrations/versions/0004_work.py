"""A warning's life: its changes, owner, measures, watch and escalation; requests, rules, units, outbox and ranking; a function for PostgreSQL."""
import sqlalchemy as sa
from alembic import op

from warehouse import bulk, tables, types
from warehouse.work_rules import WORK_ARGUMENTS, WORK_FUNCTION, rule_writes

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = {"pack": sa.Text(), "lead_code": sa.Text(), "owner": sa.Text(), "measures": sa.Text(), "handled_by": sa.Text(), "closed_at": types.Moment(),
           "snoozed_until": sa.Date(), "follows": sa.Text(), "escalation_step": sa.BigInteger(), "escalated_to": sa.Text(),
           "escalated_at": types.Moment()}
VIEWS = {
    "v_work": """
        select w.warning_id, w.change_no, w.status, w.assigned_to, w.owner, w.due_at, w.snoozed_until, w.escalation_step, w.escalated_to,
               w.verdict, w.measures, w.handled_by, w.closed_on, w.follows, w.merged_into, r.date as ranked_on, r.rank, r.priority,
               r.expected_precision, r.basis
        from warning w left join ranking r on r.warning_id = w.warning_id
             and r.date = (select max(x.date) from ranking x where x.warning_id = w.warning_id)""",
    "v_warning_events": "select event_id, warning_id, known_at, kind, done_by, changes, note, run_id from warning_event",
    "v_outbox": "select message_id, created_at, kind, warning_id, level, lead_unit, title, body, lang, run_id, sent_at from outbox",
}


def upgrade() -> None:
    for table in ("warning", "replay_warning"):
        op.add_column(table, sa.Column("change_no", sa.BigInteger(), nullable=False, server_default=sa.text("1")))
        for name, kind in COLUMNS.items():
            op.add_column(table, sa.Column(name, kind))
    op.add_column("warning_event", sa.Column("facts", types.Json()))
    op.create_index("ix_warning_closed_on", "warning", ["closed_on"])
    op.create_index("ix_warning_due_at", "warning", ["due_at"])
    op.create_index("ix_warning_event_known_at", "warning_event", ["known_at"])
    op.create_table(
        "work_request",
        sa.Column("request_id", sa.Text(), nullable=False), sa.Column("warning_id", sa.Text(), nullable=False), sa.Column("action", sa.Text(), nullable=False),
        sa.Column("seen_no", sa.BigInteger()), sa.Column("done_by", sa.Text()), sa.Column("unit", sa.Text()), sa.Column("owner", sa.Text()),
        sa.Column("verdict", sa.Text()), sa.Column("measures", sa.Text()), sa.Column("note", sa.Text()), sa.Column("until", sa.Date()),
        sa.Column("requested_at", types.Moment()), sa.Column("applied_at", types.Moment()), sa.Column("outcome", sa.Text()), sa.Column("message", sa.Text()),
        sa.PrimaryKeyConstraint("request_id", name="pk_work_request"),
    )
    op.create_index("ix_work_request_applied_at", "work_request", ["applied_at"])
    op.create_table(
        "work_rule",
        sa.Column("action", sa.Text(), nullable=False), sa.Column("status", sa.Text(), nullable=False), sa.Column("leads", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False), sa.PrimaryKeyConstraint("action", "status", name="pk_work_rule"),
    )
    op.create_table(
        "unit",
        sa.Column("pack", sa.Text(), nullable=False), sa.Column("code", sa.Text(), nullable=False), sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False), sa.Column("kind", sa.Text(), nullable=False), sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False), sa.PrimaryKeyConstraint("pack", "code", name="pk_unit"),
    )
    op.create_table(
        "outbox",
        sa.Column("message_id", sa.Text(), nullable=False), sa.Column("created_at", types.Moment(), nullable=False), sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("warning_id", sa.Text(), nullable=False), sa.Column("level", sa.Text()), sa.Column("lead_unit", sa.Text()), sa.Column("title", sa.Text()),
        sa.Column("body", types.Json()), sa.Column("lang", sa.Text()), sa.Column("run_id", sa.Text()), sa.Column("sent_at", types.Moment()),
        sa.PrimaryKeyConstraint("message_id", name="pk_outbox"),
    )
    for name in ("sent_at", "created_at", "warning_id"):
        op.create_index(f"ix_outbox_{name}", "outbox", [name])
    for table, head in (("ranking", []), ("replay_ranking", ["run_id"])):
        op.create_table(
            table, *(sa.Column(c, sa.Text(), nullable=False) for c in head),
            sa.Column("date", sa.Date(), nullable=False), sa.Column("warning_id", sa.Text(), nullable=False), sa.Column("place_key", sa.Text(), nullable=False),
            sa.Column("as_of", types.Moment(), nullable=False), sa.Column("rank", sa.BigInteger(), nullable=False), sa.Column("priority", sa.Double(), nullable=False),
            sa.Column("expected_precision", sa.Double()), sa.Column("basis", sa.Text(), nullable=False), *([] if head else [sa.Column("run_id", sa.Text())]),
            sa.PrimaryKeyConstraint(*head, "date", "warning_id", name=f"pk_{table}"),
        )
    op.create_index("ix_ranking_warning_id", "ranking", ["warning_id"])
    connection = op.get_bind()
    for write in rule_writes():
        bulk.write(connection, tables.metadata.tables[write.table], write.rows(), "insert")
    for name, query in VIEWS.items():
        op.execute(f"create view {name} as {query}")
    if connection.dialect.name == "postgresql":
        schema = connection.execute(sa.text("select quote_ident(current_schema())")).scalar()
        connection.exec_driver_sql(WORK_FUNCTION.format(schema=schema).replace("%", "%%"))
        op.execute(f"revoke all on function weisu_work({WORK_ARGUMENTS}) from public")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"drop function weisu_work({WORK_ARGUMENTS})")
    for view in VIEWS:
        op.execute(f"drop view {view}")
    for table in ("replay_ranking", "ranking", "outbox", "unit", "work_rule", "work_request"):
        op.drop_table(table)
    for index, table in (("ix_warning_event_known_at", "warning_event"), ("ix_warning_due_at", "warning"), ("ix_warning_closed_on", "warning")):
        op.drop_index(index, table_name=table)
    op.drop_column("warning_event", "facts")
    for table in ("warning", "replay_warning"):
        for name in ("change_no", *COLUMNS):
            op.drop_column(table, name)
