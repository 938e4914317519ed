"""The planted matters: risks that must be found (R1–R8) and traps that must not be taken for one (N1–N5). Each is a handful of drafts."""
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import polars as pl

from flows.demo.drafts import DAY, day_number, drafts, moments
from flows.demo.ground import Ground
from flows.demo.rhythm import HOURS, MENU_ON, NEW_YEAR_DAYS
from flows.demo.streams import stream

EVENING = np.array([0.0] * 17 + [1, 3, 5, 6, 5, 3, 1])
ALL_DAY = HOURS


@dataclass(frozen=True)
class Matter:
    """One planted matter. `is_risk` false: a trap. `wanted_level`: at least for a risk, at most for a trap (None: no warning at all)."""

    id: str
    zh: str
    en: str
    start: date
    end: date
    is_risk: bool
    severity: str
    wanted_level: str | None
    wanted_day: date | None
    lead_unit: str | None
    streets: tuple[str, ...]
    problems: tuple[str, ...]
    records: pl.DataFrame = field(repr=False)


def plant(ground: Ground, seed: int, start: date, end: date) -> list[Matter]:
    """All matters that begin between two days (inclusive)."""
    makers = (_gym_closes, _canteen, _lifts, _chain_prices, _refund_wave, _festival_prices_25, _festival_prices_26, _second_gym,
              _rising_street, _claimant, _neighbours, _media_day_25, _media_day_26, _new_menu)
    found = [make(ground, stream(seed, make.__name__)) for make in makers]
    return [m for m in found if start <= m.start and m.start <= end]


def _gym_closes(g: Ground, rng) -> Matter:
    """R1: three weeks of refused refunds, then a closed door; from day 4 two branches follow."""
    day0 = date(2026, 6, 22)
    return _gym(g, rng, "R1", day0, "九棵树街道", ("梨园镇", "玉桥街道"), 260, 210, (6, 38, 55),
                "健身房关门，会员卡余额不退（九棵树）", "A gym closes with prepaid cards (Jiukeshu)", "锐动示例", 1)


def _second_gym(g: Ground, rng) -> Matter:
    """R7: another gym fails half a year later."""
    return _gym(g, rng, "R7", date(2026, 12, 7), "北苑街道", ("新华街道",), 120, 100, (5, 20, 26),
                "第二家健身房关门（北苑）", "A second gym fails (Beiyuan)", "跃能示例", 1)


