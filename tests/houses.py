"""Whole houses with nights in them, for tests of what is done to a house afterwards: on each engine in turn."""
import atexit
import shutil
import tempfile
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from tests.boards import messages, workbook
from tests.engines import ENGINES, copied_house, ready_house
from warehouse.settings import Settings

SHOWN = ("v_records", "v_warnings", "v_warning_records", "v_series", "v_notices", "v_quarantine")
NIGHTS = (date(2026, 4, 29), date(2026, 4, 30), date(2026, 5, 1))


def upto(board: pl.DataFrame, day: date) -> pl.DataFrame:
    return board.filter(pl.col("留言时间").str.slice(0, 10) <= day.strftime("%Y/%m/%d"))


def enter(monkeypatch, settings, secret: str | None = "test-secret") -> None:
    """Makes a house the one that commands work in."""
    for name, value in {"WEISU_HOME": str(settings.home), "WEISU_DATABASE_URL": settings.database_url, "WEISU_INBOX_SETTLE_SECONDS": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WEISU_SECRET", secret) if secret is not None else monkeypatch.delenv("WEISU_SECRET", raising=False)


@pytest.fixture(scope="session")
def board():
    """Three weeks; in the last one several citizens write about one matter. Each night's export holds all so far."""
    return messages(date(2026, 4, 11), 21, matter_from=date(2026, 4, 26), matter_n=3)


@cache
def _lived(engine: str) -> Settings:
    """A house after two nights, to be copied: living them anew would take longer than the tests."""
    folder = Path(tempfile.mkdtemp(prefix="weisu-lived-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = ready_house(engine, folder / "weisu")
    rows = messages(date(2026, 4, 11), 21, matter_from=date(2026, 4, 26), matter_n=3)
    with pytest.MonkeyPatch.context() as patch:
        enter(patch, settings)
        for n, day in enumerate(NIGHTS[:2]):
            night(workbook(upto(rows, day), folder / f"{n}.xlsx"), day=day)
    return settings


@pytest.fixture(params=ENGINES)
def lived(request, tmp_path, monkeypatch):
    """A house after two nights: its settings."""
    settings = copied_house(_lived(request.param), tmp_path / "weisu")
    enter(monkeypatch, settings)
    return settings


def night(*paths, day: date, kind: str = "nightly", **more):
    from flows import nightly as flows
    run_id = f"{kind}-test-{len(flows.LAST)}"
    getattr(flows, kind)(run_id=run_id, inputs={"message_board": [str(p) for p in paths]}, date=day, **more, return_state=True)
    return flows.LAST[run_id]


def opened():
    from flows.running import House
    return House.open()


def tables(views=SHOWN, without=()):
    house = opened()
    try:
        return {v: house.warehouse.read(v).drop("run_id", *without, strict=False).rows() for v in views}
    finally:
        house.warehouse.close()
