"""The rows a hotline's system exports at a moment: what is known by then, in its own headers and words."""
from datetime import date

import numpy as np
import polars as pl

from flows.demo.life import NEVER
from policy import taxonomy

CHANNELS = ("电话", "APP", "网站", "12315平台", "来信")
CHANNEL_SHARES = np.array([0.74, 0.15, 0.05, 0.05, 0.01])
RECORD_TYPES = ("投诉", "举报", "咨询", "求助", "建议", "表扬")
TYPE_SHARES = np.array([0.55, 0.22, 0.12, 0.07, 0.03, 0.01])
#: On this day the source renames three of its classes, splits one, merges two, and drops a column.
RENAMED_ON = date(2026, 7, 1)
DROPPED = "统一社会信用代码"
RENAMES = {"商品服务质量": "商品与服务质量", "预付式消费": "预付卡消费", "价格与明码标价": "价格行为",
           "登记注册与信用": "登记与知识产权", "公平竞争与知识产权": "登记与知识产权"}
SPLIT, SPLIT_INTO = "网络交易", ("网络购物", "直播与平台")
#: The other system's headers, in its own order; amounts in 10,000 yuan.
OTHER_HEADERS = {
    "来电时间": "登记时间", "工单编号": "登记编号", "诉求来源": "信息来源", "诉求类型": "业务性质", "标题": "诉求标题",
    "问题描述": "内容描述", "一级分类": "问题大类", "二级分类": "问题小类", "被反映主体": "涉及主体名称", "统一社会信用代码": "社会信用代码",
    "经营地址": "经营地址详细", "联系电话": "来电号码", "诉求人": "来电人姓名", "街道": "镇街", "详细地址": "事发地址",
    "涉及金额(元)": "消费金额（万元）", "承办单位": "主办单位", "派单时间": "转办时间", "签收时间": "接收时间", "办结时间": "办结日期",
    "状态": "工单状态", "答复内容": "办理情况", "回访时间": "回访时间", "是否响应": "是否响应", "是否解决": "是否解决",
    "是否满意": "满意度", "更新时间": "最后修改时间",
}


def class_names(problems) -> tuple[list[str], list[str]]:
    """The source's own first- and second-level class of each problem."""
    return [taxonomy.name(p.group, "zh") for p in problems], [taxonomy.name(p.code, "zh") for p in problems]


