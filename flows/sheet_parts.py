"""The parts that sheets are made of: figures, problems, places, clocks, hard matters, warnings, points decided, and what the data lack."""
from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from flows.causes import caused, sentences
from flows.closure import closed_in
from flows.closure import counts as closure_counts
from flows.drives import measure, theme_of
from flows.drives import sentences as effect_words
from flows.figures import columns_of, figures, names_of, scheme_of
from flows.ledgers import in_force, ranked
from flows.ledgers import words as item_words
from flows.metrics import title_of, words
from flows.outlook import outlook, who
from flows.outlook import words as outlook_words
from flows.proposals import case_line
from flows.scores import streaks, whistles_known
from flows.sheet import Known, Section, behind, frame, local
from policy import taxonomy
from policy.catalogue import say
from policy.hard import frequent, marks
from policy.ledgers import ledgers
from policy.metrics import SCORE, metric
from transforms.causes import by_chance
from transforms.privacy import mask_respondent
from transforms.proposals import PARTS

TOP = 10
#: A callback is missing when it has not come so many days after the closing.
CALLED_BACK_DAYS = 14
_OVER = ("closed", "withdrawn", "void")
_TEXT = pl.String


def figures_part(known: Known, wanted: Sequence[str], compare: Sequence[str]) -> Section:
    """Metrics of the period beside those that they are compared with, each with its denominator and whether it can still change."""
    rows, ids, empty = [], [], []
    shown = [*wanted, *([SCORE] if any(s.shown for s in _schemes(known)) else [])]
    for name in shown:
        told = {c: figures(known.facts, name, [known.period], None, c) for c in compare}
        first = next(iter(told.values()))
        if first.is_empty():
            continue
        if first["value"][0] is None:
            empty.append(title_of(name, known.period, known.lang))
            continue
        said = {c: words(t.row(0, named=True), {}, known.lang, brief=True) for c, t in told.items()}
        one = said[compare[0]]
        rows.append({"what": title_of(name, known.period, known.lang), "value": one["value"], "interval": one["interval"], "of": one["of"], "waiting": one["waiting"],
                     **{c: said[c]["change"] for c in compare}, "notes": one["notes"]})
        ids.append({"row": len(rows), "record_id": _counted(known, name)})
    columns = dict.fromkeys(("what", "value", "interval", "of", "waiting", *compare, "notes"), _TEXT)
    traced = pl.DataFrame(ids, schema={"row": pl.Int64, "record_id": pl.List(pl.String)}).explode("record_id", empty_as_null=True).drop_nulls("record_id")
    missing = (say("review.no_figure", known.lang, names="、".join(empty) if known.lang == "zh" else ", ".join(empty)),) if empty else ()
    return Section("figures", frame(rows, columns), traced, missing)


def _schemes(known: Known) -> list:
    from policy.metrics import schemes
    return list(schemes(known.day).values())


def _counted(known: Known, name: str) -> list[str]:
    """The records that give a figure its numerator; of a score those of its parts."""
    parts = [m for _, m in scheme_of(None, known.period).parts] if name == SCORE else [m for m in [metric(name, known.day)] if m]
    out: set[str] = set()
    for m in parts:
        if m.over == "records":
            given = known.records.select("record_id", pl.sql_expr(m.whole).fill_null(False).alias("whole"), pl.sql_expr(m.part).cast(pl.Float64).fill_null(0).alias("part"))
            out.update(given.filter(pl.col("whole") & (pl.col("part") > 0))["record_id"].to_list())
    return sorted(out)


