"""What sheets count: figures of the registry, problems, streets and units side by side, what rose, what failed."""

from collections.abc import Sequence

import polars as pl

from flows.causes import caused, sentences
from flows.closure import closed_in
from flows.closure import counts as closure_counts
from flows.drives import campaigns
from flows.figures import columns_of, figures, names_of, scheme_of
from flows.metrics import title_of, words
from flows.residents import per_10k, rates
from flows.sheet import Known, Section, behind, frame, joined, traced
from policy import taxonomy
from policy.catalogue import say
from policy.hard import frequent
from policy.metrics import SCORE, metric, schemes
from transforms.causes import by_chance

TOP = 10
_TEXT = pl.String
#: What is said of a comparison stands with the change, not with the figure.
_OF_COMPARISON = ("gap_before",)


def figures_part(known: Known, wanted: Sequence[str], compare: Sequence[str]) -> Section:
    """Metrics of the period beside those that they are compared with, each with its denominator and whether it can still change."""
    rows, ids, empty = [], [], []
    shown = [*wanted, *([SCORE] if any(s.shown for s in schemes(known.day).values()) else [])]
    for name in shown:
        told = {c: figures(known.facts, name, [known.period], None, c) for c in compare}
        first = next(iter(told.values()))
        if first.is_empty():
            continue
        if first["value"][0] is None:
            empty.append(title_of(name, known.period, known.lang))
            continue
        notes = list(dict.fromkeys(n for t in told.values() for n in t["notes"][0] if n not in _OF_COMPARISON))
        said = {c: words({**t.row(0, named=True), "notes": notes}, {}, known.lang, brief=True) for c, t in told.items()}
        one = said[compare[0]]
        missing = say("review.not_compared", known.lang)
        rows.append(
            {
                "what": title_of(name, known.period, known.lang),
                "value": one["value"],
                "interval": one["interval"],
                "of": one["of"],
                "waiting": one["waiting"],
                **{c: missing if "gap_before" in told[c]["notes"][0] else said[c]["change"] for c in compare},
                "notes": one["notes"],
            }
        )
        ids.append({"row": len(rows), "record_id": _counted(known, name)})
    columns = dict.fromkeys(("what", "value", "interval", "of", "waiting", *compare, "notes"), _TEXT)
    running = tuple(say("review.campaign", known.lang, text=t) for t in campaigns(known.drives, [known.period, known.other, known.period.year_before()], known.lang))
    said_nothing = (say("review.no_figure", known.lang, names=joined(empty, known.lang)),) if empty else ()
    return Section("figures", frame(rows, columns), traced(ids), (*said_nothing, *running))


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

    Where records of the year before are missing it is compared with the period before, and says so.
    Of a single day only its counts and the day before's. Ties with the last one named are named as well. moved: a line of what carries the change, where it is beyond chance.
    """
    column, n, notes = columns_of("records")[by], known.records.height, []
    if compare == "year" and not known.facts.has(known.period.year_before()):
        compare = "previous"
        notes.append(say("review.no_year", known.lang))
    told = figures(known.facts, "records", [known.period], by, compare).filter(pl.col("grain") == by).sort("value", "key", descending=[True, False])
    least = told["value"][min(top, told.height) - 1] if told.height else 0
    named = told.filter(pl.col("value") >= least)
    keys = names_of(known.facts, by, known.lang)
    other = known.period.year_before() if compare == "year" else known.other
    before = "per_day_year" if compare == "year" else "per_day_before"
    rows, ids = [], []
    for r in named.iter_rows(named=True):
        said = words(r, keys, known.lang, brief=True)
        row = {
            "what": said["key"],
            "n": int(r["value"]),
            "share": f"{r['value'] / n:.1%}",
            "per_day": round(r["value"] / known.period.days, 2),
            before: None if r["before"] is None else round(r["before"] / other.days, 2),
            "day_before": None if r["before"] is None else int(r["before"]),
            "change": said["change"],
        }
        if moved:
            row["moved"] = _moved(known, pl.col(column) == r["key"], compare)
        rows.append(row)
        ids.append({"row": len(rows), "record_id": known.records.filter(pl.col(column) == r["key"])["record_id"].to_list()})
    rest = known.records.filter(~pl.col(column).is_in(named["key"].implode()) | pl.col(column).is_null())
    if rest.height:
        rows.append({"what": say("review.rest", known.lang), "n": rest.height, "share": f"{rest.height / n:.1%}", "per_day": round(rest.height / known.period.days, 2)})
        ids.append({"row": len(rows), "record_id": rest["record_id"].to_list()})
    pace = {"day_before": pl.Int64} if known.period.days == other.days == 1 else {"per_day": pl.Float64, before: pl.Float64}
    columns = {"what": _TEXT, "n": pl.Int64, "share": _TEXT, **pace, "change": _TEXT, **({"moved": _TEXT} if moved else {})}
    if not known.facts.has(other):
        notes = [say("metrics.note.gap_before", known.lang)]
    return Section(key, frame(rows, columns), traced(ids), tuple(notes))


def _moved(known: Known, which: pl.Expr, compare: str) -> str | None:
    found = caused(known.facts, which, known.period, compare)
    if found.lines is None or found.chance or found.lines.height < 2:
        return None
    first = sentences(found, "", known.lang)[1].strip()
    return first


def risen(known: Known) -> pl.DataFrame:
    """Problem × street that rose beyond chance against the period before, a day at a time where lengths differ: problem_code, street, n, n_before, rise, record_id."""
    cell = ["problem_code", "street"]
    n = lambda p, c: known.facts.within("records", p).drop_nulls(cell).group_by(cell).agg(pl.len().cast(pl.Int64).alias(c), *([pl.col("record_id")] if c == "n" else []))
    scale = known.period.days / known.other.days
    both = n(known.period, "n").join(n(known.other, "n_before"), on=cell, how="left").with_columns(pl.col("n_before").fill_null(0), (pl.col("n") - pl.col("n_before").fill_null(0) * scale).alias("rise"))
    beyond = pl.col("rise") > 2 * (pl.col("n") + pl.col("n_before") * scale * scale).sqrt()
    return both.filter(beyond & (pl.col("n") >= 3)).sort("rise", *cell, descending=[True, False, False]) if known.facts.has(known.other) else both.clear()


def cells_part(known: Known, top: int = TOP) -> Section:
    """The cells that rose most beyond chance."""
    found = risen(known).head(top)
    keys = names_of(known.facts, "problem", known.lang)
    rows = [
        {
            "what": keys.get(r["problem_code"], r["problem_code"]),
            "street": r["street"],
            "n": r["n"],
            "n_before": r["n_before"],
            "per_day": round(r["n"] / known.period.days, 2),
            "per_day_before": round(r["n_before"] / known.other.days, 2),
        }
        for r in found.iter_rows(named=True)
    ]
    columns = {"what": _TEXT, "street": _TEXT, "n": pl.Int64, "n_before": pl.Int64, "per_day": pl.Float64, "per_day_before": pl.Float64}
    return Section("cells", frame(rows, columns), behind(found, "record_id"))


def frequent_part(known: Known) -> Section:
    """高频: problems among the commonest, or risen against the year before by more than the rule says and beyond chance; which of the two is said, and in how many streets."""
    rules = frequent()
    told = figures(known.facts, "records", [known.period], "problem", "year").filter((pl.col("grain") == "problem") & (pl.col("value") >= rules["least"]))
    told = told.sort("value", "key", descending=[True, False]).with_row_index("_n")
    keys, rows, ids, people = names_of(known.facts, "problem", known.lang), [], [], known.residents
    for r in told.iter_rows(named=True):
        why = (["top"] if r["_n"] < rules["top"] else []) + (["rise"] if r["before"] and r["change"] is not None and r["change"] >= rules["rise"] and not by_chance(int(r["before"]), int(r["value"])) else [])
        if why:
            said, mine = words(r, keys, known.lang, brief=True), known.records.filter(pl.col("problem_code") == r["key"])
            rows.append({"what": said["key"], "n": mine.height, "streets": mine["street"].drop_nulls().n_unique(), "per_10k": rates(mine, people), "change": said["change"],
                         "why": joined([say(f"review.why.{w}", known.lang) for w in why], known.lang)})
            ids.append({"row": len(rows), "record_id": mine["record_id"].to_list()})
    return Section("frequent", frame(rows, {"what": _TEXT, "n": pl.Int64, "streets": pl.Int64, "per_10k": pl.Float64, "change": _TEXT, "why": _TEXT}), traced(ids), per_head(known))


def per_head(known: Known) -> tuple[str, ...]:
    """What figures per 10,000 residents are of, where any are known."""
    people = known.residents
    return (say("review.per_head", known.lang, n=len(people), people=f"{sum(people.values()):,}"),) if people else ()


def ranking_part(known: Known, by: str, wanted: Sequence[str], key: str) -> Section:
    """Streets or units side by side by rates, the busiest first; an immature figure carries an asterisk, a missing one a dash."""
    told = {m: figures(known.facts, m, [known.period], by).filter(pl.col("grain") == by) for m in ("records", *wanted)}
    busiest = told["records"].sort("value", "key", descending=[True, False]).head(30)
    rows, young = [], False
    for r in busiest.iter_rows(named=True):
        row = {"what": r["key"], "n": int(r["value"]), "per_10k": per_10k(int(r["value"]), known.residents.get(r["key"])) if by == "street" else None}
        for m in wanted:
            one = told[m].filter(pl.col("key") == r["key"])
            said = words(one.row(0, named=True), {}, known.lang) if one.height else None
            row[m] = "—" if said is None or said["value"] == "—" else f"{said['value']} ({said['of']})" + ("" if one["mature"][0] else "*")
            young |= row[m].endswith("*")
        rows.append(row)
    column = columns_of("records")[by]
    ids = [{"row": k, "record_id": known.records.filter(pl.col(column) == r["key"])["record_id"].to_list()} for k, r in enumerate(busiest.iter_rows(named=True), 1)]
    notes = ((say("review.star", known.lang),) if young else ()) + (per_head(known) if by == "street" else ())
    return Section(key, frame(rows, {"what": _TEXT, "n": pl.Int64, "per_10k": pl.Float64, **dict.fromkeys(wanted, _TEXT)}), traced(ids), notes)


def failures_part(known: Known, top: int = TOP) -> Section:
    """Where mediation failed or a closed matter was opened again, by problem, with the problem's records that they are a share of: the class behind each is the problem itself."""
    kinds = {"refused": pl.col("outcome") == "refused", "reopened": pl.col("reopened"), "unsolved": (pl.col("status") == "closed") & ~pl.col("solved")}
    all_ = known.records.filter(pl.col("problem_code").is_not_null()).group_by("problem_code").agg(pl.len().alias("_all"))
    rows = known.records.filter(pl.any_horizontal(*(k.fill_null(False) for k in kinds.values())) & pl.col("problem_code").is_not_null())
    counted = (
        rows.group_by("problem_code")
        .agg(pl.len().cast(pl.Int64).alias("n"), *(k.fill_null(False).sum().cast(pl.Int64).alias(c) for c, k in kinds.items()), pl.col("record_id"))
        .sort("n", "problem_code", descending=[True, False])
        .head(top)
        .join(all_, on="problem_code", how="left", maintain_order="left")
    )
    keys = names_of(known.facts, "problem", known.lang)
    of = pl.format("{}/{}", "n", "_all")
    shown = counted.with_columns(pl.col("problem_code").replace(keys).alias("what"), of.alias("of_problem")).select("what", "n", "of_problem", *kinds)
    return Section("failures", shown, behind(counted, "record_id"))


