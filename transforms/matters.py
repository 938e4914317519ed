"""From signals to matters: one cause lights many cells, and people are told of the cause once, as large as it is.

Signals that rest on the same records belong to one matter. Its subject is what explains it: an incident or a respondent
that holds at least half of the rise, else the street that holds most of it, else the whole place with its streets listed.
"""
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

SIGNAL: dict[str, Any] = {
    "signal_id": pl.String,       # permanent name, e.g. a series id or "sentinel:<record_id>"
    "kind": pl.String,            # surge, incident, slow_rise, inquiry_rise, sentinel, cluster, recurrence, spread, novelty
    "level": pl.String,           # fine, coarse, respondent, incident, record
    "problem_code": pl.String,
    "fine_place": pl.String,
    "coarse_place": pl.String,
    "respondent_key": pl.String,
    "incident_id": pl.String,
    "observed": pl.Float64,       # records in the window that spoke
    "expected": pl.Float64,       # what was expected in it; null for kinds without a p-value
    "p_value": pl.Float64,
    "window": pl.Int32,           # days
    "rule": pl.String,            # of a kind without a p-value
}
MEMBER: dict[str, Any] = {"signal_id": pl.String, "record_id": pl.String}

#: A subject explains a rise where it holds this share of the excess.
EXPLAINS = 0.5
#: A second cause of a rise is a matter of its own where it alone holds this share of the excess.
LEAVES = 0.25
#: A street is the matter's place where it holds this share of the whole place's excess.
STREET_HOLDS = 0.6
#: Two signals are one matter where they share this share of the smaller one's records.
OVERLAP = 0.5
#: Two problems rising over a whole place are one shock where their excess lies in the same streets (Pearson's r).
SHOCK_CORRELATION = 0.5
SHOCK_STREETS = 4
#: Quieter signs: where a surge or a growing incident tells of the matter, they only stand beside it.
QUIET = ("slow_rise", "inquiry_rise")
#: What a dated rule says without a p-value, the gravest first: of several on one matter the first speaks.
BY_RULE = ("sentinel", "recurrence", "spread", "novelty", "cluster")
#: An incident or respondent explains nothing with fewer records than this.
LEAST = 3

MATTER: dict[str, Any] = {
    "matter": pl.Int32, "kind": pl.String, "subject": pl.String, "problem_code": pl.String, "problems": pl.List(pl.String),
    "fine_place": pl.String, "coarse_place": pl.String, "respondent_key": pl.String, "incident_id": pl.String,
    "incidents": pl.List(pl.String), "streets": pl.List(pl.String), "observed": pl.Float64, "expected": pl.Float64,
    "p_value": pl.Float64, "window": pl.Int32, "rule": pl.String, "signals": pl.List(pl.String),
}


@dataclass(frozen=True)
class Matters:
    """`matters`: MATTER columns, one row each; `records`: (matter, record_id), every record behind it."""

    matters: pl.DataFrame
    records: pl.DataFrame


def series_of(signal_id: str) -> str | None:
    """The series of the cell that a signal is about, whether it surged or rose slowly; None of what is no cell's."""
    return signal_id.removeprefix("slow:") if "@" in signal_id else None


def as_signals(found: pl.DataFrame) -> pl.DataFrame:
    """The frame with the columns of `SIGNAL`; what it has no word on is null."""
    return found.select((pl.col(c) if c in found.columns else pl.lit(None)).cast(t).alias(c) for c, t in SIGNAL.items())


def shocks(signals: pl.DataFrame, streets: pl.DataFrame) -> list[tuple[str, str]]:
    """Pairs of whole-place surges that are one shock: same place, same night, excess in the same streets.

    streets: (problem_code, coarse_place, fine_place, excess), every street of the speaking whole-place problems.
    """
    coarse = signals.filter((pl.col("kind") == "surge") & (pl.col("level") == "coarse")).sort("signal_id")
    rows = coarse.select("signal_id", "problem_code", "coarse_place").rows()
    out = []
    for i, (a, problem_a, place_a) in enumerate(rows):
        for b, problem_b, place_b in rows[i + 1:]:
            if place_a != place_b:
                continue
            pair = streets.filter((pl.col("coarse_place") == place_a) & pl.col("problem_code").is_in([problem_a, problem_b]))
            wide = pair.pivot(on="problem_code", index="fine_place", values="excess", aggregate_function="sum").fill_null(0)
            if problem_a not in wide.columns or problem_b not in wide.columns or wide.height < SHOCK_STREETS:
                continue
            x, y = wide[problem_a].to_numpy(), wide[problem_b].to_numpy()
            both = ((x > 0) & (y > 0)).sum() >= SHOCK_STREETS
            if both and x.std() > 0 and y.std() > 0 and np.corrcoef(x, y)[0, 1] >= SHOCK_CORRELATION:
                out.append((a, b))
    return out


