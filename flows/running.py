"""One run: its lock, its row in the run log, the time its stages took."""
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from secrets import token_hex
from time import perf_counter
from typing import Any

from sqlalchemy.exc import DBAPIError

from flows.dates import now
from flows.version import weisu_version
from sources.mapping import SourceMapping, load_mappings
from warehouse import keys
from warehouse.aside import Aside
from warehouse.engine import writing
from warehouse.settings import Settings
from warehouse.store import Warehouse


@dataclass
class House:
    """Settings, warehouse and mappings, opened once a command."""

    settings: Settings
    warehouse: Warehouse
    mappings: Mapping[str, SourceMapping]

    @classmethod
    def open(cls, settings: Settings | None = None) -> "House":
        """Opens the house and brings its database to the newest schema. Raises SettingsError, MappingError."""
        settings = settings or Settings()
        settings.home.mkdir(parents=True, exist_ok=True)
        mappings = load_mappings(settings.own_sources)
        warehouse = Warehouse(settings)
        warehouse.upgrade()
        return cls(settings, warehouse, mappings)


    def check_key(self) -> None:
        """Raises SettingsError where what is stored was pseudonymised with another key. Only under the lock."""
        with writing(self.warehouse.engine) as connection:
            keys.check(connection, self.settings.key, now())


@contextmanager
def timed(stages: dict[str, float], name: str) -> Iterator[None]:
    """Adds what this took to the stage's seconds."""
    began = perf_counter()
    try:
        yield
    finally:
        stages[name] = stages.get(name, 0.0) + perf_counter() - began


@dataclass
class Run:
    """A run that is going on. `row` holds columns of the run log."""

    house: House
    run_id: str
    kind: str
    day: date
    as_of: datetime
    sources: tuple[str, ...]
    row: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    interrupted: list[str] = field(default_factory=list)
    #: Whether what `row` says is in the database.
    stored: bool = False

    @cached_property
    def aside(self) -> Aside:
        """Where rows are kept that are too many to hold; gone when the run ends."""
        return Aside(self.house.warehouse.lake.aside(self.run_id), self.house.settings.slice_rows)

    def step(self, name: str) -> AbstractContextManager[None]:
        """Adds what this took to the stage's seconds."""
        return timed(self.stages, name)

    def ended(self, outcome: str, **columns: Any) -> dict[str, Any]:
        """The run's row as it ends: stages, seconds and version filled in."""
        self.row = {"run_id": self.run_id, "outcome": outcome, "rows_read": 0, "accepted": 0, "quarantined": 0, "unchanged": 0, "not_records": 0,
                    "n_signals": 0, "n_warnings": 0, "expected_false_alarms": 0.0, **columns,
                    "seconds": round(sum(self.stages.values()), 3), "stages": {k: round(v, 3) for k, v in self.stages.items()},
                    "version": weisu_version(), "ended_at": now()}
        return self.row

    def fail(self, **columns: Any) -> None:
        """Ends the run without anything stored."""
        self.house.warehouse.end(self.ended("failed", **columns))
        self.stored = True


def new_run_id(kind: str, day: date) -> str:
    """Names a run for people and logs; it is lineage, no result depends on it."""
    return f"{kind}-{day.isoformat()}-{now():%Y%m%dT%H%M%S}-{token_hex(2)}"


@contextmanager
def running(house: House, kind: str, day: date, as_of: datetime, sources: tuple[str, ...], parameters: Mapping[str, Any],
            run_id: str | None = None) -> Iterator[Run]:
    """Holds the night's lock and notes the run. A run that raises is noted as failed and raises on."""
    run = Run(house, run_id or new_run_id(kind, day), kind, day, as_of, sources)
    with house.warehouse.lock(run.run_id):
        house.check_key()
        run.interrupted = house.warehouse.begin({
            "run_id": run.run_id, "kind": kind, "run_date": day, "as_of": as_of, "sources": list(sources),
            "parameters": json.loads(json.dumps(parameters, default=str)), "started_at": now(), "version": weisu_version()})
        try:
            yield run
        except BaseException:
            if not run.stored:
                # Where even that cannot be noted, the error that is raised says why, and the next run calls this one interrupted.
                with suppress(DBAPIError):
                    run.fail()
            raise
        finally:
            house.warehouse.lake.clear_aside(run.run_id)
