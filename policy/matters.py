"""When one matter with several callers is worth telling, by the place's volume (`data/matters.yaml`)."""
from dataclasses import dataclass

from policy.dated import load


@dataclass(frozen=True)
class SeveralCallers:
    """`callers` distinct callers on one incident within `days` days, where they are at least `own_callers_share` of the records and
    `times_usual` times what as many days of the `usual_days` before them brought."""

    id: str
    level: str
    days: int
    callers: int
    own_callers_share: float
    times_usual: float
    usual_days: int
    name_zh: str
    name_en: str

    def name(self, lang: str = "zh") -> str:
        return self.name_zh if lang == "zh" else self.name_en


RULE_ID = "several_callers"


def several_callers(records_a_day: float = 0.0) -> SeveralCallers:
    """The rule for a place with so many records a day."""
    row = load("matters.yaml")["several_callers"]
    needed = next(step["callers"] for step in row["callers"] if records_a_day <= step["up_to"])
    return SeveralCallers(row["id"], row["level"], row["days"], needed, row["own_callers_share"], row["times_usual"], row["usual_days"],
                          row["zh"], row["en"])