def cases_part(known: Known) -> Section:
    """诉转案: cases filed by problem, with the complaints and reports that they are a share of."""
    rows = known.records.filter(pl.col("record_type").is_in(["complaint", "report"]) & pl.col("problem_code").is_not_null())
    counted = (
        rows.group_by("problem_code")
        .agg(pl.len().cast(pl.Int64).alias("of"), (pl.col("outcome") == "filed").sum().cast(pl.Int64).alias("n"), pl.col("record_id").filter(pl.col("outcome") == "filed"))
        .filter(pl.col("n") > 0)
        .sort("n", "problem_code", descending=[True, False])
    )
    shown = counted.with_columns(pl.col("problem_code").map_elements(lambda c: taxonomy.name(c, known.lang), return_dtype=pl.String).alias("what"), pl.format("{}/{}", "n", "of").alias("of_problem")).select(
        "what", "n", "of_problem"
    )
    return Section("cases", shown, behind(counted, "record_id"))


def closure_part(known: Known) -> Section:
    """Closed records that a person should look at again, by reason; reasons, no judgement."""
    closed = closed_in(known.house, known.period, known.as_of)
    told = closure_counts(closed)
    rows = [{"why": say(f"closure.{r['reason']}", known.lang), "n": r["n"], "share": f"{r['n'] / closed.height:.1%}"} for r in told.iter_rows(named=True)]
    return Section("closure", frame(rows, {"why": _TEXT, "n": pl.Int64, "share": _TEXT}), behind(told), (say("closure.note", known.lang, n=closed.height),))
