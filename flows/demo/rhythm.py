"""How many records a day brings in a place and of a problem when nothing special happens: weeks, seasons, holidays, growth."""
from datetime import date, timedelta

import numpy as np

from flows.demo.lexicon import Lexicon

#: Monday to Sunday. A phone hotline is flatter than a web board.
WEEK = np.array([1.18, 1.10, 1.06, 1.05, 1.02, 0.80, 0.79])
#: Share of a day's records by hour: peaks at 10–11 and 15–17, a dip at noon, a tail to 23.
HOURS = np.array([.6, .4, .3, .3, .4, .8, 1.6, 3.6, 7.6, 9.2, 9.4, 8.6, 4.6, 5.0, 7.2, 8.2, 7.8, 6.4, 4.8, 4.2, 3.4, 2.8, 1.8, 1.0])
GROWTH_A_YEAR, STEP, STEP_ON = 1.06, 1.10, date(2025, 9, 1)
NEW_YEAR_DAYS = {2025: date(2025, 1, 29), 2026: date(2026, 2, 17), 2027: date(2027, 2, 6)}
#: Since when a new phone menu sends a part of what was "other" to "quality" (trap N5).
MENU_ON, MENU_SHARE = date(2026, 10, 8), 0.15


def days_of(start: date, n: int) -> list[date]:
    return [start + timedelta(days=i) for i in range(n)]


def day_kinds(days: list[date]) -> tuple[np.ndarray, np.ndarray]:
    """Which days are worked, and which are public holidays (weekend days inside one included). (bool, bool)"""
    from policy.calendar import day_kind

    kinds = [day_kind(d, "cn") for d in days]
    return np.array([k.works for k in kinds]), np.array([k.kind == "holiday" for k in kinds])


def day_factor(days: list[date], media_day: bool = True) -> np.ndarray:
    """What every series of a day is multiplied by: growth × weekday or holiday × Spring Festival × 15 March. (n_days,)"""
    work, feast = day_kinds(days)
    factor = np.array([WEEK[d.weekday()] for d in days])
    makeup = work & np.array([d.weekday() >= 5 for d in days])
    factor[makeup] = WEEK[:5].mean()
    factor[feast] = 0.65
    factor[work & np.concatenate([[False], feast[:-1]])] = 1.35
    for i, d in enumerate(days):
        factor[i] *= GROWTH_A_YEAR ** ((d - date(2025, 1, 1)).days / 365.25) * (STEP if d >= STEP_ON else 1.0)
        lunar = (d - NEW_YEAR_DAYS[d.year]).days if d.year in NEW_YEAR_DAYS else 999
        if -1 <= lunar <= 3:
            factor[i] *= 0.35 / min(factor[i], 0.65) if feast[i] else 0.35
        elif 4 <= lunar <= 6:
            factor[i] *= 0.9 if feast[i] else 0.6
        elif 7 <= lunar <= 20:
            factor[i] *= 1.3
        if media_day and d.month == 3 and 14 <= d.day <= 31:
            factor[i] *= 1.6 if d.day <= 17 else 1.0 + 0.6 * (31 - d.day) / 14
    return factor


def seasons(days: list[date], lex: Lexicon) -> np.ndarray:
    """What a problem's share is multiplied by on a day. (n_days, n_problems)"""
    month = np.array([d.month for d in days])
    out = np.ones((len(days), len(lex.problems)))

    def times(match, months, by):
        columns = [i for i, p in enumerate(lex.problems) if match(p)]
        out[np.ix_(np.isin(month, months), columns)] *= by

    times(lambda p: p.group == "food", (6, 7, 8, 9), 1.5)
    times(lambda p: p.group == "prepaid", (1, 2, 3, 6, 7, 8), 1.4)
    times(lambda p: p.code.startswith("special.elevator"), (7, 8), 1.3)
    times(lambda p: p.code in ("utility.gas_heat", "price.utility_fee"), (11, 12, 1, 2, 3), 3.0)
    times(lambda p: p.group == "edu" or p.code in ("prepaid.training", "refund.training_offline"), (7, 8, 9), 1.5)
    times(lambda p: p.code.startswith("env.noise"), (5, 6, 7, 8, 9), 1.5)
    times(lambda p: p.code == "housing.rental_agency", (6, 7, 8, 9), 1.5)
    online = [i for i, p in enumerate(lex.problems) if p.group == "online" or p.code.startswith("refund.online")]
    for feast_month, feast_day in ((6, 18), (11, 11)):
        for i, d in enumerate(days):
            if 7 <= (d - date(d.year, feast_month, feast_day)).days <= 25:
                out[i, online] *= 1.8
    return out


