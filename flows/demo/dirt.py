"""What is wrong with an export: per record, so that the same row is dirty in the same way in every file it stands in."""
from collections.abc import Collection

import numpy as np
import polars as pl

from flows.demo.streams import stream

#: Kind: share of rows, column, the rule that should speak, its effect.
ROW_DIRT: dict[str, tuple[float, str, str | None, str | None]] = {
    "id_apostrophe": (0.004, "工单编号", "K03", "P"),
    "slash_dates": (0.03, "来电时间", None, None),
    "chinese_dates": (0.01, "来电时间", None, None),
    "serial_dates": (0.01, "来电时间", "T06", "P"),
    "day_only": (0.01, "来电时间", "T04", "F"),
    "before_2000": (0.0007, "来电时间", "T03", "Q"),
    "no_time": (0.0007, "来电时间", "T01", "Q"),
    "far_future": (0.0004, "来电时间", "T02", "Q"),
    "mojibake": (0.004, "问题描述", "C04", "P"),
    "beyond_repair": (0.001, "问题描述", "C03", "Q"),
    "cut_off": (0.005, "问题描述", "C05", "F"),
    "unknown_category": (0.005, "二级分类", "D03", "F"),
    "unknown_status": (0.0005, "状态", "D02", "Q"),
    "street_alias": (0.02, "街道", None, None),
    "other_district": (0.01, "街道", "G01", "F"),
    "amount_words": (0.06, "涉及金额(元)", None, None),
    "amount_range": (0.01, "涉及金额(元)", "M02", "P"),
    "amount_negative": (0.0005, "涉及金额(元)", "M03", "F"),
    "missing_words": (0.30, "*", None, None),
}
#: Kinds that belong to a file: its encoding, head and tail, rows twice.
FILE_DIRT = ("encodings", "heads", "duplicates")
KINDS = (*ROW_DIRT, *FILE_DIRT)
_MISSING = ("-", "--", "无", "不详", "/", "暂无", "未填写", "NULL", "—", "未知")
_ALIASES = {"新华街道": "新华街道市场监管所", "于家务回族乡": "于家务乡"}
_OTHER = ("朝阳区双桥", "大兴区亦庄镇", "河北省三河市燕郊", "顺义区李桥镇")


def draw_dirt(n: int, seed: int, kinds: Collection[str]) -> dict[str, np.ndarray]:
    """Which of `n` records carry which dirt. The draws do not depend on which kinds are switched on."""
    rng = stream(seed, "dirt")
    drawn = {kind: rng.random(n) < rate for kind, (rate, *_) in ROW_DIRT.items()}
    taken = np.zeros(n, dtype=bool)
    for kind in ("slash_dates", "chinese_dates", "serial_dates", "day_only", "before_2000", "no_time", "far_future"):
        drawn[kind] &= ~taken
        taken |= drawn[kind]
    return {kind: at if kind in kinds else np.zeros(n, dtype=bool) for kind, at in drawn.items()}


def soil(rows: pl.DataFrame, position: np.ndarray, dirt: dict[str, np.ndarray]) -> pl.DataFrame:
    """Rows of an export with their dirt. `rows`: texts only, in the district's headers; `position`: each row's record."""
    on = {kind: pl.lit(pl.Series(kind, at[position])) for kind, at in dirt.items()}
    spin = pl.lit(pl.Series("spin", (position * 7919) % 9973))
    time = pl.col("来电时间")
    plain = time.str.to_datetime("%Y-%m-%d %H:%M:%S")
    serial = ((plain - pl.datetime(1899, 12, 30)).dt.total_seconds() / 86400).round(6).cast(pl.String)
    said, amount, street = pl.col("问题描述"), pl.col("涉及金额(元)"), pl.col("街道")
    rows = rows.with_columns(
        pl.when(on["id_apostrophe"]).then("'" + pl.col("工单编号")).otherwise(pl.col("工单编号")).alias("工单编号"),
        pl.when(on["slash_dates"]).then(plain.dt.strftime("%Y/%-m/%-d %H:%M:%S"))
        .when(on["chinese_dates"]).then(plain.dt.strftime("%Y年%-m月%-d日%H时%M分"))
        .when(on["serial_dates"]).then(serial)
        .when(on["day_only"]).then(plain.dt.strftime("%Y-%m-%d"))
        .when(on["before_2000"]).then("1999" + time.str.slice(4))
        .when(on["no_time"]).then(pl.lit("0000-00-00"))
        .when(on["far_future"]).then("2099" + time.str.slice(4)).otherwise(time).alias("来电时间"),
        pl.when(on["cut_off"]).then(said.str.slice(0, 500)).otherwise(said).alias("问题描述"),
        pl.when(on["unknown_category"]).then(pl.col("二级分类") + "（新）").otherwise(pl.col("二级分类")).alias("二级分类"),
        pl.when(on["unknown_status"]).then(pl.lit("流程异常")).otherwise(pl.col("状态")).alias("状态"),
        pl.when(on["street_alias"]).then(street.replace(_ALIASES).str.replace("(街道|镇)$", ""))
        .when(on["other_district"]).then(pl.lit(pl.Series("o", _OTHER)).gather(spin % len(_OTHER))).otherwise(street).alias("街道"),
        pl.when(on["amount_negative"]).then("-" + amount).when(on["amount_range"]).then(amount + "-" + amount + "0")
        .when(on["amount_words"]).then(_in_words(amount, spin)).otherwise(amount).alias("涉及金额(元)"))
    rows = _garble(rows, dirt["mojibake"][position], dirt["beyond_repair"][position])
    words = pl.lit(pl.Series("m", _MISSING)).gather(spin % len(_MISSING))
    optional = ("被反映主体", "经营地址", "涉及金额(元)", "答复内容", "详细地址")
    return rows.with_columns(pl.when(on["missing_words"] & pl.col(c).is_null()).then(words).otherwise(pl.col(c)).alias(c)
                             for c in optional if c in rows.columns)


def _in_words(amount: pl.Expr, spin: pl.Expr) -> pl.Expr:
    forms = [amount + "元", "约" + amount, "¥" + amount, amount + "元左右"]
    return pl.when(spin % 4 == 0).then(forms[0]).when(spin % 4 == 1).then(forms[1]).when(spin % 4 == 2).then(forms[2]).otherwise(forms[3])


def _garble(rows: pl.DataFrame, repairable: np.ndarray, lost: np.ndarray) -> pl.DataFrame:
    """GBK bytes read as Latin-1, which can be undone; and the same after its bytes were replaced, which cannot."""
    text = rows["问题描述"].to_list()
    for i in np.flatnonzero(repairable | lost):
        if text[i]:
            text[i] = ("锟斤拷" * (len(text[i]) // 3 + 2))[:len(text[i])] if lost[i] else text[i].encode("gb18030").decode("latin-1")
    return rows.with_columns(pl.Series("问题描述", text, dtype=pl.String))


def twice(rows: pl.DataFrame, seed: int, day: int) -> pl.DataFrame:
    """Some rows stand in the file twice (0.7 %)."""
    rng = stream(seed, f"duplicates {day}")
    again = np.flatnonzero(rng.random(rows.height) < .007)
    order = np.sort(np.concatenate([np.arange(rows.height), again]), kind="stable")
    return rows[order]
