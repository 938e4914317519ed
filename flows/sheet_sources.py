"""What sheets say of problems' sources: themes, leads to cases, special inspections and what they did, ledgers, and what is coming."""

from datetime import timedelta

import polars as pl

from flows.drives import measure, theme_of
from flows.drives import sentences as effect_words
from flows.ledgers import grounds, in_force, ranked
from flows.ledgers import words as item_words
from flows.outlook import outlook
from flows.outlook import words as outlook_words
from flows.proposals import lead
from flows.sheet import Known, Section, behind, frame, traced
from flows.sheet_figures import TOP
from policy import taxonomy
from policy.catalogue import say
from policy.ledgers import ledgers
from policy.themes import rules
from transforms.proposals import PARTS, WINDOW

_TEXT = pl.String


def themes_part(known: Known) -> Section:
    """每月一题: what the data propose for next month, every part of the score shown; people choose."""
    found = known.past.proposals()
    shown = found.with_columns(pl.col("problem_code").map_elements(lambda c: taxonomy.name(c, known.lang), return_dtype=pl.String).alias("what")).select("what", "n", *(pl.col(c).round(2) for c in (*PARTS, "score")))
    running = tuple(say("themes.running", known.lang, title=t) for t in theme_of(known.day, known.drives).values())
    return Section("themes", shown, behind(found), ((say("review.themes.note", known.lang, days=WINDOW, day=known.day),) if found.height else ()) + running)


def suspects_part(known: Known, top: int = 15) -> Section:
    """诉转案线索: respondents whose complaints and reports of one problem point to a case; leads, no finding."""
    found = known.past.suspects()
    shown = found.head(top)
    rows = [lead(r, known.lang) for r in shown.iter_rows(named=True)]
    columns = {"respondent": _TEXT, "street": _TEXT, "what": _TEXT, "n": pl.Int64, "n_callers": pl.Int64, "found": _TEXT, "law": _TEXT}
    notes = (say("review.suspects.count", known.lang, n=found.height, shown=shown.height, days=rules()["cases"]["days"]),) if found.height else ()
    return Section("suspects", frame(rows, columns), behind(shown), notes)


def drives_part(known: Known) -> Section:
    """专项检查 and 每月一题 of the last half-year: what was found, what came after against streets without it, and what came again."""
    rows, ids = [], []
    recent = known.drives.filter((pl.col("kind") != "campaign") & (pl.col("first_day") <= known.day) & (pl.col("last_day") >= known.day - timedelta(days=182)))
    for d in recent.iter_rows(named=True):
        told = measure(known.house, d, known.as_of, known.drives)
        said = effect_words(told, known.lang)
        rows.append({"what": said[0], "result": ("；" if known.lang == "zh" else "; ").join(said[1:]), "drive_id": d["drive_id"]})
        ids.append({"row": len(rows), "record_id": sorted(set().union(*told.again.values()))})
    return Section("drives", frame(rows, {"what": _TEXT, "result": _TEXT, "drive_id": _TEXT}), traced(ids))


def ledgers_part(known: Known, top: int = TOP) -> Section:
    """清单台账: of each ledger the items to inspect next, with their marks; the ground of each overdue check is said once."""
    rows, ids, notes = [], [], []
    for name, ledger in ledgers().items():
        if not ledger.rules(known.day) or in_force(known.house, name, known.day).is_empty():
            continue
        found = ranked(known.house, ledger, known.day, known.as_of, known.asked)
        checks = [r.id for r in ledger.rules(known.day) if r.check]
        late = found.filter(pl.col("marks").list.set_intersection(pl.lit(checks, pl.List(pl.String))).list.len() > 0).height
        shown = found.filter(pl.col("score") > 0).head(top)
        notes += [say("ledger.title", known.lang, name=ledger.name(known.lang), n=found.height, late=late, day=known.day), *grounds(shown, ledger, known.day, known.lang)]
        for r in shown.iter_rows(named=True):
            rows.append(
                {
                    "what": ledger.name(known.lang),
                    "item": r["item_id"],
                    "place": r["place"],
                    "street": r["street"],
                    "risk": r["score"],
                    "n_year": r["n_records"],
                    "why": item_words(r, ledger, known.day, known.lang, brief=True),
                }
            )
            ids.append({"row": len(rows), "record_id": r["record_ids"]})
    columns = {"what": _TEXT, "item": _TEXT, "place": _TEXT, "street": _TEXT, "risk": pl.Int64, "n_year": pl.Int64, "why": _TEXT}
    return Section("ledgers", frame(rows, columns), traced(ids), tuple(notes))


def outlook_part(known: Known, top: int = TOP) -> Section:
    """民情月历: what the week and the four weeks after the period are likely to bring, beside the same weeks last year, and who should act now."""
    told = outlook(known.house, known.day, known.as_of)
    rows = [outlook_words(known.house, r, known.day, known.lang) for r in told.rows.head(top + 1).iter_rows(named=True)] if told else []
    columns = dict.fromkeys(("what", "week", "month", "past", "last_year", "where", "who"), _TEXT)
    return Section("outlook", frame(rows, columns), notes=(say("review.outlook.note", known.lang),) if told else (say("outlook.none", known.lang),))
