"""Teaches the taxonomy's learned part and publishes it with its moment: the nights that know it ask it where the rules say nothing."""
import io
from datetime import datetime

import joblib
import polars as pl

from flows import runtime

runtime.prepare()

from prefect import flow, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from rich.box import SIMPLE_HEAD  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from flows.dates import now  # noqa: E402
from flows.learned import LEAST, MODEL, REPORT, SURE, lessons, report  # noqa: E402
from flows.messages import tell  # noqa: E402
from flows.places import Place, places_of  # noqa: E402
from flows.problem_decisions import Known  # noqa: E402
from flows.running import House, Run, running  # noqa: E402
from models.problems import TaxonomyClassifier  # noqa: E402
from policy.catalogue import say  # noqa: E402
from warehouse.publication import LakeWrite, Publication  # noqa: E402
from warehouse.settings import Settings  # noqa: E402


@task(name="teach", cache_policy=NO_CACHE)
@runtime.contained
def teach(run: Run, place: Place) -> tuple[pl.DataFrame, LakeWrite | None]:
    """The report on a place's new model, and the model for the lake; nothing of a place with fewer than two codes to learn."""
    house = run.house.warehouse
    told = lessons(house, place, run.as_of, Known.of(house.decisions(run.as_of)))
    if told["code"].n_unique() < 2:
        return pl.DataFrame(schema=REPORT), None
    codes = told["code"].to_numpy()
    model = TaxonomyClassifier(min_probability=SURE).fit(told.select("title", "content"), codes)
    said = report(model, codes)
    del model.model_.unseen_
    out = io.BytesIO()
    joblib.dump(model, out, compress=3)
    return said, LakeWrite(MODEL, place.key, pl.DataFrame({"model": [out.getvalue()]}, schema={"model": pl.Binary}), "all")


def teach_house(house: House, moment: datetime, dry_run: bool) -> list[dict]:
    """Teaches every place by what was known at a moment; the model is known from then on. Gives the report's rows, with their `place`."""
    rows, lake = list[dict](), list[LakeWrite]()
    with running(house, "learn", moment.date(), moment, tuple(house.mappings), {"dry_run": dry_run}) as run:
        for place in places_of(house.mappings, list(house.mappings)):
            with run.step("teach"):
                said, model = teach(run, place)
            rows += [{"place": place.key, **r} for r in said.iter_rows(named=True)]
            lake += [model] if model is not None and not dry_run else []
        house.warehouse.publish(Publication(run.ended("ok"), [], lake, known_to=moment))
        run.stored = True
    return rows


@flow(name="learn", persist_result=False)
def learn(dry_run: bool = False) -> list[dict]:
    """Teaches the learned part of every place whose sources use the taxonomy, as of now. dry_run: only the report."""
    house = House.open(Settings())
    try:
        return teach_house(house, now(), dry_run)
    finally:
        house.warehouse.close()


def show_learn(settings: Settings, dry_run: bool) -> int:
    """Teaches, and prints how well each code was learnt."""
    runtime.announce_server(settings.lang)
    rows = learn(dry_run)
    if not rows:
        tell(say("learn.nothing", settings.lang, n=LEAST))
        return 0
    table = Table(box=SIMPLE_HEAD)
    for column in ("place", *REPORT):
        table.add_column(say(f"learn.col.{column}", settings.lang), justify="left" if column in ("place", "code") else "right")
    for r in rows:
        table.add_row(r["place"], r["code"], *(str(r[c]) for c in ("texts", "told", "right")), *("–" if r[c] is None else f"{r[c]:.2f}" for c in ("precision", "recall")))
    Console(highlight=False).print(table)
    total = {c: sum(r[c] for r in rows) for c in ("texts", "told", "right")}
    tell(say("learn.dry" if dry_run else "learn.done", settings.lang, codes=len(rows), precision=f"{total['right'] / max(total['told'], 1):.3f}", share=f"{total['told'] / max(total['texts'], 1):.2f}", **total))
    return 0
