"""Check digits of Chinese organisations' numbers: 18-character credit codes, 15-digit registration and 9-character organisation numbers."""
import numpy as np
import polars as pl

_CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)])
_ORGANISATION = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORGANISATION_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])


def _values(codes: pl.Series, alphabet: str, length: int) -> np.ndarray:
    """int (n, length): each character's place in the alphabet, −1 for one that is not in it."""
    place = np.full(256, -1)
    for i, sign in enumerate(alphabet):
        place[ord(sign)] = i
    raw = np.frombuffer("".join(codes.to_list()).encode("latin-1", "replace"), dtype=np.uint8)
    return place[raw].reshape(-1, length)


def _credit(codes: pl.Series) -> np.ndarray:
    """GB 32100-2015: weights 3^i modulo 31 over the first 17 characters."""
    v = _values(codes, _CREDIT, 18)
    return (v >= 0).all(axis=1) & ((31 - (v[:, :17] * _CREDIT_WEIGHTS).sum(axis=1) % 31) % 31 == v[:, 17])


def _registration(codes: pl.Series) -> np.ndarray:
    """GS 15-2006: ISO 7064, MOD 11,10 over all 15 digits."""
    v = _values(codes, "0123456789", 15)
    rest = np.full(len(v), 10)
    for column in v[:, :14].T:
        rest = (rest + column) % 10
        rest = np.where(rest == 0, 10, rest) * 2 % 11
    return (v >= 0).all(axis=1) & ((rest + v[:, 14]) % 10 == 1)


def _organisation(codes: pl.Series) -> np.ndarray:
    """GB 11714-1997: weights modulo 11 over the first 8 characters; 10 is written X, 11 is 0."""
    v = _values(codes, _ORGANISATION, 9)
    check = 11 - (v[:, :8] * _ORGANISATION_WEIGHTS).sum(axis=1) % 11
    wanted = np.where(check == 10, _ORGANISATION.index("X"), check % 11)
    return (v >= 0).all(axis=1) & (wanted == v[:, 8])


def fails_check_digit(codes: pl.Series) -> pl.Series:
    """Boolean: the code's check digit is wrong, or it has none of the lengths 9, 15 and 18. Null stays null.

    Spaces and hyphens don't count, nor does case.
    """
    plain = codes.str.to_uppercase().str.replace_all(r"[\s\-]", "")
    known = plain.drop_nulls().unique().sort()
    # A sign outside ASCII is in no code: kept as one "?" so that lengths hold.
    ascii_only = known.str.replace_all(r"[^\x21-\x7e]", "?")
    length = ascii_only.str.len_chars().to_numpy()
    good = np.zeros(len(known), dtype=bool)
    for n, judge in ((18, _credit), (15, _registration), (9, _organisation)):
        mine = length == n
        if mine.any():
            good[mine] = judge(ascii_only.filter(pl.Series(mine)))
    return plain.replace_strict(known, pl.Series(~good), default=None, return_dtype=pl.Boolean)