def counted_part(known: Known, key: str, by: str, compare: str, top: int = TOP, moved: bool = False) -> Section:
    """The commonest of the period by problem, group, street … with their share, a day and a day before, and the change; the others in one row.

    Ties with the last one named are named as well. moved: a line of what carries the change, where it is beyond chance.
    """
    column, n = columns_of("records")[by], known.records.height
    told = figures(known.facts, "records", [known.period], by, compare).filter(pl.col("grain") == by).sort("value", "key", descending=[True, False])
    least = told["value"][min(top, told.height) - 1] if told.height else 0
    named = told.filter(pl.col("value") >= least)
    keys = names_of(known.facts, by, known.lang)
    other = known.period.year_before() if compare == "year" else known.other
    rows, ids = [], []
    for r in named.iter_rows(named=True):
        said = words(r, keys, known.lang, brief=True)
        row = {"what": said["key"], "n": int(r["value"]), "share": f"{r['value'] / n:.1%}", "per_day": round(r["value"] / known.period.days, 2),
               "per_day_before": None if r["before"] is None else round(r["before"] / other.days, 2), "change": said["change"]}
        if moved:
            row["moved"] = _moved(known, pl.col(column) == r["key"], compare)
        rows.append(row)
        ids.append({"row": len(rows), "record_id": known.records.filter(pl.col(column) == r["key"])["record_id"].to_list()})
    rest = known.records.filter(~pl.col(column).is_in(named["key"].implode()) | pl.col(column).is_null())
    if rest.height:
        rows.append({"what": say("review.rest", known.lang), "n": rest.height, "share": f"{rest.height / n:.1%}", "per_day": round(rest.height / known.period.days, 2)})
        ids.append({"row": len(rows), "record_id": rest["record_id"].to_list()})
    columns = {"what": _TEXT, "n": pl.Int64, "share": _TEXT, "per_day": pl.Float64, "per_day_before": pl.Float64, "change": _TEXT, **({"moved": _TEXT} if moved else {})}
    missing = () if known.facts.has(other) else (say("metrics.note.gap_before", known.lang),)
    return Section(key, frame(rows, columns), _ids(ids), missing)


def _moved(known: Known, which: pl.Expr, compare: str) -> str | None:
    found = caused(known.facts, which, known.period, compare)
    if found.lines is None or found.chance or found.lines.height < 2:
        return None
    first = sentences(found, "", known.lang)[1].strip()
    return first


def _ids(rows: list[dict]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"row": pl.Int64, "record_id": pl.List(pl.String)}).explode("record_id", empty_as_null=True).drop_nulls("record_id")


def risen(known: Known) -> pl.DataFrame:
    """Problem × street that rose beyond chance against the period before, a day at a time where lengths differ: problem_code, street, n, n_before, rise, record_id."""
    cell = ["problem_code", "street"]
    n = lambda p, c: known.facts.within("records", p).drop_nulls(cell).group_by(cell).agg(pl.len().cast(pl.Int64).alias(c), *([pl.col("record_id")] if c == "n" else []))
    scale = known.period.days / known.other.days
    both = n(known.period, "n").join(n(known.other, "n_before"), on=cell, how="left").with_columns(pl.col("n_before").fill_null(0), (
        pl.col("n") - pl.col("n_before").fill_null(0) * scale).alias("rise"))
    beyond = pl.col("rise") > 2 * (pl.col("n") + pl.col("n_before") * scale * scale).sqrt()
    return both.filter(beyond & (pl.col("n") >= 3)).sort("rise", *cell, descending=[True, False, False]) if known.facts.has(known.other) else both.clear()


def cells_part(known: Known, top: int = TOP) -> Section:
    """The cells that rose most beyond chance."""
    found = risen(known).head(top)
    keys = names_of(known.facts, "problem", known.lang)
    rows = [{"what": keys.get(r["problem_code"], r["problem_code"]), "street": r["street"], "n": r["n"], "per_day": round(r["n"] / known.period.days, 2),
             "per_day_before": round(r["n_before"] / known.other.days, 2)} for r in found.iter_rows(named=True)]
    return Section("cells", frame(rows, {"what": _TEXT, "street": _TEXT, "n": pl.Int64, "per_day": pl.Float64, "per_day_before": pl.Float64}), behind(found, "record_id"))


