"""Personal data as it stands in a hotline's texts, at the rates it does, with the place of every value known."""
import numpy as np
import polars as pl

from flows.demo.streams import stream

#: Kinds whose value must not survive, with the share of records that carry them.
RATES = {"mobile": 0.14, "landline": 0.03, "spoken": 0.003, "spaced": 0.01, "identity": 0.006, "card": 0.004, "plate": 0.012,
         "chat": 0.007, "email": 0.003, "third_phone": 0.005, "child": 0.015, "name": 0.04, "surname": 0.22, "room": 0.18}
#: Already masked by the source: nothing to hide, nothing to learn.
MASKED_RATE, HEALTH_RATE = 0.04, 0.03
_HEALTH = ("来电人患有高血压，受不了刺激。", "来电人正在怀孕。", "老人有心脏病史。", "孩子有哮喘。", "来电人患糖尿病多年。")


def fragments(callers: pl.DataFrame, caller: np.ndarray, estate: pl.Series, building: pl.Series, seed: int,
              alike: np.ndarray) -> dict[str, dict]:
    """Pieces of text by the place where they stand: "name", "door", "phone", "other", "third".

    Each piece: text (n,), and of its personal value kind, at (characters from the piece's start) and length; no kind where it has none.
    `alike`: records that repeat another's words; they carry the name and number of their own caller all the same.
    """
    rng = stream(seed, "personal")
    n = len(caller)
    own = callers[caller]
    u = {k: rng.random(n) for k in ("name", "door", "phone", "other", "third", "health")}
    room = pl.Series(rng.integers(1, 25, n)).cast(pl.String) + "0" + pl.Series(rng.integers(1, 7, n)).cast(pl.String)
    nothing = pl.Series("t", [""] * n)
    out = {
        "name": _choose(u["name"], n, [
            (RATES["name"], "name", "我叫", own["name"], "，"), (RATES["surname"], "surname", "", own["surname"] + own["title"], "反映，")]),
        "door": _choose(u["door"], n, [(RATES["room"], "room", estate + building, room + "室", "，")], before_tail="家住"),
        "phone": _choose(u["phone"], n, [
            (RATES["mobile"], "mobile", "联系电话", own["phone"], "。"), (RATES["landline"], "landline", "座机", own["landline"], "。"),
            (RATES["spoken"], "spoken", "电话是", _spoken(own["phone"]), "。"), (RATES["spaced"], "spaced", "手机", _spaced(own["phone"]), "。"),
            (MASKED_RATE, None, "电话", own["phone"].str.slice(0, 3) + "****" + own["phone"].str.slice(7), "。")]),
        "other": _choose(u["other"], n, [
            (RATES["identity"], "identity", "身份证号", own["id_no"], "。"), (RATES["card"], "card", "退款请打到银行卡", own["card"], "。"),
            (RATES["plate"], "plate", "来电人车牌", own["plate"], "，可查记录。"), (RATES["chat"], "chat", "加店家微信", own["chat"], "后被拉黑。"),
            (RATES["email"], "email", "答复请发邮箱", own["email"], "。"), (RATES["child"], "child", "孩子", own["child"], "在附近小学上学。")]),
        "third": _choose(u["third"], n, [(RATES["third_phone"], "third_phone", "店家负责人手机", own["third_phone"], "。")]),
    }
    health = pl.Series(_HEALTH).gather((u["health"] * 1e6).astype(np.int64) % len(_HEALTH))
    out["health"] = {"text": pl.select(pl.when(pl.Series(u["health"] < HEALTH_RATE)).then(health).otherwise(nothing)).to_series(),
                     "kind": pl.Series([None] * n, dtype=pl.String), "at": pl.Series(np.zeros(n, dtype=np.int64)),
                     "length": pl.Series(np.zeros(n, dtype=np.int64))}
    return out


def _choose(u: np.ndarray, n: int, cases: list[tuple], before_tail: str = "") -> dict:
    """One of some cases a record, each with its rate; else nothing. A case: rate, kind, words before, value, words after."""
    text, kind, at, length = (pl.Series("t", [""] * n), pl.Series([None] * n, dtype=pl.String),
                              pl.Series(np.zeros(n, dtype=np.int64)), pl.Series(np.zeros(n, dtype=np.int64)))
    low = 0.0
    for rate, name, before, value, after in cases:
        here = pl.Series((u >= low) & (u < low + rate))
        low += rate
        lead = before_tail + before if not isinstance(before, pl.Series) else pl.select(pl.concat_str([pl.lit(before_tail), before])).to_series()
        lead = pl.Series([lead] * n) if isinstance(lead, str) else lead
        whole = lead + value + after
        text, kind, at, length = (pl.select(pl.when(here).then(new).otherwise(old)).to_series() for new, old in (
            (whole, text), (pl.Series([name] * n, dtype=pl.String), kind), (lead.str.len_chars().cast(pl.Int64), at),
            (value.str.len_chars().cast(pl.Int64), length)))
    return {"text": text, "kind": kind, "at": at, "length": length}


def _spoken(phones: pl.Series) -> pl.Series:
    """As an operator writes what was read to her: 幺五四…"""
    return phones.str.replace_many(list("0123456789"), list("零幺二三四五六七八九"))


def _spaced(phones: pl.Series) -> pl.Series:
    """Full-width digits for the even ones, groups with spaces for the odd ones."""
    wide = phones.str.replace_many(list("0123456789"), list("０１２３４５６７８９"))
    groups = phones.str.slice(0, 3) + " " + phones.str.slice(3, 4) + " " + phones.str.slice(7)
    odd = pl.Series(phones.str.slice(10, 1).cast(pl.Int64) % 2 == 1)
    return pl.select(pl.when(odd).then(groups).otherwise(wide)).to_series()