def components(signals: pl.DataFrame, members: pl.DataFrame, links: list[tuple[str, str]]) -> pl.DataFrame:
    """(signal_id, matter): signals joined by shared records or by a given link; numbered by the smallest signal_id."""
    names = signals["signal_id"].sort().to_list()
    index = {s: i for i, s in enumerate(names)}
    n = len(names)
    size = members.group_by("signal_id").agg(pl.len().alias("size"))
    pairs = members.join(members, on="record_id", suffix="_b").filter(pl.col("signal_id") < pl.col("signal_id_b"))
    shared = (pairs.group_by("signal_id", "signal_id_b").len("both")
              .join(size, on="signal_id").join(size.rename({"signal_id": "signal_id_b", "size": "size_b"}), on="signal_id_b")
              .filter(pl.col("both") >= OVERLAP * pl.min_horizontal("size", "size_b")))
    shared = shared.join(_strangers(signals, members, size), on=["signal_id", "signal_id_b"], how="anti")
    edges = [(index[a], index[b]) for a, b in shared.select("signal_id", "signal_id_b").iter_rows()]
    edges += [(index[a], index[b]) for a, b in links]
    row, col = (np.array([e[k] for e in edges], int) for k in (0, 1))
    label = connected_components(coo_matrix((np.ones(len(edges)), (row, col)), shape=(n, n)), directed=False)[1]
    return pl.DataFrame({"signal_id": names, "_label": label.astype(np.int32)}, schema={"signal_id": pl.String, "_label": pl.Int32}) \
        .with_columns((pl.col("_label").rank("dense") - 1).cast(pl.Int32).alias("matter")).drop("_label")


def problem_group(code: str) -> pl.Expr:
    """The first level of a problem's code: `food` of `food.poisoning`; a source's category and a found problem are their own."""
    return pl.col(code).str.split(".").list.first()


def _strangers(signals: pl.DataFrame, members: pl.DataFrame, size: pl.DataFrame) -> pl.DataFrame:
    """(signal_id, signal_id_b), both ways round, of sentinels and signals that share a record and yet are not one matter: a record among many about
    another group of problems, in which a sentinel heard a danger, is a matter of its own, not the many's; and what a rule says of a few records is
    told beside a slow rise, not within it."""
    about = signals.select("signal_id", "kind", problem_group("problem_code").alias("_group"), "problem_code")
    danger = about.filter(pl.col("kind") == "sentinel")
    others = about.filter(pl.col("kind") != "sentinel")
    inside = members.join(danger, on="signal_id").join(members.join(others, on="signal_id"), on="record_id", suffix="_b")
    inside = inside.filter(pl.col("_group").ne_missing(pl.col("_group_b")))
    heard = inside.group_by("problem_code", "signal_id_b").agg(pl.col("record_id").n_unique().alias("_heard"))
    apart = inside.join(heard, on=["problem_code", "signal_id_b"]).join(size.rename({"signal_id": "signal_id_b"}), on="signal_id_b").filter(
        pl.col("_heard") < OVERLAP * pl.col("size")).select("signal_id", "signal_id_b")
    rules, quiet = (signals.filter(pl.col("kind").is_in(kinds)).select("signal_id") for kinds in (("sentinel", "cluster"), QUIET))
    apart = pl.concat([apart, rules.join(quiet, how="cross", suffix="_b")]).unique()
    return pl.concat([apart, apart.select(pl.col("signal_id_b").alias("signal_id"), pl.col("signal_id").alias("signal_id_b"))])


def _fine_siblings(signals: pl.DataFrame) -> list[tuple[str, str]]:
    """Streets of one place that rise together in one problem: linked in a chain."""
    fine = signals.filter((pl.col("kind") == "surge") & (pl.col("level") == "fine")).sort("signal_id")
    grouped = fine.group_by("problem_code", "coarse_place", maintain_order=True).agg("signal_id")
    return [(a, b) for ids in grouped["signal_id"].to_list() for a, b in itertools.pairwise(ids)]


