"""A review's sheet as a flow: its schedule stands in prefect.yaml, its files under $WEISU_HOME/reviews/."""
from datetime import date as Date
from typing import Literal

from flows import runtime

runtime.prepare()

from prefect import flow, task  # noqa: E402
from prefect.artifacts import create_markdown_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402

from flows.dates import yesterday  # noqa: E402
from flows.reviews import published, sheet_of  # noqa: E402
from flows.running import House  # noqa: E402
from flows.sheet import Known, Sheet, known  # noqa: E402
from flows.sheet_files import write_sheet  # noqa: E402
from policy.lifecycle import ZONE  # noqa: E402
from warehouse.deciding import note  # noqa: E402
from warehouse.settings import Settings  # noqa: E402


@task(name="count", cache_policy=NO_CACHE)
@runtime.contained
def counted(k: Known) -> Sheet:
    """The sheet of what is known."""
    return sheet_of(k)


@task(name="write", cache_policy=NO_CACHE)
@runtime.contained
def written(k: Known, sheet: Sheet) -> list[str]:
    """The sheet's files, its figures in v_metrics, and the sheet itself beside the flow run."""
    folder = k.house.settings.home / "reviews"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    stem = f"{sheet.kind}-{sheet.period.last}"
    paths = [folder / f"{stem}.{form}" for form in ("html", "xlsx", "md")]
    for path in paths:
        write_sheet(sheet, path.suffix[1:], path, k.lang)
    note(k.house.warehouse, "metric", published(k), "upsert")
    create_markdown_artifact(key=f"review-{stem}", markdown=paths[-1].read_text(encoding="utf-8"))
    return [str(p) for p in paths]


@flow(name="review", persist_result=False)
def review(period: Literal["day", "week", "tenday", "month", "half"], date: Date | None = None) -> list[str]:
    """The sheet of the last period of its kind that is over on `date` (yesterday), in three formats. No records yet: no files."""
    house = House.open(Settings())
    try:
        k = known(house, period, date or yesterday(ZONE.key), False, None, house.settings.lang)
        return [] if k is None else written(k, counted(k))
    finally:
        house.warehouse.close()
