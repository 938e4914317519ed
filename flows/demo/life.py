"""What becomes of a record: when it happened, is delivered, dispatched, signed, closed, called back; what of it is corrected later."""
import numpy as np
import polars as pl

from flows.demo.drafts import DAY
from flows.demo.lexicon import Lexicon
from flows.demo.streams import stream

NEVER = 1 << 60
#: Days from the event to the call, by group: median and spread.
_WAIT = {"food": 0.6, "special": 0.1, "prepaid": 9.0, "online": 6.0, "refund": 6.0, "quality": 5.0}


def live(records: pl.DataFrame, lex: Lexicon, seed: int) -> pl.DataFrame:
    """Adds, in seconds of local time (NEVER: it does not happen): event, dispatched, signed, closed, reopened, reclosed, callback,
    corrected, and what is corrected (`correction`: category, respondent, created, unit or none), withdrawn, void, and `delivered`, the
    number of the day whose file first holds the record."""
    rng = stream(seed, "life")
    n = records.height
    created = records["created"].to_numpy()
    wait = np.array([_WAIT.get(p.group, 2.0) * (20 / 5 if p.code == "quality.decor" else 1) for p in lex.problems])[records["problem"].to_numpy()]
    event = created - (wait * np.exp(rng.normal(0, 1.0, n)).clip(0.02, 22) * DAY).astype(np.int64)
    u = rng.random(n)
    late = np.select([u < .93, u < .98, u < .995], [0, 1, rng.integers(2, 8, n)], rng.integers(8, 61, n))
    late = np.where(rng.random(n) < .005, late, np.where(late > 7, 0, late))
    delivered = created // DAY + late
    forced = records["deliver_on"].to_numpy()
    delivered = np.where(forced >= 0, forced, delivered)
    seen = np.maximum(created, np.where(late > 0, delivered * DAY + 8 * 3600, 0))
    dispatched = seen + (3.0 * np.exp(rng.normal(0, .8, n)) * 3600).astype(np.int64)
    signed = dispatched + (4.0 * np.exp(rng.normal(0, .8, n)) * 3600).astype(np.int64)
    closed = np.maximum(signed + 1800, seen + (5 * np.exp(rng.normal(0, .8, n)) * DAY).astype(np.int64))
    wrong = rng.random(n) < .0005
    closed = np.where(wrong, created - rng.integers(3600, 3 * DAY, n), closed)
    again = (rng.random(n) < .04) & ~wrong
    reopened = np.where(again, closed + rng.integers(DAY, 4 * DAY, n), NEVER)
    reclosed = np.where(again, reopened + rng.integers(2 * DAY, 8 * DAY, n), NEVER)
    called = rng.random(n) < .78
    callback = np.where(called & ~wrong, closed + rng.integers(DAY // 2, 4 * DAY, n), NEVER)
    v = rng.random(n)
    kind = np.select([v < .06, v < .08, v < .095, v < .098], ["unit", "category", "respondent", "created"], "none")
    corrected = np.where(kind == "none", NEVER, dispatched + rng.integers(DAY // 8, 3 * DAY, n))
    end = rng.random(n)
    return records.with_columns(
        pl.Series("event", event), pl.Series("delivered", delivered), pl.Series("dispatched", dispatched), pl.Series("signed", signed),
        pl.Series("closed", closed), pl.Series("reopened", reopened), pl.Series("reclosed", reclosed), pl.Series("callback", callback),
        pl.Series("corrected", corrected), pl.Series("correction", kind), pl.Series("withdrawn", end < .02),
        pl.Series("void", (end >= .02) & (end < .022)), pl.Series("responded", rng.random(n) < .97), pl.Series("solved", rng.random(n) < .83),
        pl.Series("satisfied", rng.random(n) < .85), pl.Series("shift", rng.integers(-6 * 3600, 6 * 3600, n)))


#: The moments at which a record changes.
CHANGES = ("dispatched", "signed", "closed", "reopened", "reclosed", "callback", "corrected")