def frequent_part(known: Known) -> Section:
    """高频: problems among the commonest, or risen against the year before by more than the rule says and beyond chance; which of the two is said."""
    rules = frequent()
    told = figures(known.facts, "records", [known.period], "problem", "year").filter((pl.col("grain") == "problem") & (pl.col("value") >= rules["least"]))
    told = told.sort("value", "key", descending=[True, False]).with_row_index("_n")
    keys, rows, ids = names_of(known.facts, "problem", known.lang), [], []
    for r in told.iter_rows(named=True):
        why = (["top"] if r["_n"] < rules["top"] else []) + (["rise"] if r["before"] and r["change"] is not None and r["change"] >= rules["rise"] and not by_chance(
            int(r["before"]), int(r["value"])) else [])
        if why:
            said = words(r, keys, known.lang, brief=True)
            rows.append({"what": said["key"], "n": int(r["value"]), "change": said["change"], "why": "、".join(say(f"review.why.{w}", known.lang) for w in why)})
            ids.append({"row": len(rows), "record_id": known.records.filter(pl.col("problem_code") == r["key"])["record_id"].to_list()})
    return Section("frequent", frame(rows, {"what": _TEXT, "n": pl.Int64, "change": _TEXT, "why": _TEXT}), _ids(ids))


def hard_part(known: Known, top: int = 30) -> Section:
    """疑难: open matters with what makes each hard, who handles it and who owns it to its end."""
    names = {m.id: m.name(known.lang) for m in marks(known.day)}
    found = known.hard.head(top)
    masked = mask_respondent(found["respondent_name"].cast(pl.String)) if found.height else found["respondent_name"]
    rows = [{"matter": r["matter"], "what": r["problem_name"] or r["title"], "street": r["street"], "respondent": who, "n_records": r["n_records"], "open_days": r["open_days"],
             "why": "、".join(names[m] for m in r["marks"]), "lead_unit": r["assigned_to"] or r["lead_unit"], "owner": r["owner"], "warning_id": r["warning_id"]}
            for r, who in zip(found.iter_rows(named=True), masked.to_list())]
    columns = {"matter": _TEXT, "what": _TEXT, "street": _TEXT, "respondent": _TEXT, "n_records": pl.Int64, "open_days": pl.Int64, "why": _TEXT, "lead_unit": _TEXT, "owner": _TEXT,
               "warning_id": _TEXT}
    n, owned = known.hard.height, known.hard["owner"].drop_nulls().len()
    return Section("hard", frame(rows, columns), behind(found), (say("review.hard.count", known.lang, n=n, owned=owned),))


def clocks_part(known: Known, days: int = 1, top: int = 30) -> Section:
    """Open records whose acceptance or closing clock has run out, or does so by the end of the day `days` after the period; the first due first."""
    end = known.as_of + timedelta(days=days)
    open_ = known.facts.records.filter(~pl.col("status").is_in(_OVER))
    clock = pl.when(pl.col("accepted_at").is_null() & pl.col("due_at").is_null()).then("accept_due").otherwise("close_due")
    due = open_.with_columns(clock.alias("clock")).filter(pl.col("clock") <= end).sort("clock", "record_id")
    n_late = due.filter(pl.col("clock") <= known.as_of).height
    rows = [{"record_id": r["record_id"], "what": r["problem_name"] or r["title"], "street": r["street"], "lead_unit": r["lead_unit"], "due_at": local(r["clock"]),
             "state": say("review.late" if r["clock"] <= known.as_of else "review.near", known.lang), "ground": r["ground"]} for r in _grounds(known, due.head(top)).iter_rows(named=True)]
    columns = {"record_id": _TEXT, "what": _TEXT, "street": _TEXT, "lead_unit": _TEXT, "due_at": _TEXT, "state": _TEXT, "ground": _TEXT}
    traced = due.head(top).select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), "record_id")
    return Section("clocks", frame(rows, columns), traced, (say("review.clocks.count", known.lang, late=n_late, near=due.height - n_late),))


def _grounds(known: Known, rows: pl.DataFrame) -> pl.DataFrame:
    """`ground`: the source and article of the clock that runs; the order itself where it states a limit."""
    from policy.clocks import due
    out = []
    for (source,), part in rows.group_by("source_id", maintain_order=True):
        pack = known.house.mappings[source].pack if source in known.house.mappings else None
        asked = part.with_columns(pl.when(pl.col("accepted_at").is_null()).then(pl.lit("open")).otherwise(pl.lit("in_hand")).alias("status"))
        own = pl.lit(say("review.order", known.lang))
        out.append(part.with_columns(due(asked, pack)["due_source"].alias("ground")).with_columns(pl.when(pl.col("due_at").is_not_null()).then(own).otherwise("ground").alias("ground")))
    return pl.concat(out).sort("clock", "record_id") if out else rows.with_columns(pl.lit(None, pl.String).alias("ground"))


