"""What sheets say of single matters: the hard ones, clocks, warnings and what staff found, whistles, and loops that are open."""

from datetime import timedelta

import polars as pl

from flows.scores import whistles_known
from flows.sheet import Known, Section, behind, frame, joined, local, traced
from flows.tracks import sides, tracks
from policy.catalogue import say
from policy.clocks import OVER, due
from policy.hard import marks
from transforms.privacy import mask_respondent

#: So many hard matters stand on a sheet; `--trace` and the workbook have them all the same way.
HARD_SHOWN = 15
#: A callback is missing when it has not come so many days after the closing.
CALLED_BACK_DAYS = 14
_TEXT = pl.String


def hard_part(known: Known, top: int = HARD_SHOWN) -> Section:
    """疑难: open matters with what makes each hard, who handles it and who owns it to its end."""
    names = {m.id: m.name(known.lang) for m in marks(known.day)}
    found = known.hard.head(top)
    masked = mask_respondent(found["respondent_name"].cast(pl.String)) if found.height else found["respondent_name"]
    rows = [
        {
            "what": known.problem(r) or r["title"],
            "street": r["street"],
            "respondent": who,
            "n_records": r["n_records"],
            "open_days": r["open_days"],
            "why": joined([names[m] for m in r["marks"]], known.lang),
            "lead_unit": r["assigned_to"] or r["lead_unit"],
            "owner": r["owner"],
            "warning_id": r["warning_id"],
            "matter": r["matter"],
        }
        for r, who in zip(found.iter_rows(named=True), masked.to_list())
    ]
    columns = {"what": _TEXT, "street": _TEXT, "respondent": _TEXT, "n_records": pl.Int64, "open_days": pl.Int64, "why": _TEXT, "lead_unit": _TEXT, "owner": _TEXT, "warning_id": _TEXT, "matter": _TEXT}
    n, owned = known.hard.height, known.hard["owner"].drop_nulls().len()
    said = say("review.hard.count", known.lang, n=n, owned=owned) + (say("review.hard.shown", known.lang, n=top) if n > top else "")
    return Section("hard", frame(rows, columns), behind(found), (said,) if n else ())


def clocks_part(known: Known, days: int = 1, top: int = 30) -> Section:
    """Open records whose acceptance or closing clock has run out, or does so by the end of the day `days` after the period; the first due first."""
    end = known.as_of + timedelta(days=days)
    open_ = known.facts.records.filter(~pl.col("status").is_in(OVER))
    clock = pl.when(pl.col("accepted_at").is_null() & pl.col("due_at").is_null()).then("accept_due").otherwise("close_due")
    found = open_.with_columns(clock.alias("clock")).filter(pl.col("clock") <= end).sort("clock", "record_id")
    n_late = found.filter(pl.col("clock") <= known.as_of).height
    rows = [
        {
            "what": known.problem(r) or r["title"],
            "street": r["street"],
            "lead_unit": r["lead_unit"],
            "due_at": local(r["clock"]),
            "state": say("review.late" if r["clock"] <= known.as_of else "review.near", known.lang),
            "ground": r["ground"],
            "record_id": r["record_id"],
        }
        for r in _grounds(known, found.head(top)).iter_rows(named=True)
    ]
    columns = {"what": _TEXT, "street": _TEXT, "lead_unit": _TEXT, "due_at": _TEXT, "state": _TEXT, "ground": _TEXT, "record_id": _TEXT}
    shown = found.head(top).select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), "record_id")
    return Section("clocks", frame(rows, columns), shown, (say("review.clocks.count", known.lang, late=n_late, near=found.height - n_late),) if found.height else ())


def _grounds(known: Known, rows: pl.DataFrame) -> pl.DataFrame:
    """`ground`: the source and article of the clock that runs; the order itself where it states a limit."""
    out = []
    for (source,), part in rows.group_by("source_id", maintain_order=True):
        pack = known.house.mappings[source].pack if source in known.house.mappings else None
        asked = part.with_columns(pl.when(pl.col("accepted_at").is_null()).then(pl.lit("open")).otherwise(pl.lit("in_hand")).alias("status"))
        own = pl.lit(say("review.order", known.lang))
        out.append(part.with_columns(due(asked, pack)["due_source"].alias("ground")).with_columns(pl.when(pl.col("due_at").is_not_null()).then(own).otherwise("ground").alias("ground")))
    return pl.concat(out).sort("clock", "record_id") if out else rows.with_columns(pl.lit(None, pl.String).alias("ground"))


