"""The run's date and moment. Only here, and in the run log, is the wall clock read."""
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The wall clock, UTC, to the microsecond."""
    return datetime.now(UTC)


def yesterday(time_zone: str, day_starts_at: str = "00:00", at: datetime | None = None) -> date:
    """Yesterday's counting day in a source's zone."""
    start = time.fromisoformat(day_starts_at)
    local = (at or now()).astimezone(ZoneInfo(time_zone)) - timedelta(hours=start.hour, minutes=start.minute)
    return local.date() - timedelta(days=1)


def end_of(day: date, time_zone: str, day_starts_at: str = "00:00") -> datetime:
    """The last microsecond of a counting day, UTC."""
    zone, start = ZoneInfo(time_zone), time.fromisoformat(day_starts_at)
    return datetime.combine(day + timedelta(days=1), start, zone).astimezone(UTC) - timedelta(microseconds=1)


def moment(text: str, time_zone: str) -> datetime:
    """An ISO moment; one without an offset is taken in the source's zone. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(time_zone))).astimezone(UTC)