def warnings_part(known: Known, key: str, which: pl.Expr) -> Section:
    """Warnings, the gravest first, with who leads, who owns, what is due."""
    rows = known.warnings.filter(which).sort(pl.col("level").replace_strict({"red": 0, "orange": 1, "yellow": 2, "blue": 3}, default=9, return_dtype=pl.Int8), "warning_id")
    traced = rows.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), "warning_id").join(known.behind_warnings, on="warning_id").select("row", "record_id")
    shown = rows.select("level", "title", "status", "lead_unit", "owner", "n_records", pl.col("due_at").map_elements(local, return_dtype=pl.String), "warning_id")
    return Section(key, shown, traced)


def open_loops_part(known: Known) -> Section:
    """未闭环 and 派不出: closed without a reply or an outcome, or a fortnight ago without a callback; open without a unit. Counts and the oldest record of each.

    What no closed record has is not delivered by the source, and said so instead of being counted.
    """
    closed = pl.col("status") == "closed"
    kinds = {"no_unit": (~pl.col("status").is_in(_OVER), pl.col("lead_unit").is_not_null()), "no_reply": (closed, pl.col("has_reply")), "no_outcome": (closed, pl.col("outcome").is_not_null()),
             "no_callback": (closed & (pl.col("closed_at") <= known.as_of - timedelta(days=CALLED_BACK_DAYS)), pl.col("callback_at").is_not_null())}
    seen, rows, ids, never = known.facts.records.filter(pl.col("local_date") <= known.day).sort("local_date", "record_id"), [], [], []
    for kind, (which, has) in kinds.items():
        asked = seen.filter(which)
        found = asked.filter(~has)
        if asked.height and found.height == asked.height and kind != "no_unit":
            never.append(say(f"review.loop.{kind}", known.lang))
        elif found.height:
            rows.append({"what": say(f"review.loop.{kind}", known.lang), "n": found.height, "oldest": found["local_date"][0], "record_id": found["record_id"][0]})
            ids.append({"row": len(rows), "record_id": found["record_id"].to_list()})
    notes = (say("review.loop.never", known.lang, names="、".join(never) if known.lang == "zh" else ", ".join(never)),) if never else ()
    return Section("loops", frame(rows, {"what": _TEXT, "n": pl.Int64, "oldest": pl.Date, "record_id": _TEXT}), _ids(ids), notes)


def points_part(known: Known, done_too: bool) -> Section:
    """闭环: what reviews decided and is not done, those past their day first; `done_too`: with what was done in the period, and what came of it."""
    done_on = pl.col("done_at").dt.convert_time_zone("Asia/Shanghai").dt.date()
    wanted = pl.col("done_at").is_null() | (pl.lit(done_too) & done_on.is_between(known.period.first, known.day).fill_null(False))
    late = pl.col("done_at").is_null() & (pl.col("due_on") <= known.day).fill_null(False)
    rows = known.points.filter(wanted).with_columns(late.alias("_late")).sort(pl.col("done_at").is_not_null(), ~pl.col("_late"), "due_on", "point_id", nulls_last=True)
    shown = [{"point_id": r["point_id"], "decided": f"{say('review.name.' + r['period'], known.lang)} {r['sheet_day']}", "what": r["what"], "subject": r["subject"], "unit": r["unit"],
              "due_on": r["due_on"], "state": say("review.done" if r["done_at"] else "review.late" if r["_late"] else "review.open_point", known.lang), "result": r["result"]}
             for r in rows.iter_rows(named=True)]
    columns = {"point_id": _TEXT, "decided": _TEXT, "what": _TEXT, "subject": _TEXT, "unit": _TEXT, "due_on": pl.Date, "state": _TEXT, "result": _TEXT}
    left = known.points["done_at"].null_count()
    return Section("points", frame(shown, columns), notes=(say("review.points.count", known.lang, left=left, all=known.points.height),))