def _same_rule_here(signals: pl.DataFrame) -> list[tuple[str, str]]:
    """Sentinels and clusters of one problem at one place, on one night, are one matter."""
    told = signals.filter(pl.col("kind").is_in(["sentinel", "cluster"]) & pl.col("fine_place").is_not_null()).sort("signal_id")
    grouped = told.group_by("problem_code", "coarse_place", "fine_place", maintain_order=True).agg("signal_id")
    return [(a, b) for ids in grouped["signal_id"].to_list() for a, b in itertools.pairwise(ids)]


def find_matters(signals: pl.DataFrame, members: pl.DataFrame, records: pl.DataFrame, streets: pl.DataFrame) -> Matters:
    """Joins signals into matters and names the subject of each.

    signals: SIGNAL columns. members: MEMBER columns, the records behind each signal. records: record_id, problem_code,
    fine_place, coarse_place, respondent_key, incident_id of at least all members and of all records of their incidents.
    streets: (problem_code, coarse_place, fine_place, excess), excess in the window of the whole place's signal.
    """
    if signals.is_empty():
        return Matters(pl.DataFrame(schema=MATTER), pl.DataFrame(schema={"matter": pl.Int32, "record_id": pl.String}))
    links = shocks(signals, streets) + _fine_siblings(signals) + _same_rule_here(signals)
    placed = signals.join(components(signals, members, links), on="signal_id").sort("matter", "signal_id")
    told = members.join(placed.select("signal_id", "matter"), on="signal_id").select("matter", "record_id").unique()
    told = told.join(records, on="record_id", how="left")
    rows, owned = [], []
    groups = [part for _, group in placed.group_by("matter", maintain_order=True) for part in _apart(group, members)]
    for matter, group in enumerate(groups):
        behind = told.filter(pl.col("matter") == group["matter"][0]).sort("record_id")
        if len(groups) > placed["matter"].n_unique():
            behind = behind.filter(pl.col("record_id").is_in(_of_signals(group, members)))
        row, ids = _subject(group, behind, members, records, streets)
        rows.append({"matter": matter, **row})
        owned.append(pl.DataFrame({"record_id": ids}, schema={"record_id": pl.String}).with_columns(
            pl.lit(matter, pl.Int32).alias("matter")).select("matter", "record_id"))
    return Matters(pl.DataFrame(rows, schema=MATTER), pl.concat(owned).unique().sort("matter", "record_id"))


def _apart(group: pl.DataFrame, members: pl.DataFrame) -> list[pl.DataFrame]:
    """The causes of one rise, where there are several: two incidents that share no record are not one matter because the cell above them counts both.

    The one that explains the rise keeps its cells; another leaves where it alone explains `LEAVES` of it. A rise that nothing explains stays whole.
    """
    cells = group.filter(pl.col("level").is_in(["fine", "coarse"]) & (pl.col("kind") == "surge"))
    causes = group.filter(pl.col("level").is_in(["incident", "respondent"]))
    if cells.is_empty() or causes.height < 2:
        return [group]
    rise = float((cells["observed"] - cells["expected"]).max())  # type: ignore[arg-type]
    inside = members.filter(pl.col("signal_id").is_in(causes["signal_id"].to_list()))
    part = components(causes, inside, [])
    sized = inside.join(part, on="signal_id").group_by("matter").agg(pl.col("record_id").n_unique().alias("n")).sort("n", "matter", descending=[True, False])
    if sized["n"][0] < max(LEAST, EXPLAINS * rise):
        return [group]
    leave = sized[1:].filter(pl.col("n") >= max(LEAST, LEAVES * rise))["matter"].to_list()
    gone = part.filter(pl.col("matter").is_in(leave))
    out = [group.filter(~pl.col("signal_id").is_in(gone["signal_id"].to_list()))]
    return out + [group.filter(pl.col("signal_id").is_in(ids["signal_id"].to_list())) for _, ids in gone.sort("matter").group_by("matter", maintain_order=True)]


def _top(behind: pl.DataFrame, column: str) -> tuple[str | None, int]:
    counts = behind.filter(pl.col(column).is_not_null()).group_by(column).len("n").sort("n", column, descending=[True, False])
    return (counts[column][0], int(counts["n"][0])) if counts.height else (None, 0)


def _of_signals(group: pl.DataFrame, members: pl.DataFrame) -> list[str]:
    return members.filter(pl.col("signal_id").is_in(group["signal_id"].to_list()))["record_id"].unique().sort().to_list()


