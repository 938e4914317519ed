"""`weisu closure`: closed records that a person should look at again, and a sample by unit. Reasons, never a judgement."""
from datetime import date, datetime

import polars as pl
from rich.console import Console
from rich.table import Column, Table

from flows.facts import record_facts, told_as_of
from flows.lists import day_of_list
from flows.messages import print_json
from flows.running import House
from models.near_copies import near_copies
from policy.catalogue import say
from policy.periods import Period, holding
from transforms.closure import REASONS, doubtful, sample
from warehouse.settings import Settings

#: So many replies nearly the same, on matters of so many respondents or of none named, make a template.
TEMPLATE = 5


def closed_in(house: House, period: Period, as_of: datetime) -> pl.DataFrame:
    """Records of a period that are closed, with why a person should look at them: `transforms.closure.doubtful`."""
    rows = record_facts(house, [period], as_of).filter(pl.col("status") != "void")
    closed = rows.filter(pl.col("status") == "closed")
    replies = house.warehouse.as_of(as_of, since=period.first, columns=["record_id", "reply"]).filter(pl.col("reply").is_not_null()).collect().join(closed, on="record_id", how="semi")
    copies = near_copies(replies["reply"], TEMPLATE)
    return doubtful(rows, replies.filter(pl.Series(copies >= 0))["record_id"])


def counts(closed: pl.DataFrame) -> pl.DataFrame:
    """(reason, n, record_ids) of those reasons that there are, in their order."""
    told = closed.select("record_id", "reasons").explode("reasons", empty_as_null=True).drop_nulls("reasons").group_by("reasons").agg(
        pl.len().cast(pl.Int64).alias("n"), pl.col("record_id").sort().alias("record_ids"))
    order = {r: n for n, r in enumerate(REASONS)}
    return told.rename({"reasons": "reason"}).sort(pl.col("reason").replace_strict(order, return_dtype=pl.Int8))


def show_closure(settings: Settings, kind: str, day: date | None, per_unit: int, form: str) -> int:
    """Prints how many closed records have which reason, and the sample."""
    house = House.open(settings)
    lang = settings.lang
    try:
        as_of = told_as_of(house)
        period = holding(kind, day_of_list(house, day))
        closed = closed_in(house, period, as_of)
        drawn = sample(closed, per_unit, f"{period.kind}{period.first}")
        if form == "json":
            print_json({"closed": closed.height, "reasons": {r["reason"]: r["n"] for r in counts(closed).iter_rows(named=True)},
                        "sample": drawn.select("record_id", "lead_unit", "reasons", "drawn").to_dicts()})
            return 0
        print(say("closure.title", lang, first=period.first, last=period.last, n=closed.height))
        for r in counts(closed).iter_rows(named=True):
            print(f"  {say('closure.' + r['reason'], lang)}: {r['n']}")
        table = Table(*(Column(say(f"review.col.{c}", lang), overflow="fold") for c in ("unit", "record_id", "why")), title=say("closure.sample", lang, n=drawn.height), title_justify="left")
        for r in drawn.iter_rows(named=True):
            why = "、".join(say(f"closure.{x}", lang) for x in r["reasons"]) if r["reasons"] else say("closure.lot", lang)
            table.add_row(r["lead_unit"] or "—", r["record_id"], why)
        Console(highlight=False, width=120).print(table)
        return 0
    finally:
        house.warehouse.close()