def verdicts_part(known: Known) -> Section:
    """What staff found in the period, by kind of warning: verdicts, of which confirmed, partly, unfounded."""
    rows = known.warnings.filter(pl.col("verdict").is_not_null() & pl.col("closed_on").is_between(known.period.first, known.day))
    counted = rows.group_by("kind", "verdict").agg(pl.len().cast(pl.Int64).alias("n"), pl.col("warning_id")).sort("kind", "verdict")
    traced = counted.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), "warning_id").explode("warning_id", empty_as_null=True).drop_nulls("warning_id").join(known.behind_warnings, on="warning_id")
    return Section("verdicts", counted.select("kind", "verdict", "n"), traced.select("row", "record_id"))


def failures_part(known: Known, top: int = TOP) -> Section:
    """Where mediation failed or a closed matter was opened again, by problem: the class behind each is the problem itself."""
    kinds = {"refused": pl.col("outcome") == "refused", "reopened": pl.col("reopened"), "unsolved": (pl.col("status") == "closed") & ~pl.col("solved")}
    rows = known.records.filter(pl.any_horizontal(*(k.fill_null(False) for k in kinds.values())) & pl.col("problem_code").is_not_null())
    counted = rows.group_by("problem_code").agg(pl.len().cast(pl.Int64).alias("n"), *(k.fill_null(False).sum().cast(pl.Int64).alias(c) for c, k in kinds.items()), pl.col("record_id")).sort(
        "n", "problem_code", descending=[True, False]).head(top)
    keys = names_of(known.facts, "problem", known.lang)
    shown = counted.with_columns(pl.col("problem_code").replace(keys).alias("what")).select("what", "n", *kinds)
    return Section("failures", shown, behind(counted, "record_id"))


def ranking_part(known: Known, by: str, wanted: Sequence[str], key: str) -> Section:
    """Streets or units side by side by rates, the busiest first; an immature figure carries an asterisk, a missing one a dash."""
    told = {m: figures(known.facts, m, [known.period], by).filter(pl.col("grain") == by) for m in ("records", *wanted)}
    busiest = told["records"].sort("value", "key", descending=[True, False]).head(30)
    rows = []
    for r in busiest.iter_rows(named=True):
        row = {"what": r["key"], "n": int(r["value"])}
        for m in wanted:
            one = told[m].filter(pl.col("key") == r["key"])
            said = words(one.row(0, named=True), {}, known.lang) if one.height else None
            row[m] = "—" if said is None or said["value"] == "—" else f"{said['value']} ({said['of']})" + ("" if one["mature"][0] else "*")
        rows.append(row)
    column = columns_of("records")[by]
    ids = [{"row": k, "record_id": known.records.filter(pl.col(column) == r["key"])["record_id"].to_list()} for k, r in enumerate(busiest.iter_rows(named=True), 1)]
    return Section(key, frame(rows, {"what": _TEXT, "n": pl.Int64, **dict.fromkeys(wanted, _TEXT)}), _ids(ids), (say("review.star", known.lang),))


def cases_part(known: Known) -> Section:
    """诉转案: cases filed by problem, with the complaints and reports that they are a share of."""
    rows = known.records.filter(pl.col("record_type").is_in(["complaint", "report"]) & pl.col("problem_code").is_not_null())
    counted = rows.group_by("problem_code").agg(pl.len().cast(pl.Int64).alias("of"), (pl.col("outcome") == "filed").sum().cast(pl.Int64).alias("n"),
                                                pl.col("record_id").filter(pl.col("outcome") == "filed")).filter(pl.col("n") > 0).sort("n", "problem_code", descending=[True, False])
    shown = counted.with_columns(pl.col("problem_code").map_elements(lambda c: taxonomy.name(c, known.lang), return_dtype=pl.String).alias("what")).select("what", "n", pl.col("of").cast(pl.String))
    return Section("cases", shown, behind(counted, "record_id"))


