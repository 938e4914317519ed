"""A flood over a borough is one warning of the borough, with its problems and streets; what closes later is still open that night."""
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from tests.test_nights import home, run, tables  # noqa: F401 - a fixture

STREETS = ["Flushing", "Astoria", "Jamaica", "Woodside", "Corona", "Bayside", "Elmhurst", "Maspeth"]
KINDS = {"Sewer": 2.5, "WATER LEAK": 1.5, "Noise": 3.0, "Street Condition": 6.0}
FLOOD = date(2026, 5, 20)


def export(path):
    rng, rows = np.random.default_rng(3), []
    for n in range(150):
        day = FLOOD - timedelta(days=149 - n)
        for kind, mean in KINDS.items():
            burst = {"Sewer": 120, "WATER LEAK": 40}.get(kind, 0) if day == FLOOD else 0
            for _ in range(rng.poisson(mean) + burst):
                at = datetime(day.year, day.month, day.day) + timedelta(minutes=int(rng.integers(0, 1430)))
                weights = np.arange(len(STREETS), 0, -1) ** 1.5
                closed = at + timedelta(hours=float(rng.exponential(30)))
                rows.append((at, closed, kind, STREETS[rng.choice(len(STREETS), p=weights / weights.sum())]))
    shape = "%m/%d/%Y %I:%M:%S %p"
    pl.DataFrame([{"Unique Key": str(5_000_000 + i), "Created Date": a.strftime(shape), "Closed Date": c.strftime(shape), "Agency": "DEP", "Complaint Type": k,
                   "Descriptor": f"{k} complaint", "Incident Address": f"{100 + i % 90} MAIN STREET", "City": s.upper() if i % 3 else s, "Borough": "QUEENS", "Status": "Closed"}
                  for i, (a, c, k, s) in enumerate(rows)]).write_csv(path)
    return rows


def test_one_shock_is_one_warning(home, tmp_path):  # noqa: F811
    rows = export(tmp_path / "city.csv")
    outcome = run(inputs={"nyc_311": [str(tmp_path / "city.csv")]}, date=FLOOD)
    assert outcome.row["outcome"] in ("ok", "notices")
    assert outcome.warnings.height == 1
    w = outcome.warnings.row(0, named=True)
    assert (w["kind"], w["level"], w["place"]) == ("surge", "red", "Queens")
    assert "Sewer" in w["title"] and "WATER LEAK" in w["title"] and "Flushing" in w["summary"] and str(FLOOD) in w["summary"]
    assert (w["lead_unit"], w["law"], w["due_at"]) == (None, None, None) and w["n_callers"] is None
    flood = sum(1 for a, _, k, _ in rows if a.date() == FLOOD and k in ("Sewer", "WATER LEAK"))
    assert w["n_records"] >= flood and w["observed"] >= flood * 0.9 and w["expected"] < flood / 5
    seen = tables(("v_records", "v_series"))
    closed = sum(1 for r in seen["v_records"] if r[15] == "closed")
    night_ends = datetime(2026, 5, 21)
    assert closed == sum(1 for a, c, _, _ in rows if c < night_ends and a.date() <= FLOOD)
    streets = {r[7] for r in seen["v_records"]}
    assert streets == set(STREETS)
    alarmed = {r[0] for r in seen["v_series"] if r[8] and r[1] == FLOOD}
    assert "nyc_311:Sewer@Queens" in alarmed and not any("Noise" in s for s in alarmed)
