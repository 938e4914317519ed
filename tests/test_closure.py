"""Closed records to be looked at again: each reason by a planted record, templates among ordinary replies, and a sample that is the same whoever draws it."""
import json
from datetime import date, timedelta

import numpy as np
import polars as pl

from flows.closure import closed_in, counts
from models.near_copies import near_copies
from policy.periods import whole
from tests.houses import enter
from tests.practice_house import house_with, moment, records
from transforms.closure import sample

JUNE = whole("month", date(2026, 6, 1))
D = date(2026, 6, 3)
TEMPLATE = "您好，您反映的问题已收悉，我所已于6月{n}日联系商家{shop}进行核实，感谢您对市场监管工作的支持与理解，祝您生活愉快。"
DONE = ["退还", "更换", "整改", "下架", "补贴", "约谈", "抽检", "移交", "调解", "协商", "停业", "调取"]
WHAT = ["货款", "商品", "货架", "过期食品", "价签", "负责人", "样品", "属地单位", "双方争议", "赔偿数额", "后厨卫生", "进货票据"]


def ordinary(n, seed=3):
    rng = np.random.default_rng(seed)
    return ["经查，" + "，".join(DONE[k // 12] + WHAT[k % 12] for k in rng.permutation(144)[:6]) + f"，金额{m}元。" for m in range(n)]


def test_replies_off_one_template_are_a_group_and_ordinary_ones_are_not():
    templated = [TEMPLATE.format(n=n, shop=f"“{'甲乙丙丁戊己庚辛'[n]}记超市”") for n in range(8)]
    texts = pl.Series([*ordinary(60), *templated, None, "已处理"])
    got = near_copies(texts)
    assert (got[60:68] == 60).all() and (got[:60] == -1).all() and (got[68:] == -1).all()
    back = near_copies(texts.reverse())[::-1]
    assert np.array_equal(got >= 0, back >= 0)
    assert (near_copies(pl.Series(["已处理1"] * 5 + ["已处理22"])) == 0).all()        # figures are left out
    assert near_copies(pl.Series([], dtype=pl.String)).size == 0


def closing(number, **more):
    return {"number": number, "day": D, "status": "closed", "closed_at": moment(D + timedelta(days=2)), "signed_at": moment(D, 12), "reply": f"处理情况各不相同{number}", **more}


def test_each_reason_is_told_of_the_record_that_has_it_and_of_no_other(tmp_path):
    replies = ordinary(20, 8)
    rows = [closing("again", caller_key="c", incident_id="I"), {"number": "later", "day": D + timedelta(days=9), "caller_key": "c", "incident_id": "I"},
            closing("other", caller_key="d", incident_id="I"), closing("unsolved", solved=False), closing("angry", satisfied="no"), closing("silent", reply=None),
            closing("late", closed_at=moment(date(2026, 8, 20))), closing("fine", solved=True, satisfied="yes"), {"number": "open", "day": D}]
    rows = [{**r, "reply": replies[n] if r.get("reply") else None} for n, r in enumerate(rows)]
    rows += [closing(f"t{n}", reply=TEMPLATE.format(n=n, shop=f"“{'甲乙丙丁戊己庚辛'[n]}记超市”")) for n in range(6)]
    house = house_with(tmp_path / "h", records(rows), moment(date(2026, 9, 30)))
    got = closed_in(house, JUNE, moment(date(2026, 9, 30)))
    told = {r["record_id"].split(":")[1]: r["reasons"] for r in got.iter_rows(named=True)}
    house.warehouse.close()
    assert {k: v for k, v in told.items() if not k.startswith("t")} == {"again": ["again"], "other": [], "unsolved": ["unsolved"], "angry": ["unsatisfied"], "silent": ["no_reply"], "late": ["late"], "fine": []}
    assert all(told[f"t{n}"] == ["template"] for n in range(6))
    assert counts(got).select("reason", "n").rows() == [("again", 1), ("unsolved", 1), ("unsatisfied", 1), ("template", 6), ("late", 1), ("no_reply", 1)]


def test_the_sample_holds_every_unit_reasons_first_and_others_by_lot_and_is_the_same_whoever_draws():
    closed = pl.DataFrame({"record_id": [f"r{n:03d}" for n in range(200)], "lead_unit": [f"所{n % 4}" if n % 50 else None for n in range(200)],
                           "reasons": [["late", "unsolved"] if n % 40 == 1 else ["late"] if n % 10 == 1 else [] for n in range(200)]}, schema_overrides={"reasons": pl.List(pl.String)})
    got = sample(closed, 3, "month2026-06-01")
    per = got.group_by(pl.col("lead_unit").fill_null(""), "drawn").len()
    assert per.filter(pl.col("drawn") == "lot")["len"].max() == 3 and per["lead_unit"].n_unique() == 5
    mine = got.filter((pl.col("lead_unit") == "所1") & (pl.col("drawn") == "reason"))
    assert mine["reasons"].list.len().to_list().count(2) == 3                              # the gravest of its many
    assert got.equals(sample(closed.sample(fraction=1, shuffle=True, seed=1), 3, "month2026-06-01"))
    assert not got.equals(sample(closed, 3, "month2026-07-01"))


def test_the_command_says_that_a_person_decides(tmp_path, monkeypatch, capsys):
    from flows.cli import run as weisu
    house = house_with(tmp_path / "h", records([closing("a", solved=False), closing("b", solved=True)]), moment(date(2026, 6, 30), 24))
    house.warehouse.close()
    enter(monkeypatch, house.settings)
    assert weisu(["closure", "--date", "2026-06-30", "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "不作自动评判" in said and "回访称未解决: 1" in said and "随机抽取" in said
    assert weisu(["closure", "--date", "2026-06-30", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["reasons"] == {"unsolved": 1}