def shares(lex: Lexicon, other: float) -> np.ndarray:
    """Each problem's share of a plain day; groups as in words.yaml, within a group by rank (Zipf 1.1). (n_problems,)"""
    groups = lex.words["group_shares"]
    outside = sorted({p.group for p in lex.problems} - set(groups), key=[p.group for p in lex.problems].index)
    share = np.zeros(len(lex.problems))
    for group in (*groups, *outside):
        members = [i for i, p in enumerate(lex.problems) if p.group == group]
        rank = np.arange(1, len(members) + 1) ** -1.1 * np.array([lex.problems[i].rare for i in members])
        total = groups[group] * (1 - other) / sum(groups.values()) if group in groups else other / len(outside)
        share[members] = total * rank / rank.sum()
    return share


def affinity(lex: Lexicon) -> np.ndarray:
    """Where a problem is at home: how a street's share of it differs from its share of everything. (n_streets, n_problems)"""
    out = np.ones((len(lex.streets), len(lex.problems)))
    likes = {
        "mall": (lambda p: p.group in ("prepaid", "quality"), 1.6),
        "works": (lambda p: p.group == "online" or p.code in ("refund.online_goods", "food.canteen", "housing.rental_agency"), 2.0),
        "park": (lambda p: p.code in ("refund.ticket", "special.amusement", "quality.catering_service"), 3.0),
        "village": (lambda p: p.code in ("food.expired", "food.additive", "demolition.rural_land", "demolition.village"), 2.0),
    }
    for i, street in enumerate(lex.streets):
        if street.character in likes:
            match, by = likes[street.character]
            out[i, [k for k, p in enumerate(lex.problems) if match(p)]] *= by
    return out


def rates(days: list[date], lex: Lexicon, base: float, other: float, media_day: bool = True, new_menu: bool = True) -> np.ndarray:
    """The expected number of background records. (n_days, n_streets, n_problems)"""
    work, feast = day_kinds(days)
    weights = np.array([s.weight for s in lex.streets])
    by_place = weights[:, None] * affinity(lex)
    share = shares(lex, other) / by_place.sum(0) * 1.0
    lam = (base * day_factor(days, media_day))[:, None, None] * (seasons(days, lex) * share)[:, None, :] * by_place[None]
    for i, street in enumerate(lex.streets):
        if street.character == "offices":
            lam[~work, i] *= 0.15
        if street.character == "park":
            holiday = [k for k, p in enumerate(lex.problems) if p.code in ("refund.ticket", "quality.catering_service", "price.parking")]
            lam[np.ix_(np.flatnonzero(feast), np.array([i]), np.array(holiday))] *= 2.0
    if new_menu:
        after = np.array([d >= MENU_ON for d in days])
        outside = [k for k, p in enumerate(lex.problems) if p.group not in lex.words["group_shares"]]
        inside = [k for k, p in enumerate(lex.problems) if p.group == "quality"]
        moved = lam[after][:, :, outside].sum(2, keepdims=True) * MENU_SHARE
        quality = lam[after][:, :, inside]
        everywhere, days_after = np.arange(lam.shape[1]), np.flatnonzero(after)
        lam[np.ix_(days_after, everywhere, np.array(inside))] = quality * (1 + moved / np.maximum(quality.sum(2, keepdims=True), 1e-9))
        lam[np.ix_(days_after, everywhere, np.array(outside))] *= 1 - MENU_SHARE
    return lam