def rows_at(cards: pl.DataFrame, moment: int, renamed: bool) -> pl.DataFrame:
    """The rows of some records as they stand at `moment` (seconds, local): later dates blank, later corrections not yet made."""
    def known(name: str) -> pl.Expr:
        return pl.col(name) <= moment

    def stamp(name: str, when: pl.Expr | None = None) -> pl.Expr:
        shown = known(name) if when is None else known(name) & when
        return pl.when(shown).then(pl.from_epoch(pl.col(name), "s").dt.strftime("%Y-%m-%d %H:%M:%S"))

    corrected = known("corrected")
    reopened, reclosed = known("reopened"), known("reclosed")
    closed = known("closed") & (~reopened | reclosed)
    created = pl.when(corrected & (pl.col("correction") == "created")).then(pl.col("created") + pl.col("shift")).otherwise(pl.col("created"))
    status = (pl.when(closed & pl.col("void")).then(pl.lit("作废")).when(closed & pl.col("withdrawn")).then(pl.lit("已撤单"))
              .when(closed).then(pl.lit("已办结")).when(reopened).then(pl.lit("重办")).when(known("signed")).then(pl.lit("办理中"))
              .when(known("dispatched")).then(pl.lit("已派单")).otherwise(pl.lit("待派单")))
    asked = known("callback") & closed
    last = pl.max_horizontal(*(pl.when(known(c)).then(pl.col(c)) for c in ("dispatched", "signed", "closed", "reopened", "reclosed",
                                                                           "callback", "corrected")), pl.col("created"))
    rows = cards.select(
        pl.col("number").alias("工单编号"), pl.col("channel").alias("诉求来源"), pl.col("record_type").alias("诉求类型"),
        pl.from_epoch(created, "s").dt.strftime("%Y-%m-%d %H:%M:%S").alias("来电时间"), pl.col("title").alias("标题"),
        pl.col("content").alias("问题描述"), pl.col("class_1").alias("一级分类"),
        pl.when(corrected & (pl.col("correction") == "category")).then(pl.col("class_2_right")).otherwise(pl.col("class_2")).alias("二级分类"),
        pl.when(corrected & (pl.col("correction") == "respondent")).then(pl.col("company")).otherwise(pl.col("named")).alias("被反映主体"),
        pl.when(pl.col("named").is_not_null()).then(pl.col("uscc")).alias("统一社会信用代码"),
        pl.when(pl.col("named").is_not_null()).then(pl.col("trading_address")).alias("经营地址"),
        pl.col("phone_given").alias("联系电话"), pl.col("name_given").alias("诉求人"), pl.col("street_given").alias("街道"),
        pl.col("address").alias("详细地址"), pl.col("amount").alias("涉及金额(元)"),
        pl.when(known("dispatched")).then(pl.when(corrected & (pl.col("correction") == "unit")).then(pl.col("unit_2")).otherwise(pl.col("unit")))
        .alias("承办单位"),
        stamp("dispatched").alias("派单时间"), stamp("signed").alias("签收时间"),
        pl.when(reclosed).then(stamp("reclosed")).otherwise(stamp("closed", closed)).alias("办结时间"), status.alias("状态"),
        pl.when(closed).then(pl.col("answer")).alias("答复内容"), stamp("callback", asked).alias("回访时间"),
        *(pl.when(asked).then(pl.when(pl.col(c)).then(pl.lit("是")).otherwise(pl.lit("否"))).alias(name)
          for c, name in (("responded", "是否响应"), ("solved", "是否解决"))),
        pl.when(asked).then(pl.when(pl.col("satisfied")).then(pl.lit("满意")).otherwise(pl.lit("不满意"))).alias("是否满意"),
        pl.from_epoch(last, "s").dt.strftime("%Y-%m-%d %H:%M:%S").alias("更新时间"))
    if not renamed:
        return rows
    first = pl.col("一级分类")
    split = pl.when(pl.lit(cards["split_second"])).then(pl.lit(SPLIT_INTO[1])).otherwise(pl.lit(SPLIT_INTO[0]))
    return rows.with_columns(pl.when(first == SPLIT).then(split).otherwise(first.replace(RENAMES)).alias("一级分类")).drop(DROPPED)


def in_other_headers(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows as another system exports them."""
    amount = pl.col("涉及金额(元)").cast(pl.Float64, strict=False) / 10_000
    rows = rows.with_columns(amount.cast(pl.String).alias("涉及金额(元)"))
    return rows.select(pl.col(c).alias(name) for c, name in OTHER_HEADERS.items() if c in rows.columns)


def revisions_of(cards: pl.DataFrame) -> pl.DataFrame:
    """source_record_id, revision_no, known_at (local), changed: every moment at which a record's row changes, its delivery first."""
    arrived = cards.select("number", pl.col("delivered").mul(86_400).alias("at"), pl.lit("all").alias("changed"))
    later = [cards.filter(pl.col(c) < NEVER).select("number", pl.col(c).alias("at"), pl.lit(c).alias("changed"))
             for c in ("dispatched", "signed", "closed", "reopened", "reclosed", "callback", "corrected")]
    return (pl.concat([arrived, *later]).sort("number", "at", "changed")
            .with_columns((pl.int_range(pl.len()).over("number") + 1).cast(pl.Int32).alias("revision_no"),
                          pl.from_epoch("at", "s").alias("known_at"))
            .select(pl.col("number").alias("source_record_id"), "revision_no", "known_at", "changed"))
