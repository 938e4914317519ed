"""A house between two nights, and what the second one makes of it when nothing goes wrong: what every disturbed night is held against."""
import atexit
import shutil
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import polars as pl

from tests.boards import messages, workbook
from tests.dying import counter, night
from tests.engines import copied_house, ready_house
from warehouse.published import VIEWS
from warehouse.settings import Settings
from warehouse.store import STORED, Warehouse

YESTERDAY, TONIGHT = date(2026, 5, 30), date(2026, 5, 31)


class CalmNight:
    """A house in which one night is stored and the next one's export lies in the inbox, and what this night makes of it."""

    def __init__(self, engine: str) -> None:
        folder = Path(mkdtemp(prefix="weisu-kills-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        board = messages(date(2026, 5, 1), 31, matter_from=date(2026, 5, 27), matter_n=3)
        days = pl.col("留言时间").str.slice(0, 10).str.to_date("%Y/%m/%d")
        first = workbook(board.filter(days <= YESTERDAY), folder / "first.xlsx")
        self.template = ready_house(engine, folder / "home")
        assert night(self.template, inputs={"message_board": [str(first)]}, date=YESTERDAY) == 0
        box = self.template.home / "inbox" / "message_board"
        box.mkdir(parents=True, mode=0o700)
        workbook(board.filter(days >= date(2026, 5, 27)), box / "tonight.xlsx")
        self.before = shown(self.template)
        self.changes = counter()
        self.ended = self.copy(folder / "calm")
        assert night(self.ended, counter=self.changes, date=TONIGHT) == 0
        self.after = shown(self.ended)
        self.kept = kept(self.ended)
        assert self.after != self.before and self.after["v_warnings"]

    def copy(self, home: Path) -> Settings:
        return copied_house(self.template, home)


@cache
def calm_night(engine: str) -> CalmNight:
    return CalmNight(engine)


def shown(house: Settings) -> dict[str, list[tuple]]:
    """What readers see, without the names of runs."""
    warehouse = Warehouse(house)
    with warehouse.snapshot() as read:
        seen = {v: read(v).drop("run_id", strict=False).rows() for v in VIEWS if v != "v_runs"}
    warehouse.close()
    return seen


def kept(house: Settings) -> tuple[list, ...]:
    """What lies under the views: current records and counts in the lake, known files, and files that nobody knows."""
    warehouse = Warehouse(house)
    end = pl.Series(["2027-01-01 00:00:00"]).str.to_datetime(time_zone="UTC")[0]
    named = warehouse.read("lake_file")["path"].to_list()
    there = [str(p.relative_to(warehouse.lake.folder)) for p in warehouse.lake.folder.rglob("*") if p.is_file()]
    left = sorted({*there} ^ {*named}) + warehouse.verify() + [p.name for p in warehouse.landing.folder.rglob(".*")]
    waits = [p.name for p in (house.home / "inbox" / "message_board").iterdir()]
    revisions = warehouse.dataset("revisions").select("record_id", "revision_no", "row_hash", "known_at").collect().sort(pl.all()).rows()
    found = (warehouse.as_of(end).select("record_id", "row_hash", "content").collect().rows(), revisions, warehouse.counts(end).rows(), left + waits)
    warehouse.close()
    return found


def runs(house: Settings) -> list[str | None]:
    """How the runs ended, in their order; None: it has not."""
    warehouse = Warehouse(house)
    ended = warehouse.read("select outcome from run order by started_at")["outcome"].to_list()
    warehouse.close()
    return ended


def heals(house: Settings, calm: CalmNight) -> None:
    """The next night starts at once and ends with the tables of a calm one; nothing is left over and nothing is there twice."""
    ended = runs(house)
    assert night(house, date=TONIGHT) == 0
    assert shown(house) == calm.after and kept(house) == calm.kept and not calm.kept[-1]
    assert runs(house)[:-1] == [outcome or "interrupted" for outcome in ended] and runs(house)[-1] in STORED