def _subject(group: pl.DataFrame, behind: pl.DataFrame, members: pl.DataFrame, records: pl.DataFrame,
             streets: pl.DataFrame) -> tuple[dict, list[str]]:
    """The matter's row without its number, and the ids of its records."""
    surges = group.filter(pl.col("kind") == "surge").with_columns((pl.col("observed") - pl.col("expected")).alias("excess"))
    surges = surges.sort("excess", "signal_id", descending=[True, False])
    quiet = group.filter(pl.col("kind").is_in(QUIET)).sort("p_value", "signal_id")
    grown = group.filter(pl.col("kind") == "incident").sort("observed", "signal_id", descending=[True, False])
    by_rule = group.filter(pl.col("kind").is_in(BY_RULE)).sort(pl.col("kind").replace_strict(dict(zip(BY_RULE, range(len(BY_RULE)))), return_dtype=pl.Int8), "signal_id")
    base = {"signals": group["signal_id"].to_list(), "rule": by_rule["rule"][0] if by_rule.height else None, "streets": [],
            "incidents": [], "respondent_key": None, "incident_id": None}
    if surges.height:
        need = max(LEAST, EXPLAINS * float(surges["excess"][0]))
        incident, n_incident = _top(behind, "incident_id")
        respondent, n_respondent = _top(behind, "respondent_key")
        if respondent is not None and n_respondent >= need and n_respondent > n_incident:
            return _of_respondent(base, surges, behind, records, respondent)
        if incident is not None and n_incident >= need:
            return _of_incident(base, group, grown, surges, behind, records, incident)
        return _of_place(base, surges, members, streets)
    if grown.height:
        return _of_incident(base, group, grown, surges, behind, records, grown["incident_id"][0])
    if quiet.height:
        return _of_quiet(base, quiet, members, behind, records)
    lead = by_rule.row(0, named=True)
    ids = _of_signals(group, members)
    kind = lead["kind"]
    if lead["level"] == "respondent":
        # Of all that is said of a respondent only what the rule speaks of.
        row, _ = _of_respondent(base, by_rule.head(1), behind.filter(pl.col("record_id").is_in(ids)), records, lead["respondent_key"])
        return {**row, "kind": kind, "problem_code": lead["problem_code"], "observed": lead["observed"], "p_value": None}, ids
    if lead["level"] == "coarse":
        return {**base, "kind": kind, "subject": "coarse", "problem_code": lead["problem_code"], "problems": [lead["problem_code"]], "fine_place": None,
                "coarse_place": lead["coarse_place"], "streets": behind["fine_place"].drop_nulls().unique().sort().to_list(), "observed": lead["observed"],
                "expected": None, "p_value": None, "window": lead["window"]}, ids
    whole = behind.filter(pl.col("incident_id").is_not_null())["incident_id"].unique().sort().to_list()
    return {**base, "kind": kind, "subject": "record" if kind == "sentinel" else "incident" if lead["level"] == "incident" else "fine",
            "problem_code": lead["problem_code"],
            "problems": [lead["problem_code"]], "fine_place": lead["fine_place"], "coarse_place": lead["coarse_place"],
            "respondent_key": lead["respondent_key"], "incident_id": lead["incident_id"] or (whole[0] if len(whole) == 1 else None), "incidents": whole,
            # An incident's signal counts its records in the window; the matter has all of them.
            "observed": lead["observed"] if lead["level"] == "incident" else float(len(ids)), "expected": None, "p_value": None, "window": lead["window"]}, ids


def _modes(frame: pl.DataFrame) -> dict:
    commonest = (pl.col(c).drop_nulls().mode().sort().first() for c in ("problem_code", "fine_place", "coarse_place", "respondent_key"))
    return frame.select(commonest).row(0, named=True)


def _of_incident(base, group, grown, surges, behind, records, incident) -> tuple[dict, list[str]]:
    incidents = sorted({incident, *(i for i in grown["incident_id"].to_list() if i)})
    whole = records.filter(pl.col("incident_id").is_in(incidents))
    own = behind.filter(pl.col("incident_id").is_in(incidents))
    told = group.filter(pl.col("kind").is_in(BY_RULE))
    lead = (grown if grown.height else surges).row(0, named=True)
    ids = sorted({*whole["record_id"].to_list(), *own["record_id"].to_list(),
                  *(behind["record_id"].to_list() if surges.is_empty() and told.height else [])})
    return {**base, **_modes(whole if whole.height else own), "kind": "incident", "subject": "incident", "incident_id": incident,
            "incidents": incidents, "problems": whole["problem_code"].drop_nulls().unique().sort().to_list(),
            "streets": whole["fine_place"].drop_nulls().unique().sort().to_list(),
            "observed": lead["observed"], "expected": lead["expected"], "window": lead["window"],
            "p_value": group["p_value"].min()}, ids