def _gym(g: Ground, rng, name: str, day0: date, home: str, spill: tuple[str, ...], size: int, n_callers: int, steps: tuple[int, ...],
         zh: str, en: str, brand: str, wanted_after: int) -> Matter:
    trade = g.lex.trade("健身房")
    gyms = [int(g.respondents.pool(trade, g.lex.street(s))[0]) for s in (home, *spill)]
    weak = np.sort(rng.integers(-21, 0, max(8, size // 9)))
    tail = size - len(weak) - sum(steps)
    decay = len(steps) + np.minimum(rng.geometric(0.16, tail) - 1, 18)
    day = np.concatenate([weak, np.repeat(np.arange(len(steps)), steps), decay])
    closed = day >= 0
    u = rng.random(size)
    codes = np.where(closed, np.select([u < .55, u < .75, u < .88, u < .94], ["prepaid.runaway", "prepaid.fitness", "prepaid.general",
                                                                              "order.closed_shop"], "refund.online_course"),
                     np.where(u < .8, "prepaid.fitness", "prepaid.general"))
    where = np.where((day >= 4) & (rng.random(size) < .3), 1 + rng.integers(0, len(spill), size), 0)
    streets = np.array([g.lex.street(s) for s in (home, *spill)])[where]
    who = np.array(gyms)[where]
    return Matter(name, zh, en, day0 - timedelta(days=21), day0 + timedelta(days=21), True, "major", "red",
                  day0 + timedelta(days=wanted_after), "SEC-CONS", (home, *spill), ("prepaid.runaway", "prepaid.fitness", "prepaid.general"),
                  drafts(moments(rng, day_number(day0) + day, ALL_DAY), street=streets, problem=_problems(g, codes), respondent=who,
                         estate=g.estate_in(streets, rng.random(size)), building=rng.integers(1, 18, size),
                         caller=_callers(rng, size, n_callers, int(name[1:])), incident=name))


def _canteen(g: Ground, rng) -> Matter:
    """R2: a works canteen in Majuqiao; eleven records over two evenings, eight more through other channels."""
    evening = date(2026, 6, 28)
    street = g.lex.street("马驹桥镇")
    who = int(g.respondents.pool(g.lex.trade("食堂"), street)[0])
    day = day_number(evening) + np.array([0] * 7 + [1] * 4)
    created = np.concatenate([moments(rng, day, EVENING), moments(rng, day_number(evening) + 1 + rng.integers(0, 2, 8), ALL_DAY)])
    codes = np.where(np.arange(19) % 6 == 5, "food.canteen", "food.poisoning")
    return Matter("R2", "单位食堂多人腹泻呕吐（马驹桥）", "Food poisoning at a works canteen (Majuqiao)", evening, evening + timedelta(days=3), True,
                  "critical", "red", evening, "SEC-CATER", ("马驹桥镇",), ("food.poisoning", "food.canteen"),
                  drafts(created, street=street, problem=_problems(g, codes), respondent=who, building=1,
                         estate=g.estate_in(np.full(19, street), np.zeros(19)), caller=_callers(rng, 19, 17, 20), incident="R2"))


def _lifts(g: Ground, rng) -> Matter:
    """R3: lift faults in one estate, from 0.2 to 1.4 and more a week over five months, two entrapments in month 4."""
    first, street = date(2026, 4, 1), g.lex.street("梨园镇")
    estate = int(g.first[street])
    week = np.arange(22)
    slope = 0.2 + 1.2 * week / 21
    days = np.sort(np.concatenate([(rng.choice(22, 32, p=slope / slope.sum()) * 7 + rng.integers(0, 7, 32)), [98, 112]]))
    codes = np.where(np.isin(np.arange(34), [int(np.flatnonzero(days == 98)[0]), int(np.flatnonzero(days == 112)[0])]),
                     "special.elevator_trapped", "special.elevator_fault")
    who = g.respondent_for(_problems(g, codes), np.full(34, street), np.full(34, estate), rng)
    return Matter("R3", "一个小区电梯故障逐月增多（梨园）", "Lift faults in one estate, slowly rising (Liyuan)", first, first + timedelta(days=153), True,
                  "major", "orange", date(2026, 7, 31), "SEC-SPEC", ("梨园镇",), ("special.elevator_fault", "special.elevator_trapped"),
                  drafts(moments(rng, day_number(first) + days, ALL_DAY), street=street, problem=_problems(g, codes), respondent=who,
                         estate=estate, building=rng.integers(1, 5, 34), caller=_callers(rng, 34, 29, 30), incident="R3"))


def _chain_prices(g: Ground, rng) -> Matter:
    """R4: a convenience chain bills more than it marks: at most two a branch, 31 in 12 days."""
    first = date(2026, 8, 10)
    table = g.respondents.table
    branches = table.filter(pl.col("chain") == 0)
    chosen = np.sort(np.concatenate([np.arange(branches.height), rng.permutation(branches.height)[:max(0, 31 - branches.height)]]))[:31]
    n = len(chosen)
    streets = branches["street"].to_numpy()[chosen]
    return Matter("R4", "连锁便利店多家门店标价与结账不一致", "A chain's branches bill more than they mark", first, first + timedelta(days=11), True,
                  "moderate", "yellow", first + timedelta(days=9), "SEC-PRICE",
                  tuple(g.lex.streets[s].name for s in np.unique(streets)), ("price.fraud",),
                  drafts(moments(rng, day_number(first) + rng.integers(0, 12, n), ALL_DAY), street=streets,
                         problem=_problems(g, np.full(n, "price.fraud")), respondent=branches["respondent"].to_numpy()[chosen],
                         estate=g.estate_in(streets, rng.random(n)), building=rng.integers(1, 18, n),
                         caller=_callers(rng, n, n - 1, 40), incident="R4"))


def _refund_wave(g: Ground, rng) -> Matter:
    """R5: an online seller's refunds stop after 11 November; logistic growth to 45 a day, on top of the season."""
    first, street = date(2026, 11, 14), g.lex.street("马驹桥镇")
    curve = 45 / (1 + np.exp(-(np.arange(40) - 6) / 1.5))
    day = np.repeat(np.arange(40), rng.poisson(curve))[:420]
    who = int(g.respondents.pool(g.lex.trade("网店"), street)[0])
    n = len(day)
    return Matter("R5", "网店大面积不退款（注册地马驹桥）", "An online seller stops refunding (registered in Majuqiao)", first,
                  first + timedelta(days=int(day.max())), True, "major", "orange", first + timedelta(days=5), "SEC-NET", ("马驹桥镇",),
                  ("refund.online_goods",),
                  drafts(moments(rng, day_number(first) + day, ALL_DAY), street=street, problem=_problems(g, np.full(n, "refund.online_goods")),
                         respondent=who, estate=g.estate_in(np.full(n, street), rng.random(n)), building=rng.integers(1, 18, n),
                         caller=_callers(rng, n, n - 20, 50), incident="R5"))


def _festival_prices_25(g: Ground, rng) -> Matter:
    return _festival_prices(g, rng, 2025, 50)


def _festival_prices_26(g: Ground, rng) -> Matter:
    return _festival_prices(g, rng, 2026, 60)


def _festival_prices(g: Ground, rng, year: int, n: int) -> Matter:
    """R6: unmarked prices at vegetable markets in the three weeks before the Spring Festival, as every year."""
    eve = NEW_YEAR_DAYS[year] - timedelta(days=1)
    streets = rng.choice(len(g.lex.streets), n, p=(w := np.array([s.weight for s in g.lex.streets])) / w.sum())
    who = g.respondents.draw(np.full(n, g.lex.trade("菜市场")), streets, rng.random(n))
    name = f"R6-{year}"
    return Matter(name, "春节前菜市场未明码标价（每年如此）", "Unmarked prices at markets before the Spring Festival, as every year",
                  eve - timedelta(days=20), eve, False, "minor", "blue", None, "SEC-PRICE", ("全区",), ("price.unmarked",),
                  drafts(moments(rng, day_number(eve) - rng.integers(0, 21, n), ALL_DAY), street=streets,
                         problem=_problems(g, np.full(n, "price.unmarked")), respondent=who, estate=g.estate_in(streets, rng.random(n)),
                         building=rng.integers(1, 18, n), caller=_callers(rng, n, n - 2, 60 + year % 10), incident=name))


def _rising_street(g: Ground, rng) -> Matter:
    """R8: a small street whose complaints of kitchens rise from three to nine a month over nine months, the one a month that it has anyhow among them."""
    first, street = date(2026, 1, 5), g.lex.street("永乐店镇")
    monthly = np.rint(np.linspace(3, 9, 9)).astype(int) - 1
    day = np.concatenate([m * 30 + rng.integers(0, 30, k) for m, k in enumerate(monthly)])
    n = len(day)
    streets, problem = np.full(n, street), _problems(g, np.full(n, "food.catering_hygiene"))
    return Matter("R8", "小乡镇餐饮卫生投诉逐月增多（永乐店）", "Complaints of kitchens slowly rising in a small township (Yongledian)", first,
                  first + timedelta(days=270), True, "moderate", "yellow", date(2026, 9, 30), "ST-117", ("永乐店镇",), ("food.catering_hygiene",),
                  drafts(moments(rng, day_number(first) + day, ALL_DAY), street=streets, problem=problem,
                         respondent=g.respondent_for(problem, streets, streets, rng),
                         estate=g.estate_in(streets, rng.random(n)), building=rng.integers(1, 18, n),
                         caller=_callers(rng, n, n - 2, 80), incident="R8"))


def _claimant(g: Ground, rng) -> Matter:
    """N1: a professional claimant: 140 label reports in a week, three phones, sixty shops, two texts."""
    first, n = date(2026, 5, 11), 140
    pool = g.respondents.table.filter(pl.col("trade") == g.lex.trade("超市"))
    shops = rng.permutation(pool.height)[:60][rng.integers(0, 60, n)]
    streets = pool["street"].to_numpy()[shops]
    return Matter("N1", "职业索赔：一周 140 件标签举报，3 个号码", "A professional claimant: 140 label reports in a week from 3 phones", first,
                  first + timedelta(days=6), False, "none", None, None, None, ("全区",), ("food.label",),
                  drafts(moments(rng, day_number(first) + rng.integers(0, 7, n), ALL_DAY), street=streets,
                         problem=_problems(g, np.full(n, "food.label")), respondent=pool["respondent"].to_numpy()[shops],
                         estate=g.estate_in(streets, rng.random(n)), building=rng.integers(1, 18, n), caller=_callers(rng, n, 3, 110),
                         incident="N1", is_claimant=True, told_like=np.arange(n) % 2, copies_all=True, report=True))


def _neighbours(g: Ground, rng) -> Matter:
    """N2: seventy neighbours send one text about the noise of a restaurant under their homes."""
    first, n, street = date(2026, 6, 26), 85, g.lex.street("通运街道")
    who = int(g.respondents.pool(g.lex.trade("烧烤店"), street)[0])
    day = day_number(first) + rng.choice(3, n, p=[.45, .35, .2])
    return Matter("N2", "70 位邻居同文投诉餐馆噪音（通运）", "Seventy neighbours copy one complaint about noise (Tongyun)", first,
                  first + timedelta(days=2), False, "none", "incident", None, "DEP-UMLE", ("通运街道",), ("env.noise_social",),
                  drafts(moments(rng, day, EVENING), street=street, problem=_problems(g, np.full(n, "env.noise_social")), respondent=who,
                         estate=int(g.first[street]), building=rng.integers(1, 7, n), caller=_callers(rng, n, 70, 120), incident="N2",
                         is_campaign=True, told_like=0, copies_all=True))


def _media_day_25(g: Ground, rng) -> Matter:
    return _nothing(g, "N3-2025", date(2025, 3, 15), "3·15 晚会后诉求普遍上升", "Everything rises after the 15 March programme")


def _media_day_26(g: Ground, rng) -> Matter:
    return _nothing(g, "N3-2026", date(2026, 3, 15), "3·15 晚会后诉求普遍上升", "Everything rises after the 15 March programme")


def _new_menu(g: Ground, rng) -> Matter:
    return _nothing(g, "N5", MENU_ON, "电话菜单调整：一部分“其他”改计入“质量”", "A new phone menu moves a part of “other” to “quality”")


def _nothing(g: Ground, name: str, day: date, zh: str, en: str) -> Matter:
    """A trap without records of its own: the whole stream changes."""
    return Matter(name, zh, en, day, day + timedelta(days=3), False, "none", None, None, None, ("全区",), (),
                  drafts(np.zeros(0, dtype=np.int64), street=0, problem=0))


def _problems(g: Ground, codes: np.ndarray) -> np.ndarray:
    known = {p.code: i for i, p in enumerate(g.lex.problems)}
    return np.array([known[str(c)] for c in codes], dtype=np.int64)


def _callers(rng, n: int, n_callers: int, block: int) -> np.ndarray:
    """`n` records by exactly `n_callers` people: numbers below −2, a block a matter, changed for real ones later."""
    n_callers = max(1, min(n, n_callers))
    who = np.concatenate([np.arange(n_callers), rng.integers(0, n_callers, n - n_callers)])
    return -(10_000_000 + block * 100_000) - rng.permutation(who)


def backlog(created: np.ndarray, rng, keyed_on: date = date(2026, 4, 22), days: int = 9, n: int = 300) -> np.ndarray:
    """N4: which of the records of nine days are keyed in on one day only, when the backlog is worked off. (positions)"""
    last = day_number(keyed_on) * DAY
    late = np.flatnonzero((created >= last - days * DAY) & (created < last))
    return np.sort(rng.choice(late, min(n, len(late)), replace=False)) if len(late) else late
