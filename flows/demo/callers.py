"""Who calls: most once a year, some often. Names, phones and addresses are made up: a segment no operator has, regions that do not exist."""
import numpy as np
import polars as pl

from flows.demo.lexicon import Lexicon
from flows.demo.streams import pick, stream

#: No operator is known to use it; it fits the pattern of a mobile number.
PHONE_SEGMENT = "154"
_WEIGHTS_18 = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])


def callers_of(n_records: int, years: float, seed: int) -> np.ndarray:
    """A caller number for each of `n_records` background records: 60 % call once a year, 25 % twice, 13 % 3–10 times, 2 % more."""
    rng = stream(seed, "callers")
    n = int(n_records / 1.9) + 10
    times = np.array([1, 2, *range(3, 11), 18])[pick(rng, np.array([.60, .25, *[.13 / 8] * 8, .02]), n)]
    times = np.maximum(1, np.rint(times * np.minimum(years, 2.0) ** 0.5)).astype(np.int64)
    everyone = np.repeat(np.arange(n), times)
    while len(everyone) < n_records:
        everyone = np.concatenate([everyone, np.arange(everyone.max() + 1, everyone.max() + 1 + n_records)])
    return rng.permutation(everyone[:n_records])


def make_callers(lex: Lexicon, n: int, seed: int) -> pl.DataFrame:
    """One row a caller: caller, surname, name, title (女士/先生), phone, id_no, plate, chat, email, card, third_phone, child."""
    rng = stream(seed, "people")
    surnames, given = np.array(list(lex.words["surnames"])), np.array(list(lex.words["given"]))
    surname = surnames[rng.integers(0, len(surnames), n)]
    first, second = given[rng.integers(0, len(given), n)], given[rng.integers(0, len(given), n)]
    second = np.where(rng.random(n) < 0.2, "", second)
    number = _mix(np.arange(n, dtype=np.int64), 8)
    titles = np.where(rng.random(n) < 0.55, "女士", "先生")
    digits = pl.Series(number).cast(pl.String).str.zfill(8)
    year, month, day = rng.integers(1950, 2004, n), rng.integers(1, 13, n), rng.integers(1, 29, n)
    letters = np.array(list("abcdefghjkmnpqrstuvwxyz"))
    handle = pl.Series(["".join(x) for x in letters[rng.integers(0, len(letters), (n, 5))]]) + pl.Series(rng.integers(10, 999, n)).cast(pl.String)
    return pl.DataFrame({
        "caller": np.arange(n), "surname": surname, "name": pl.Series(surname) + pl.Series(first) + pl.Series(second), "title": titles,
        "phone": PHONE_SEGMENT + digits, "id_no": identity_numbers(year, month, day, rng.integers(0, 1000, n)),
        "plate": "京Z·D" + pl.Series(rng.integers(0, 10000, n)).cast(pl.String).str.zfill(4), "chat": handle,
        "email": handle + "@example.com", "card": bank_cards(rng, n),
        "third_phone": PHONE_SEGMENT + pl.Series(_mix(np.arange(n, dtype=np.int64) + 50_000_017, 8)).cast(pl.String).str.zfill(8),
        "landline": "010-69" + pl.Series(rng.integers(0, 10**6, n)).cast(pl.String).str.zfill(6),
        "child": pl.Series(surname) + pl.Series(given[rng.integers(0, len(given), n)])})


def _mix(number: np.ndarray, digits: int) -> np.ndarray:
    """A permutation of 0…10^digits−1, so that no number's holder can be told from its order."""
    return (number * 73_939_133 + 31_415_927) % 10 ** digits


def identity_numbers(year: np.ndarray, month: np.ndarray, day: np.ndarray, serial: np.ndarray) -> pl.Series:
    """18-character identity numbers of a region that does not exist (990000), with a right check digit (GB 11643)."""
    body = 990000 * 10**11 + year.astype(np.int64) * 10**7 + month * 10**5 + day * 1000 + serial
    check = (_digits(body, 17) * _WEIGHTS_18).sum(1) % 11
    return pl.Series(body).cast(pl.String) + pl.Series(list("10X98765432")).gather(check)


def bank_cards(rng: np.random.Generator, n: int) -> pl.Series:
    """16-digit card numbers of an issuer that does not exist (999999), with a right check digit (Luhn)."""
    body = 999999 * 10**9 + rng.integers(0, 10**9, n)
    digits = _digits(body, 15)
    doubled = digits.copy()
    doubled[:, ::2] = digits[:, ::2] * 2 - 9 * (digits[:, ::2] > 4)
    return pl.Series(body * 10 + (10 - doubled.sum(1) % 10) % 10).cast(pl.String)


def _digits(numbers: np.ndarray, width: int) -> np.ndarray:
    """Each number's digits, the first first. (n, width)"""
    return numbers[:, None] // 10 ** np.arange(width - 1, -1, -1, dtype=np.int64) % 10