def consultations_part(known: Known) -> Section:
    """集中会商研判 held in the period: counted from rows."""
    at = known.asked or known.as_of
    rows = known.house.warehouse.select("consultation", "held_on between :a and :b", a=known.period.first, b=known.day)
    rows = rows.filter(pl.col("known_at") <= at) if known.asked else rows
    shown = rows.sort("held_on", "consultation_id").select("held_on", "subject", pl.col("participants").list.join("、"), "conclusion")
    return Section("consultations", shown, notes=(say("review.consultations.count", known.lang, n=rows.height),))


def key_work_part(known: Known, top: int = TOP) -> Section:
    """This week's key work, proposed: points past their day, red and orange warnings that nobody owns, cells that rose most; people decide."""
    rows = []
    for r in points_part(known, False).rows.filter(pl.col("state") == say("review.late", known.lang)).iter_rows(named=True):
        rows.append({"why": say("review.propose.point", known.lang), "what": r["what"], "unit": r["unit"], "subject": r["point_id"]})
    for r in known.open.filter(pl.col("level").is_in(["red", "orange"]) & pl.col("owner").is_null()).sort("level", "warning_id", descending=[True, False]).iter_rows(named=True):
        rows.append({"why": say("review.propose.unowned", known.lang), "what": r["title"], "unit": r["assigned_to"] or r["lead_unit"], "subject": r["warning_id"]})
    for r in risen(known).head(5).iter_rows(named=True):
        rows.append({"why": say("review.propose.rise", known.lang), "what": f"{r['street']} {taxonomy.name(r['problem_code'], known.lang)}",
                     "unit": who(known.house, r["problem_code"], [r["street"]], known.day, known.lang), "subject": r["problem_code"]})
    return Section("key_work", frame(rows[:top], {"why": _TEXT, "what": _TEXT, "unit": _TEXT, "subject": _TEXT}), notes=(say("review.propose.note", known.lang),))


def notices_part(known: Known) -> Section:
    """What was said of the data and its intake in the period."""
    rows = known.house.warehouse.read("select raised_on, code, summary from v_notices where raised_on between :a and :b and as_of <= :at order by 1, 2, 3",
                                      a=known.period.first, b=known.day, at=known.as_of)
    return Section("notices", rows)


def nights_part(known: Known) -> Section:
    """How the nights of the period ended."""
    rows = known.house.warehouse.read("select run_date, outcome, rows_read, n_warnings from v_runs where kind = 'nightly' and run_date between :a and :b and as_of <= :at "
                                      "order by run_date, run_id", a=known.period.first, b=known.day, at=known.as_of)
    return Section("nights", rows)


def themes_part(known: Known) -> Section:
    """每月一题: what the data propose for next month, every part of the score shown; people choose."""
    found = known.past.proposals()
    shown = found.with_columns(pl.col("problem_code").map_elements(lambda c: taxonomy.name(c, known.lang), return_dtype=pl.String).alias("what")).select("what", "n", *PARTS, "score")
    return Section("themes", shown, behind(found), tuple(say("themes.running", known.lang, title=t) for t in theme_of(known.day, known.drives).values()))


def suspects_part(known: Known, top: int = 15) -> Section:
    """诉转案线索: respondents whose complaints and reports of one problem point to a case; leads, no finding."""
    found = known.past.suspects()
    shown = found.head(top)
    rows = [{"what": case_line(r, known.lang)} for r in shown.iter_rows(named=True)]
    return Section("suspects", frame(rows, {"what": _TEXT}), behind(shown), (say("review.suspects.count", known.lang, n=found.height, shown=shown.height),))


def drives_part(known: Known) -> Section:
    """专项检查 and 每月一题 of the last half-year: what was found, what came after against streets without it, and what came again."""
    rows, ids = [], []
    recent = known.drives.filter((pl.col("first_day") <= known.day) & (pl.col("last_day") >= known.day - timedelta(days=182)))
    for d in recent.iter_rows(named=True):
        told = measure(known.house, d, known.as_of, known.drives)
        rows.append({"drive_id": d["drive_id"], "what": effect_words(told, known.lang)[0], "result": " ".join(effect_words(told, known.lang)[1:])})
        ids.append({"row": len(rows), "record_id": sorted(set().union(*told.again.values()))})
    return Section("drives", frame(rows, {"drive_id": _TEXT, "what": _TEXT, "result": _TEXT}), _ids(ids))


