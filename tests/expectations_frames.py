"""Small canonical frames for the tests of validation."""
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from transforms.canonical import SAFE, conform

CREATED = datetime(2026, 6, 10, 2, 30, tzinfo=UTC)
ROW = {
    "source_id": "src", "source_record_id": "A1", "channel": "phone", "record_type": "complaint", "created_at": CREATED,
    "created_precision": "second", "content": "市民反映某健身房突然关门停业，预付卡余额无法退还，请尽快处理。", "respondent_name": "九棵树力量健身馆",
    "street": "九棵树街道", "street_code": "110112010", "status": "open", "file_name": "a.xlsx", "row_number": 2, "file_sha256": "00ff",
    "source_category_1": "预付费",
}


def rows(*changes: dict, zone: str = "Asia/Shanghai") -> pl.DataFrame:
    """SAFE rows: a sound one, changed as each dict says; ids differ unless a change names one."""
    made = []
    for i, change in enumerate(changes, 1):
        row = {**ROW, "source_record_id": f"A{i}", "row_number": i + 1, "content": f"{ROW['content']}第{i}件", **change}
        row.setdefault("record_id", f"src:{row['source_record_id']}")
        row.setdefault("row_hash", f"h{i}")
        created = row["created_at"]
        row.setdefault("local_date", created.astimezone(ZoneInfo(zone)).date() if created else None)
        row["issues"] = [{"code": c, "column": None, "found": None, "expected": None} for c in row.get("issues", [])]
        made.append(row)
    names = {k: t for k, t in SAFE.items() if any(k in r for r in made)}
    return conform(pl.DataFrame(made, schema=names), SAFE).collect()


def codes(frame: pl.DataFrame) -> list[list[str]]:
    return [[i["code"] for i in issues] for issues in frame["issues"].to_list()]


def day_of_records(day: datetime, n: int, first_hour: float = 0, last_hour: float = 24, prefix: str = "", **change) -> list[dict]:
    """n records spread evenly between two hours of a local day (`day`: its midnight, aware)."""
    step = (last_hour - first_hour) / max(n, 1)
    return [{"source_record_id": f"{prefix}{day:%m%d}-{i}", "created_at": (day + timedelta(hours=first_hour + step * (i + 0.37))).astimezone(UTC),
             **change} for i in range(n)]
