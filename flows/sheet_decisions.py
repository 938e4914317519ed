"""What sheets say of the bureau's own doing: points decided, consultations, key work, published scores, notices and nights."""

import polars as pl

from flows.outlook import who
from flows.scores import streaks
from flows.sheet import Known, Section, frame
from flows.sheet_figures import TOP, risen
from policy import taxonomy
from policy.catalogue import say

_TEXT = pl.String


def points_part(known: Known, done_too: bool) -> Section:
    """闭环: what reviews decided and is not done, those past their day first; `done_too`: with what was done in the period, and what came of it."""
    done_on = pl.col("done_at").dt.convert_time_zone("Asia/Shanghai").dt.date()
    wanted = pl.col("done_at").is_null() | (pl.lit(done_too) & done_on.is_between(known.period.first, known.day).fill_null(False))
    late = pl.col("done_at").is_null() & (pl.col("due_on") <= known.day).fill_null(False)
    rows = known.points.filter(wanted).with_columns(late.alias("_late")).sort(pl.col("done_at").is_not_null(), ~pl.col("_late"), "due_on", "point_id", nulls_last=True)
    shown = [
        {
            "decision": r["what"],
            "subject": known.subject(r["subject"]),
            "unit": r["unit"],
            "due_on": r["due_on"],
            "state": say("review.done" if r["done_at"] else "review.late" if r["_late"] else "review.open_point", known.lang),
            "result": r["result"],
            "decided": f"{say('review.name.' + r['period'], known.lang)} {r['sheet_day']}",
            "point_id": r["point_id"],
        }
        for r in rows.iter_rows(named=True)
    ]
    columns = {"decision": _TEXT, "subject": _TEXT, "unit": _TEXT, "due_on": pl.Date, "state": _TEXT, "result": _TEXT, "decided": _TEXT, "point_id": _TEXT}
    left = known.points["done_at"].null_count()
    count = (say("review.points.count", known.lang, left=left, all=known.points.height),) if known.points.height else ()
    return Section("points", frame(shown, columns), notes=count)


def consultations_part(known: Known) -> Section:
    """集中会商研判 held in the period, counted from rows; of more than a page holds, a row a subject."""
    at = known.asked or known.as_of
    rows = known.house.warehouse.select("consultation", "held_on between :a and :b", a=known.period.first, b=known.day)
    rows = rows.filter(pl.col("known_at") <= at) if known.asked else rows
    rows = rows.sort("held_on", "consultation_id").with_columns(pl.col("subject").map_elements(known.subject, return_dtype=pl.String))
    count = (say("review.consultations.count", known.lang, n=rows.height),) if rows.height else ()
    if rows.height <= TOP:
        return Section("consultations", rows.select("held_on", "subject", pl.col("participants").list.join("、"), "conclusion"), notes=count)
    by_subject = rows.group_by("subject").agg(
        pl.len().cast(pl.Int64).alias("times"), pl.col("held_on").last().alias("last_held"), pl.col("participants").list.explode().unique(maintain_order=True), pl.col("conclusion").drop_nulls().last()
    )
    by_subject = by_subject.sort("times", "subject", descending=[True, False]).with_columns(pl.col("participants").list.join("、"))
    return Section("consultations", by_subject.select("subject", "times", "last_held", "participants", "conclusion"), notes=count)


def key_work_part(known: Known, top: int = TOP) -> Section:
    """This week's key work, proposed: points past their day, red and orange warnings that nobody owns, cells that rose most; people decide."""
    rows = []
    for r in points_part(known, False).rows.filter(pl.col("state") == say("review.late", known.lang)).iter_rows(named=True):
        rows.append({"what": r["decision"], "why": say("review.propose.point", known.lang), "unit": r["unit"], "subject": r["point_id"]})
    for r in known.open.filter(pl.col("level").is_in(["red", "orange"]) & pl.col("owner").is_null()).sort("level", "warning_id", descending=[True, False]).iter_rows(named=True):
        rows.append({"what": r["title"], "why": say("review.propose.unowned", known.lang), "unit": r["assigned_to"] or r["lead_unit"], "subject": r["warning_id"]})
    for r in risen(known).head(5).iter_rows(named=True):
        rows.append(
            {
                "what": say("review.rise", known.lang, street=r["street"], problem=taxonomy.name(r["problem_code"], known.lang), n=r["n"], before=r["n_before"]),
                "why": say("review.propose.rise", known.lang),
                "unit": who(known.house, r["problem_code"], [r["street"]], known.day, known.lang),
            }
        )
    return Section("key_work", frame(rows[:top], {"what": _TEXT, "why": _TEXT, "unit": _TEXT, "subject": _TEXT}), notes=(say("review.propose.note", known.lang),) if rows else ())


def scores_part(known: Known) -> Section:
    """The assessment's published scores to the period's end, and how many months in a row had full marks."""
    return Section("scores", frame([{"what": line} for line in streaks(known.house, known.day, known.lang)], {"what": _TEXT}))


def notices_part(known: Known) -> Section:
    """What was said of the data and its intake in the period."""
    rows = known.house.warehouse.read("select raised_on, summary from v_notices where raised_on between :a and :b and as_of <= :at order by raised_on, code, summary", a=known.period.first, b=known.day, at=known.as_of)
    return Section("notices", rows)


def nights_part(known: Known) -> Section:
    """How the nights of the period ended."""
    rows = known.house.warehouse.read(
        "select run_date, outcome, rows_read, n_warnings from v_runs where kind = 'nightly' and run_date between :a and :b and as_of <= :at order by run_date, run_id", a=known.period.first, b=known.day, at=known.as_of
    )
    return Section("nights", rows.with_columns(pl.col("outcome").map_elements(lambda o: say(f"run.outcome.{o}", known.lang), return_dtype=pl.String)))
