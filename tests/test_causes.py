"""What carries a rise: planted causes are named, shares add up exactly, and a rise that is spread has no culprit."""
from datetime import date, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.causes import by_chance, causes, concentration

FACTORS = ["respondent", "street", "channel"]
STREETS = ["新华街道", "北苑街道", "梨园镇", "台湖镇", "宋庄镇"]


SCHEMA = {"now": pl.Boolean, "respondent": pl.String, "street": pl.String, "channel": pl.String}


def ordinary(rng, n, now):
    return pl.DataFrame(schema=SCHEMA, data={"now": [now] * n, "respondent": [f"店{k}" for k in rng.integers(0, 60, n)], "street": [STREETS[k] for k in rng.choice(5, n, p=[.4, .2, .2, .1, .1])],
                         "channel": ["phone" if u < .8 else "web" for u in rng.random(n)]})


def planted(n, **fixed):
    rng = np.random.default_rng(9)
    return ordinary(rng, n, True).with_columns(pl.lit(v).alias(c) for c, v in fixed.items())


def town(seed=1, before=300, now=300):
    rng = np.random.default_rng(seed)
    return pl.concat([ordinary(rng, before, False), ordinary(rng, now, True)])


def adds_up(lines):
    """Every split's named values and rest add up to what is split."""
    whole = lines.row(0, named=True)
    for (parent,), part in lines.slice(1).with_columns(pl.when(pl.col("factor") == "rest").then(pl.col("path").str.replace("/[^/]*$", "")).otherwise(
            pl.col("path").str.replace("/[^/]*$", "")).alias("parent")).group_by("parent"):
        of = whole if parent == "" else lines.filter((pl.col("path") == parent) & (pl.col("factor") != "rest")).row(0, named=True)
        for c in ("before", "now", "contribution"):
            assert abs(part[c].sum() - of[c]) < 1e-6 * max(1, abs(of[c]))
        assert abs(part["share"].sum() * whole["contribution"] - of["contribution"]) < 1e-6 * max(1, abs(of["contribution"]))


def test_one_shop_that_carries_a_rise_is_named_with_its_exact_share():
    lines = causes(pl.concat([town(), planted(90, respondent="某超市", street="梨园镇")]), FACTORS)
    first = lines.row(1, named=True)
    assert (first["factor"], first["value"], first["before"], first["now"], first["share"]) == ("respondent", "某超市", 0, 90, 1.0)
    adds_up(lines)


def test_a_street_with_many_shops_is_named_and_then_what_is_inside_it():
    lines = causes(pl.concat([town(), planted(120, street="台湖镇", channel="web")]), FACTORS)
    named = lines.filter(pl.col("factor") != "rest").slice(1)
    assert named.select("factor", "value").row(0) in (("street", "台湖镇"), ("channel", "web")) and set(named.head(2)["value"]) == {"台湖镇", "web"}
    adds_up(lines)


def test_a_fall_is_explained_as_well_and_lengths_are_allowed_for():
    gone = pl.concat([town(before=310, now=310), planted(80, respondent="关门的店").with_columns(pl.lit(False).alias("now"))])
    lines = causes(gone, FACTORS, scale=31 / 28)
    assert lines["contribution"][0] < 0 and lines.row(1, named=True)["value"] == "关门的店" and abs(lines["before"][1] - 80 * 31 / 28) < 1e-6
    adds_up(lines)


def test_a_rise_of_everything_alike_has_no_culprit_and_chance_is_called_chance():
    assert max(causes(town(seed, 300, 600), FACTORS).height for seed in range(20)) <= 3
    assert by_chance(300, 330) and not by_chance(300, 400) and causes(town(1, 50, 51), FACTORS).height == 1


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(0, 200), st.sampled_from([1.0, 10 / 11, 31 / 28]))
def test_shares_add_up_whatever_happened_and_order_does_not_matter(seed, before, now, scale):
    rng = np.random.default_rng(seed)
    rows = pl.concat([ordinary(rng, before, False), ordinary(rng, now, True), planted(seed % 40, street="宋庄镇")])
    rows = rows.with_columns(pl.when(pl.lit(seed % 2 == 0) & (pl.col("channel") == "web")).then(None).otherwise("channel").alias("channel"))
    lines = causes(rows, FACTORS, scale)
    adds_up(lines)
    assert lines.equals(causes(rows.sample(fraction=1, shuffle=True, seed=seed), FACTORS, scale))


def test_the_curve_says_which_share_of_records_the_busiest_have():
    keys = pl.Series(["a"] * 60 + ["b"] * 20 + ["c"] * 12 + ["d"] * 5 + ["e"] * 3 + [None] * 7)
    assert concentration(keys, [.2, .21, 1.0]).rows() == [(.2, 1, 60, .6), (.21, 2, 80, .8), (1.0, 5, 100, 1.0)]
    assert concentration(pl.Series([None], dtype=pl.String)).is_empty()


def test_the_command_tells_the_cause_in_words_and_says_where_nothing_can_be_compared(tmp_path, monkeypatch, capsys):
    from flows.cli import run as weisu
    from tests.houses import enter
    from tests.practice_house import house_with, moment, records
    usual = [{"day": date(2026, 5, 1) + timedelta(days=n % 61), "street": STREETS[n % 5], "respondent_name": f"好又多{n % 40}号店"} for n in range(244)]
    rise = [{"day": date(2026, 6, 1) + timedelta(days=n % 30), "street": "梨园镇", "respondent_name": "惠民生鲜超市有限公司"} for n in range(60)]
    house = house_with(tmp_path / "h", records(usual + rise), moment(date(2026, 6, 30), 24))
    house.warehouse.close()
    enter(monkeypatch, house.settings)
    assert weisu(["causes", "food.expired", "--date", "2026-06-30", "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "环比" in said and "主体“惠民生鲜超市有限公司”：0 → 60（+60）" in said and "数据不全，不作比较" in said and "集中度" in said
    assert weisu(["causes", "food", "--date", "2026-06-30"]) == 0 and weisu(["causes", "no such thing", "--date", "2026-06-30"]) == 2