def tracks_part(known: Known) -> Section:
    """调处并举: cases that are open, or were closed in the period, each with the mediation of its record beside it; the first due first."""
    told = tracks(known.house, known.as_of, known.asked)
    seen = told.filter((pl.col("filed_on") <= known.day) & (pl.col("closed_on").is_null() | pl.col("closed_on").is_between(known.period.first, known.day)))
    rows = [{"what": known.problem(r), "street": r["street"], "lead_unit": r["lead_unit"], **sides(r, known.day, known.lang), "ground": r["case_ground"], "law": r["law"],
             "case_id": r["case_no"] or r["case_id"], "record_id": r["record_id"]} for r in seen.iter_rows(named=True)]
    columns = dict.fromkeys(("what", "street", "lead_unit", "mediation", "case", "ground", "law", "case_id", "record_id"), _TEXT)
    ids = seen.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), "record_id")
    return Section("tracks", frame(rows, columns), ids, (say("review.tracks.note", known.lang),) if rows else ())


def warnings_part(known: Known, key: str, which: pl.Expr) -> Section:
    """Warnings, the gravest first, with who leads, who owns, what is due."""
    rows = known.warnings.filter(which).sort(pl.col("level").replace_strict({"red": 0, "orange": 1, "yellow": 2, "blue": 3}, default=9, return_dtype=pl.Int8), "warning_id")
    shown = rows.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), "warning_id").join(known.behind_warnings, on="warning_id").select("row", "record_id")
    told = rows.select("level", "title", "n_records", "status", "lead_unit", "owner", pl.col("due_at").map_elements(local, return_dtype=pl.String), "warning_id")
    return Section(key, told, shown)


def verdicts_part(known: Known) -> Section:
    """What staff found in the period, by kind of warning: verdicts, of which confirmed, partly, unfounded."""
    rows = known.warnings.filter(pl.col("verdict").is_not_null() & pl.col("closed_on").is_between(known.period.first, known.day))
    counted = rows.group_by("kind", "verdict").agg(pl.len().cast(pl.Int64).alias("n"), pl.col("warning_id")).sort("kind", "verdict")
    ids = counted.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), "warning_id").explode("warning_id", empty_as_null=True).drop_nulls("warning_id").join(known.behind_warnings, on="warning_id")
    return Section("verdicts", counted.select("kind", "verdict", pl.col("n").alias("n_verdicts")), ids.select("row", "record_id"))


def open_loops_part(known: Known) -> Section:
    """未闭环 and 派不出: closed without a reply or an outcome, or a fortnight ago without a callback; open without a unit. Counts, of how many, and the oldest record of each.

    What no closed record has is not delivered by the source, and said so instead of being counted.
    """
    closed = pl.col("status") == "closed"
    kinds = {
        "no_unit": (~pl.col("status").is_in(OVER), pl.col("lead_unit").is_not_null()),
        "no_reply": (closed, pl.col("has_reply")),
        "no_outcome": (closed, pl.col("outcome").is_not_null()),
        "no_callback": (closed & (pl.col("closed_at") <= known.as_of - timedelta(days=CALLED_BACK_DAYS)), pl.col("callback_at").is_not_null()),
    }
    seen, rows, ids, never = known.facts.records.filter(pl.col("local_date") <= known.day).sort("local_date", "record_id"), [], [], []
    for kind, (which, has) in kinds.items():
        asked = seen.filter(which)
        found = asked.filter(~has)
        if asked.height and found.height == asked.height and kind != "no_unit":
            never.append(say(f"review.loop.{kind}", known.lang))
        elif found.height:
            rows.append({"what": say(f"review.loop.{kind}", known.lang), "n": found.height, "of_asked": f"{found.height:,}/{asked.height:,}", "oldest": found["local_date"][0], "record_id": found["record_id"][0]})
            ids.append({"row": len(rows), "record_id": found["record_id"].to_list()})
    notes = (say("review.loop.never", known.lang, names=joined(never, known.lang)),) if never else ()
    since = (say("review.loop.since", known.lang, day=seen["local_date"][0]),) if rows else ()
    return Section("loops", frame(rows, {"what": _TEXT, "n": pl.Int64, "of_asked": _TEXT, "oldest": pl.Date, "record_id": _TEXT}), traced(ids), (*since, *notes))


def whistles_part(known: Known) -> Section:
    """吹哨未报到: whistles that nobody has answered, the oldest first; how many were, and how soon."""
    told = whistles_known(known.house, known.asked)
    open_ = told.filter(pl.col("reported_at").is_null())
    rows = [
        {"subject": known.subject(r["subject"]), "asked_by": r["asked_by"], "asked_unit": r["asked_unit"], "hours": round(max((known.as_of - r["known_at"]).total_seconds(), 0) / 3600, 1), "whistle_id": r["whistle_id"]}
        for r in open_.iter_rows(named=True)
    ]
    columns = {"subject": _TEXT, "asked_by": _TEXT, "asked_unit": _TEXT, "hours": pl.Float64, "whistle_id": _TEXT}
    median = told.select(pl.col("hours").median()).item()
    count = say("whistle.count", known.lang, n=told.height, reported=told.height - open_.height)
    soon = "" if median is None else say("whistle.soon", known.lang, hours=f"{median:.1f}")
    return Section("whistles", frame(rows, columns), notes=(count + soon,) if told.height else ())