def _of_respondent(base, surges, behind, records, respondent) -> tuple[dict, list[str]]:
    own = behind.filter(pl.col("respondent_key") == respondent)
    linked = own["incident_id"].drop_nulls().unique().to_list()
    whole = records.filter(pl.col("incident_id").is_in(linked) & (pl.col("respondent_key") == respondent))
    # An incident that was there long before the rise has a part in it, but is another matter: with its past it would drown what is new.
    whole = whole.filter(pl.col("record_id").is_in(own["record_id"].implode()).mean().over("incident_id") >= OVERLAP)
    ids = sorted({*own["record_id"].to_list(), *whole["record_id"].to_list()})
    lead = surges.row(0, named=True)
    return {**base, **_modes(own), "kind": "surge", "subject": "respondent", "respondent_key": respondent,
            "incidents": whole["incident_id"].unique().sort().to_list(), "problems": own["problem_code"].drop_nulls().unique().sort().to_list(),
            "streets": own["fine_place"].drop_nulls().unique().sort().to_list(),
            "observed": float(own.height), "expected": lead["expected"], "window": lead["window"],
            "p_value": surges["p_value"].min()}, ids


def _of_quiet(base, quiet, members, behind, records) -> tuple[dict, list[str]]:
    """A cell that rises slowly, or a respondent that is asked about: the surest of the signs, whatever the records are."""
    lead = quiet.row(0, named=True)
    same = {"observed": lead["observed"], "expected": lead["expected"], "p_value": lead["p_value"], "window": lead["window"], "kind": lead["kind"]}
    if lead["level"] == "respondent":
        row, ids = _of_respondent(base, quiet, behind, records, lead["respondent_key"])
        return {**row, **same}, ids
    row, ids = _of_place({**base}, quiet.head(1), members, pl.DataFrame())
    return {**row, **same}, ids


def _of_place(base, surges, members, streets) -> tuple[dict, list[str]]:
    lead = surges.row(0, named=True)
    coarse = surges.filter(pl.col("level") == "coarse")
    fine = surges.filter(pl.col("level") == "fine")
    respondent = surges.filter(pl.col("level") == "respondent")
    base = {**base, "problem_code": lead["problem_code"], "problems": surges["problem_code"].unique(maintain_order=True).to_list(),
            "coarse_place": lead["coarse_place"], "p_value": surges["p_value"].min()}
    if coarse.is_empty() and fine.height <= 1:
        only = (fine if fine.height else respondent).row(0, named=True)
        return {**base, "kind": "surge", "subject": only["level"], "fine_place": only["fine_place"],
                "respondent_key": only["respondent_key"], "observed": only["observed"], "expected": only["expected"],
                "window": only["window"]}, _of_signals(surges, members)
    if coarse.height:
        whole = coarse.row(0, named=True)
        share = streets.filter((pl.col("problem_code") == whole["problem_code"]) & (pl.col("coarse_place") == whole["coarse_place"])
                               & (pl.col("excess") > 0)).sort("excess", "fine_place", descending=[True, False])
        rise = whole["observed"] - whole["expected"]
        one = fine.filter(pl.col("problem_code") == whole["problem_code"])
        if coarse["problem_code"].n_unique() == 1 and one.height == 1 and one["excess"][0] >= STREET_HOLDS * rise:
            only = one.row(0, named=True)
            return {**base, "kind": "surge", "subject": "fine", "problem_code": only["problem_code"],
                    "fine_place": only["fine_place"], "observed": only["observed"], "expected": only["expected"],
                    "window": only["window"]}, _of_signals(one, members)
        rises = coarse.unique("problem_code", keep="first", maintain_order=True)
        return {**base, "kind": "surge", "subject": "coarse", "problem_code": whole["problem_code"],
                "problems": rises["problem_code"].to_list(), "fine_place": None,
                "streets": share["fine_place"].drop_nulls().to_list(), "observed": float(rises["observed"].sum()),
                "expected": float(rises["expected"].sum()), "window": whole["window"]}, _of_signals(surges, members)
    return {**base, "kind": "surge", "subject": "coarse", "fine_place": None,
            "streets": fine["fine_place"].drop_nulls().unique(maintain_order=True).to_list(),
            "observed": float(fine["observed"].sum()), "expected": float(fine["expected"].sum()),
            "window": int(fine["window"].max())}, _of_signals(fine, members)