def ledgers_part(known: Known, top: int = TOP) -> Section:
    """清单台账: of each ledger the items to inspect next, with their marks and, of overdue checks, the ground."""
    rows, ids, notes = [], [], []
    for name, ledger in ledgers().items():
        if in_force(known.house, name, known.day).is_empty():
            continue
        found = ranked(known.house, ledger, known.day, known.as_of, known.asked)
        checks = [r.id for r in ledger.rules(known.day) if r.check]
        late = found.filter(pl.col("marks").list.set_intersection(pl.lit(checks, pl.List(pl.String))).list.len() > 0).height
        notes.append(say("ledger.title", known.lang, name=ledger.name(known.lang), n=found.height, late=late, day=known.day))
        for r in found.filter(pl.col("score") > 0).head(top).iter_rows(named=True):
            rows.append({"what": ledger.name(known.lang), "item": r["item_id"], "place": r["place"], "street": r["street"], "score": r["score"], "n": r["n_records"],
                         "why": item_words(r, ledger, known.day, known.lang)})
            ids.append({"row": len(rows), "record_id": r["record_ids"]})
    columns = {"what": _TEXT, "item": _TEXT, "place": _TEXT, "street": _TEXT, "score": pl.Int64, "n": pl.Int64, "why": _TEXT}
    return Section("ledgers", frame(rows, columns), _ids(ids), tuple(notes))


def closure_part(known: Known) -> Section:
    """Closed records that a person should look at again, by reason; reasons, no judgement."""
    closed = closed_in(known.house, known.period, known.as_of)
    told = closure_counts(closed)
    rows = [{"why": say(f"closure.{r['reason']}", known.lang), "n": r["n"], "share": f"{r['n'] / closed.height:.1%}"} for r in told.iter_rows(named=True)]
    return Section("closure", frame(rows, {"why": _TEXT, "n": pl.Int64, "share": _TEXT}), behind(told), (say("closure.note", known.lang, n=closed.height),))


def outlook_part(known: Known, top: int = TOP) -> Section:
    """民情月历: what the week and the four weeks after the period are likely to bring, beside the same weeks last year, and who should act now."""
    told = outlook(known.house, known.day, known.as_of)
    rows = [outlook_words(known.house, r, known.day, known.lang) for r in told.rows.head(top + 1).iter_rows(named=True)] if told else []
    columns = dict.fromkeys(("what", "week", "month", "past", "last_year", "where", "who"), _TEXT)
    return Section("outlook", frame(rows, columns), notes=() if told else (say("outlook.none", known.lang),))


def whistles_part(known: Known) -> Section:
    """吹哨未报到: whistles that nobody has answered, the oldest first; how many were, and how soon."""
    told = whistles_known(known.house, known.asked)
    open_ = told.filter(pl.col("reported_at").is_null())
    rows = [{"whistle_id": r["whistle_id"], "subject": r["subject"], "asked_by": r["asked_by"], "asked_unit": r["asked_unit"],
             "hours": round(max((known.as_of - r["known_at"]).total_seconds(), 0) / 3600, 1)} for r in open_.iter_rows(named=True)]
    columns = {"whistle_id": _TEXT, "subject": _TEXT, "asked_by": _TEXT, "asked_unit": _TEXT, "hours": pl.Float64}
    median = told.select(pl.col("hours").median()).item()
    count = say("whistle.count", known.lang, n=told.height, reported=told.height - open_.height, hours="—" if median is None else f"{median:.1f}")
    return Section("whistles", frame(rows, columns), notes=(count,))


def scores_part(known: Known) -> Section:
    """The assessment's published scores to the period's end, and how many months in a row had full marks."""
    return Section("scores", frame([{"what": line} for line in streaks(known.house, known.day, known.lang)], {"what": _TEXT}))
