"""The synthetic city: every record it will ever have, what its hotline delivers each morning, and the truth about both.

Everything is invented but the names of streets. The same size, seed, start and months give the same bytes.
"""
import tempfile
from collections.abc import Collection
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from flows.demo import background, exports_of_city, files
from flows.demo.callers import callers_of, make_callers
from flows.demo.dirt import KINDS, ROW_DIRT, draw_dirt, soil, twice
from flows.demo.drafts import DAY, day_number, drafts
from flows.demo.exports_of_city import CHANNEL_SHARES, CHANNELS, RECORD_TYPES, RENAMED_ON, TYPE_SHARES, class_names, rows_at
from flows.demo.ground import Ground, make_ground
from flows.demo.lexicon import Lexicon, lexicon
from flows.demo.life import CHANGES, live
from flows.demo.matters import Matter, backlog, plant
from flows.demo.one_matter import matters_of_records
from flows.demo.rhythm import days_of, rates, shares
from flows.demo.streams import pick, stream
from flows.demo.texts import N_DRAWS, VOICES, Texts, write
from flows.demo.truth import Truth

#: Records a day, respondents, days of a whole city (None: as many months as asked for).
SIZES: dict[str, tuple[float, int, int | None]] = {"district": (219, 9_000, None), "city": (60_000, 120_000, 60), "burst": (450_000, 120_000, 1)}
OUTAGE, OUTAGE_FROM, FOUND_AGAIN = date(2026, 6, 25), (9 * 60 + 40) * 60, 0.60
MISSING_FILE, REPEATED_FILE, KEYED_ON = date(2026, 5, 20), date(2026, 8, 12), date(2026, 4, 22)
SILENT_STREET, SILENT_FROM, SILENT_TO = "台湖镇", date(2026, 9, 7), date(2026, 9, 13)
OVERLAP_DAYS = 3
#: What the seasons, all of them rises, add to a year on the whole.
SEASONS_ADD = 1.12
#: The demo's nights unless told otherwise: R1, R2, N2, the Dragon Boat Festival, the outage and the rename fall into them.
DEMO_NIGHTS = (date(2026, 6, 18), date(2026, 7, 1))
_FORMS_BY_MONTH = {3: files.GB18030, 7: files.UTF16, 10: files.HTML}
_NAMED = ("sign", "company", "short", "branch", "street_sign", "wrong", "generic", "blank")
_NAMED_SHARES = np.array([.36, .18, .05, .09, .06, .03, .05, .18])
_GENERIC = _NAMED.index("generic")
_HOMOPHONES = {"动": "东", "源": "缘", "禾": "和", "辰": "晨", "汇": "惠", "意": "艺", "家": "佳", "隆": "龙", "川": "穿", "语": "雨", "达": "大", "满": "曼"}
_AMOUNTS = {"prepaid": 3200, "refund": 2200, "quality": 900, "order": 4200, "online": 350, "advert": 6500, "drug": 600, "labour": 30000,
            "food": 60, "price": 40, "measure": 60, "special": 0, "registry": 0}


class City:
    """A city of a size ("district", "city" or "burst").

    `planted=False` gives the null city: no planted matter, no small one, no copied complaint, no accident of delivery.
    `dirt`: True for all kinds, False for none, or names of `flows.demo.dirt.KINDS`. `export`: "A" (工单编号 …, yuan) or "B"
    (登记编号 …, 10,000 yuan). Files go to `folder`, a temporary one if none is given. Raises ValueError for an unknown size or kind.
    """

    def __init__(self, size: str = "district", seed: int = 1, start: date = date(2025, 1, 1), months: int = 24, planted: bool = True,
                 dirt: bool | Collection[str] = True, export: str = "A", folder: Path | None = None):
        if size not in SIZES:
            raise ValueError(f"unknown size {size!r}: one of {', '.join(SIZES)}")
        self.dirt = frozenset(KINDS if dirt is True else () if dirt is False else dirt)
        if self.dirt - set(KINDS):
            raise ValueError(f"unknown dirt {sorted(self.dirt - set(KINDS))}: of {', '.join(KINDS)}")
        self.size, self.seed, self.start, self.planted, self.export = size, seed, start, planted, export
        base, self._n_respondents, days = SIZES[size]
        whole = (_add_months(start, months) - start).days
        self.n_days = whole if days is None else min(days, whole)
        self.end = start + timedelta(days=self.n_days - 1)
        self._base = base
        self._temporary = tempfile.TemporaryDirectory(prefix="weisu-city-") if folder is None else None
        self.folder = Path(folder) if folder is not None else Path(self._temporary.name)  # type: ignore[union-attr]

    def history(self, until: date) -> list[Path]:
        """The history export: a file a month, all records whose first delivery is on or before `until`, as they stand at its end."""
        cards = self.cards.filter(pl.col("delivered") <= day_number(until))
        month = pl.from_epoch(pl.col("created"), "s").dt.strftime("%Y-%m")
        paths = []
        for (name,), part in cards.group_by(month.alias("m"), maintain_order=True):
            order = (int(str(name)[:4]) - self.start.year) * 12 + int(str(name)[5:]) - self.start.month + 1
            rows = self._rows(part, until)
            paths.append(files.write_file(rows, self.folder / "history", f"诉求_{name}", self._form(order, False), "heads" in self.dirt and order % 6 == 2))
        return sorted(paths)

    def night(self, day: date) -> list[Path]:
        """What lies in the inbox on the morning after `day`: new and changed records and the last three days again; maybe nothing."""
        if self.planted and day == MISSING_FILE:
            return []
        stem = f"12345_{day:%Y%m%d}"
        if self.planted and day == REPEATED_FILE:
            before = self.night(day - timedelta(days=1))[0]
            again = before.with_name(stem + before.suffix)
            again.write_bytes(before.read_bytes())
            return [again]
        rows = self._rows(self.delivered_on(day), day)
        if "duplicates" in self.dirt:
            rows = twice(rows, self.seed, day_number(day))
        order = (day.year - self.start.year) * 12 + day.month - self.start.month + 1
        number = day_number(day)
        return [files.write_file(rows, self.folder / "nights", stem, self._form(order, number % 2 == 1), "heads" in self.dirt and number % 6 == 0)]

    def delivered_on(self, day: date) -> pl.DataFrame:
        """The cards of the records in the file of `day`."""
        number = day_number(day)
        changed = pl.any_horizontal(pl.col(c).is_between(number * DAY, (number + 1) * DAY - 1) for c in CHANGES)
        first = pl.col("delivered")
        return self.cards.filter(first.is_between(number - OVERLAP_DAYS, number) | ((first < number) & changed))

    @cached_property
    def truth(self) -> Truth:
        """What is true, for scoring."""
        cards, matters = self.cards, self.matters
        lex, records = self.lex, self._truth_records(cards)
        counted = records.filter(pl.col("incident_id").is_not_null()).group_by("incident_id").agg(
            pl.len().alias("n_records"), pl.col("caller").n_unique().alias("n_callers"), pl.col("created_at").min().dt.date().alias("first"),
            pl.col("created_at").max().dt.date().alias("last"), pl.col("street").unique().sort().alias("streets_seen"),
            pl.col("type_code").unique().sort().alias("problems_seen"))
        planted = pl.DataFrame(
            [{"incident_id": m.id, "kind": "risk" if m.is_risk else "trap", "zh": m.zh, "en": m.en, "start": m.start, "end": m.end, "is_risk": m.is_risk,
              "severity": m.severity, "wanted_level": m.wanted_level, "wanted_day": m.wanted_day, "lead_unit": m.lead_unit,
              "streets": list(m.streets), "problems": list(m.problems)} for m in matters], schema=_INCIDENTS)
        late = cards.filter(pl.col("backlog"))
        if late.height:
            planted = planted.vstack(pl.DataFrame([{
                "incident_id": "N4", "kind": "trap", "zh": "积压的 300 件集中补录", "en": "A backlog of 300 records keyed in on one day", "start": KEYED_ON,
                "end": KEYED_ON, "is_risk": False, "severity": "none", "wanted_level": None, "wanted_day": None, "lead_unit": None, "streets": ["全区"],
                "problems": []}], schema=_INCIDENTS))
        small = counted.filter(~pl.col("incident_id").is_in(planted["incident_id"].to_list())).sort("incident_id").select(
            "incident_id", pl.col("incident_id").str.split("-").list.first().alias("kind"), pl.lit("背景小事项").alias("zh"),
            pl.lit("minor background matter").alias("en"), pl.col("first").alias("start"), pl.col("last").alias("end"),
            pl.lit(False).alias("is_risk"), pl.lit("none").alias("severity"), pl.lit(None, pl.String).alias("wanted_level"),
            pl.lit(None, pl.Date).alias("wanted_day"), pl.lit(None, pl.String).alias("lead_unit"), pl.col("streets_seen").alias("streets"),
            pl.col("problems_seen").alias("problems")).cast(pl.Schema(_INCIDENTS))
        incidents = pl.concat([planted, small]).join(counted.select("incident_id", "n_records", "n_callers"), on="incident_id", how="left",
                                                     maintain_order="left").with_columns(pl.col("n_records", "n_callers").fill_null(0))
        pii = self._written.pii.join(cards.select("position", pl.col("number").alias("source_record_id")), on="position", how="inner",
                                     maintain_order="left").select("source_record_id", "start", "end", "kind")
        return Truth(records, incidents, self._truth_cells(lex), self._truth_dirt(cards), pii, exports_of_city.revisions_of(cards), self._truth_batches())

    @cached_property
    def lex(self) -> Lexicon:
        return lexicon()

    @cached_property
    def ground(self) -> Ground:
        return make_ground(self.lex, self.seed, self._n_respondents)

    @cached_property
    def matters(self) -> list[Matter]:
        return plant(self.ground, self.seed, self.start, self.end) if self.planted else []

    @cached_property
    def rates(self) -> np.ndarray:
        """Expected plain records, (n_days, n_streets, n_problems); repeats come on top."""
        base = self._base / SEASONS_ADD * (1 - background.REPEAT_SHARE) * (0.965 if self.planted else 1.0)
        return rates(days_of(self.start, self.n_days), self.lex, base, self.lex.words["other_share"][self.size], self.planted, self.planted)

    @cached_property
    def cards(self) -> pl.DataFrame:
        """One row a record, in the order of its number: all that will ever be exported of it."""
        self._make()
        return self._cards

    def _rows(self, cards: pl.DataFrame, day: date) -> pl.DataFrame:
        """The export's rows of some cards at the end of `day`."""
        rows = rows_at(cards, (day_number(day) + 1) * DAY - 1, self.planted and day >= RENAMED_ON)
        if self.dirt & set(ROW_DIRT):
            rows = soil(rows, cards["position"].to_numpy(), self._soiled)
        return exports_of_city.in_other_headers(rows) if self.export == "B" else rows

    def _form(self, month: int, workbook: bool) -> str:
        if "encodings" in self.dirt and month in _FORMS_BY_MONTH:
            return _FORMS_BY_MONTH[month]
        return files.XLSX if workbook else files.CSV

    @cached_property
    def _soiled(self) -> dict[str, np.ndarray]:
        return draw_dirt(self.cards.height, self.seed, self.dirt)

    @cached_property
    def _written(self) -> Texts:
        self._make()
        return self._texts

    def _make(self) -> None:
        """Everything about every record, once."""
        if hasattr(self, "_cards"):
            return
        drafted, draws = self._drafts()
        people = make_callers(self.lex, int(drafted["caller"].to_numpy().max(initial=0)) + 1, self.seed)
        lived = live(drafted, self.lex, self.seed)
        lived = self._accidents(lived)
        numbered = lived.with_columns(_numbers(lived["created"]).alias("number"), pl.Series("position", np.arange(lived.height)))
        known, seen = self._known(numbered, draws)
        self._texts = write(numbered, draws, known, people, self.lex, self.seed)
        self._cards = self._finish(numbered, known, seen, people, draws)

    def _drafts(self) -> tuple[pl.DataFrame, np.ndarray]:
        """All drafts inside the window with their callers, in order of time, and the draws their texts are told by."""
        ground, lam, scale = self.ground, self.rates, self._base / SIZES["district"][0]
        parts = [background.plain(ground, lam, self.start, self.seed)]
        if self.planted:
            parts += [background.minor_matters(ground, lam, self.start, self.seed, scale), background.campaigns(ground, lam, self.start, self.seed, scale),
                      *(m.records for m in self.matters)]
        together = _with_offsets(parts)
        headline = together["incident"].str.contains("^[RN]").fill_null(False).alias("headline")
        together = pl.concat([together, background.repeats(together.with_columns(headline), self.seed)])
        n = together.height
        caller = self._callers(together)
        rng = stream(self.seed, "draws")
        draws = rng.integers(0, 2**32, (n, N_DRAWS), dtype=np.uint32)
        like, whole = together["told_like"].to_numpy(), together["copies_all"].to_numpy()
        own = np.flatnonzero((like >= 0) & ~whole)
        draws[own, :8] = draws[like[own], :8]
        copied = np.flatnonzero((like >= 0) & whole)
        draws[copied, :24] = draws[like[copied], :24]
        draws[copied, 25:] = draws[like[copied], 25:]
        created = together["created"].to_numpy()
        first, last = day_number(self.start) * DAY, (day_number(self.end) + 1) * DAY
        inside = (created >= first) & (created < last)
        lost = self.planted & (created >= day_number(OUTAGE) * DAY + OUTAGE_FROM) & (created < (day_number(OUTAGE) + 1) * DAY)
        inside &= ~(lost & (rng.random(n) >= FOUND_AGAIN))
        late = backlog(created, stream(self.seed, "backlog"), KEYED_ON) if self.planted and self.start <= KEYED_ON <= self.end else np.zeros(0, np.int64)
        behind = np.zeros(n, dtype=bool)
        behind[late] = True
        behind &= together["incident"].is_null().to_numpy()
        order = np.lexsort((rng.random(n), created))
        order = order[inside[order]]
        together = together.with_columns(
            pl.Series("caller", caller), pl.Series("backlog", behind),
            pl.when(pl.Series(behind)).then(day_number(KEYED_ON)).otherwise(pl.col("deliver_on")).alias("deliver_on"))
        return self._described(together, draws)[order], draws[order]

    def _callers(self, together: pl.DataFrame) -> np.ndarray:
        """Real caller numbers: plain records share a crowd, matters have their own people, who calls again is who called."""
        given = together["caller"].to_numpy()
        plain = np.flatnonzero(given == -1)
        caller = np.empty(len(given), dtype=np.int64)
        caller[plain] = callers_of(len(plain), self.n_days / 365.25, self.seed)
        own = np.flatnonzero(given < -1)
        _, numbers = np.unique(given[own], return_inverse=True)
        caller[own] = (caller[plain].max() + 1 if len(plain) else 0) + numbers
        again, like = together["is_repeat"].to_numpy(), together["told_like"].to_numpy()
        caller[again] = caller[like[again]]
        return np.unique(caller, return_inverse=True)[1]

    def _described(self, together: pl.DataFrame, draws: np.ndarray) -> pl.DataFrame:
        """How a record is told and filed, from its draws: voice, second problem, whether a place is named, channel, kind of record."""
        def u(column: int, salt: int) -> np.ndarray:
            mixed = (draws[:, column].astype(np.uint64) * np.uint64(2654435761) + np.uint64(salt * 40503)) % np.uint64(1 << 32)
            return mixed.astype(np.float64) / 2**32

        edges = np.cumsum(shares(self.lex, 0.0))
        problem = together["problem"].to_numpy()
        drawn = np.searchsorted(edges / edges[-1], u(17, 2), side="right").clip(0, len(edges) - 1)
        second = np.where(u(16, 1) < .11, drawn, -1)
        kinds = np.searchsorted(np.cumsum(TYPE_SHARES), u(18, 3)).clip(0, len(TYPE_SHARES) - 1)
        titles = [p.titles[0] for p in self.lex.problems]
        asks = np.array([t.startswith("咨询") for t in titles])[problem]
        reports = np.array([t.startswith("举报") for t in titles])[problem] | together["report"].to_numpy()
        kinds = np.where(asks, 2, np.where(reports, 1, np.where(kinds == 2, 0, kinds)))
        return together.with_columns(
            pl.Series("voice", np.searchsorted(np.cumsum(VOICES), u(19, 4)).clip(0, 2)), pl.Series("second_problem", np.where(second == problem, -1, second)),
            pl.Series("has_place", u(20, 5) < .85), pl.Series("record_type", pl.Series(RECORD_TYPES).gather(kinds)))

    def _accidents(self, lived: pl.DataFrame) -> pl.DataFrame:
        """When the files were late, missing or empty: the days on which the records arrived after all."""
        if not self.planted:
            return lived
        created, delivered = pl.col("created"), pl.col("delivered")
        out = (created >= day_number(OUTAGE) * DAY + OUTAGE_FROM) & (created < (day_number(OUTAGE) + 1) * DAY)
        silent = (pl.col("street") == self.lex.street(SILENT_STREET)) & delivered.is_between(day_number(SILENT_FROM), day_number(SILENT_TO))
        return lived.with_columns(pl.when(out).then(pl.max_horizontal(delivered, day_number(OUTAGE) + 1))
                                  .when(silent).then(day_number(SILENT_TO) + 1)
                                  .when(delivered.is_in([day_number(MISSING_FILE), day_number(REPEATED_FILE)])).then(delivered + 1)
                                  .otherwise(delivered).alias("delivered"))

    def _known(self, records: pl.DataFrame, draws: np.ndarray) -> tuple[dict[str, pl.Series], pl.DataFrame]:
        """What the sentences can name, a text a record; and the respondent as the export's column gives it (`named`, `company`, …)."""
        lex, rng, n = self.lex, stream(self.seed, "naming"), records.height
        who = records["respondent"].to_numpy()
        table = self.ground.respondents.table[np.maximum(who, 0)]
        street = pl.Series([s.name for s in lex.streets]).gather(records["street"])
        short = pl.Series([s.short for s in lex.streets]).gather(records["street"])
        estates = self.ground.estates[records["estate"].to_numpy()]
        trade = pl.Series([t.name for t in lex.trades]).gather(table["trade"])
        generic = pl.Series(["楼下", "附近一家", "某", "小区旁边的"]).gather(rng.integers(0, 4, n)) + trade
        wrong = table["sign"].str.replace_many(list(_HOMOPHONES), list(_HOMOPHONES.values()))
        forms = pl.DataFrame({"sign": table["sign"], "company": table["company"], "short": table["short"], "branch": table["branch"],
                              "street_sign": short + table["sign"], "wrong": wrong, "generic": generic})
        nobody = pl.Series(who < 0)
        column = np.where(who < 0, len(_NAMED) - 1, pick(rng, _NAMED_SHARES, n))
        spoken = np.where(column >= 6, np.where(rng.random(n) < .4, 0, 6), np.where(rng.random(n) < .75, 0, np.minimum(column, 5)))
        named = pl.select(pl.lit(None, pl.String)).to_series().new_from_index(0, n)
        said = forms["sign"]
        for i, name in enumerate(_NAMED[:-1]):
            named = pl.select(pl.when(pl.Series(column == i)).then(forms[name]).otherwise(named)).to_series()
            said = pl.select(pl.when(pl.Series(spoken == i)).then(forms[name]).otherwise(said)).to_series()
        said = pl.select(pl.when(nobody).then(pl.lit("有关单位")).otherwise(said)).to_series()
        groups = np.array([_AMOUNTS.get(p.group, 300) for p in lex.problems])[records["problem"].to_numpy()]
        spread = np.exp(((draws[:, 0].astype(np.float64) / 2**32) - .5) * 3.2)
        money = np.maximum(5, _round(np.maximum(groups, 20) * spread))
        bits = draws[:, 8:16].astype(np.uint64)
        digits = pl.Series((bits[:, 0] * np.uint64(4294967291) + bits[:, 1]) % np.uint64(10**18)).cast(pl.String).str.zfill(18)
        event = pl.from_epoch(records["event"], "s") if n else pl.Series([], dtype=pl.Datetime)
        building = records["building"].cast(pl.String) + "号楼"
        known = {
            "who": said, "est": estates["name"], "road": estates["road"], "street": short, "bld": building,
            "date": event.dt.strftime("%-m月%-d日"), "money": pl.Series(money).cast(pl.String),
            "money2": pl.Series(np.maximum(5, _round(money * 0.35))).cast(pl.String), "uscc": table["uscc"],
            "o18": digits, "o14": digits.str.slice(0, 14), "o8": digits.str.slice(3, 8), "o4": digits.str.slice(9, 4)}
        seen = pl.DataFrame({"named": named, "company": table["company"], "uscc": table["uscc"], "street_name": street,
                             "trading_address": short + table["address"], "money": money,
                             "in_column": pl.Series((column < _GENERIC) & (who >= 0)), "speaks": pl.Series((spoken < _GENERIC) & (who >= 0))})
        return known, seen

    def _finish(self, numbered: pl.DataFrame, known: dict[str, pl.Series], seen: pl.DataFrame, people: pl.DataFrame, draws: np.ndarray) -> pl.DataFrame:
        """The cards: drafts, life, texts and the columns of the export that do not change."""
        rng, n, lex = stream(self.seed, "columns"), numbered.height, self.lex
        first, second = class_names(lex.problems)
        problem = numbered["problem"].to_numpy()
        wrong = numbered["correction"].to_numpy() == "category"
        neighbour = np.array([next((j for j in range(len(lex.problems)) if lex.problems[j].group == p.group and j != i), i)
                              for i, p in enumerate(lex.problems)])
        caller = people[numbered["caller"].to_numpy()]
        u = rng.random((n, 8))
        masked = caller["phone"].str.slice(0, 3) + "****" + caller["phone"].str.slice(7)
        room = pl.Series(rng.integers(1, 5, n)).cast(pl.String) + "单元" + pl.Series(rng.integers(101, 2500, n)).cast(pl.String) + "室"
        address = known["street"] + known["road"] + known["est"] + known["bld"]
        answers = pl.Series(lex.words["answers"])
        reply = answers.str.replace_all(r"\{money2\}", "300").str.replace_all(r"\{n\}", "3").gather(rng.integers(0, len(answers), n))
        station = known["street"] + "市场监管所"
        other = pl.Series([s.short for s in lex.streets]).gather(rng.integers(0, len(lex.streets), n)) + "市场监管所"

        def where(mask: np.ndarray, yes, no=None) -> pl.Series:
            return pl.select(pl.when(pl.Series(mask)).then(yes).otherwise(no)).to_series()

        return numbered.with_columns(
            self._texts.title, self._texts.content, pl.Series(CHANNELS).gather(pick(rng, CHANNEL_SHARES, n)).alias("channel"),
            pl.Series(first).gather(problem).alias("class_1"), pl.Series(second).gather(problem).alias("class_2_right"),
            pl.Series(second).gather(np.where(wrong, neighbour[problem], problem)).alias("class_2"),
            pl.Series("split_second", problem % 2 == 1), seen["named"].alias("named"), seen["company"].alias("company"), seen["uscc"].alias("uscc"),
            where(u[:, 0] < .7, seen["trading_address"]).alias("trading_address"),
            where(u[:, 1] < .03, None, where(u[:, 1] < .07, masked, caller["phone"])).alias("phone_given"),
            where(u[:, 2] < .9, caller["name"]).alias("name_given"), where(u[:, 3] < .97, seen["street_name"]).alias("street_given"),
            where(u[:, 4] < .6, where(u[:, 4] < .15, address + room, address)).alias("address"),
            where((u[:, 5] < .6) & (np.array([_AMOUNTS.get(p.group, 300) for p in lex.problems])[problem] > 0),
                  seen["money"].cast(pl.String)).alias("amount"),
            (seen["in_column"] | (seen["speaks"] & pl.select(pl.lit(self._texts.title + self._texts.content).str.contains(pl.lit(known["who"]), literal=True)).to_series())).alias("is_named"),
            station.alias("unit"), other.alias("unit_2"), where(u[:, 6] < .92, reply).alias("answer"))

    def _truth_records(self, cards: pl.DataFrame) -> pl.DataFrame:
        codes = pl.Series([p.code for p in self.lex.problems])
        second = cards["second_problem"].to_numpy()
        return cards.select(
            pl.col("number").alias("source_record_id"), codes.gather(cards["problem"]).alias("type_code"),
            pl.when(pl.Series(second >= 0)).then(codes.gather(np.maximum(second, 0))).alias("second_type"),
            pl.Series([s.name for s in self.lex.streets]).gather(cards["street"]).alias("street"),
            pl.when(pl.col("respondent") >= 0).then(pl.col("company")).alias("respondent"), pl.col("estate").alias("place"), "caller",
            pl.when(pl.col("backlog")).then(pl.lit("N4")).otherwise(pl.col("incident")).alias("incident_id"),
            matters_of_records(cards, codes.gather(cards["problem"])).alias("matter"), "is_repeat", "is_campaign", "is_claimant",
            pl.from_epoch("event", "s").alias("event_at"), pl.from_epoch("created", "s").alias("created_at"),
            pl.from_epoch("closed", "s").alias("closed_at"),
            pl.from_epoch(pl.col("delivered") * DAY, "s").dt.date().alias("delivered_on"), pl.col("content").alias("text"))

    def _truth_cells(self, lex: Lexicon) -> pl.DataFrame:
        """date, street, type_code, rate, planted: every cell with a rate or a planted record."""
        day, street, problem = np.nonzero(self.rates > 0)
        frame = pl.DataFrame({"day": day, "s": street, "p": problem, "rate": self.rates[day, street, problem] / (1 - background.REPEAT_SHARE)})
        headline = self.cards.filter(pl.col("incident").str.contains("^[RN]").fill_null(False))
        counted = headline.select((pl.col("created") // DAY - day_number(self.start)).alias("day"), pl.col("street").alias("s"),
                                  pl.col("problem").alias("p")).group_by("day", "s", "p").len("planted")
        return (frame.join(counted, on=["day", "s", "p"], how="left", maintain_order="left").select(
            (pl.lit(self.start) + pl.duration(days=pl.col("day"))).cast(pl.Date).alias("date"),
            pl.lit(pl.Series("s", [s.name for s in lex.streets])).gather(pl.col("s")).alias("street"),
            pl.lit(pl.Series("p", [p.code for p in lex.problems])).gather(pl.col("p")).alias("type_code"), "rate",
            pl.col("planted").fill_null(0).cast(pl.Int64)))

    def _truth_dirt(self, cards: pl.DataFrame) -> pl.DataFrame:
        number, clean = cards["number"], {"来电时间": pl.from_epoch(cards["created"], "s").dt.strftime("%Y-%m-%d %H:%M:%S"), "工单编号": cards["number"],
                                          "二级分类": cards["class_2"], "街道": cards["street_given"], "涉及金额(元)": cards["amount"]}
        found = [pl.DataFrame(schema={"source_record_id": pl.String, "column": pl.String, "kind": pl.String, "clean": pl.String, "code": pl.String,
                                      "effect": pl.String})]
        for kind, (_, column, code, effect) in ROW_DIRT.items():
            at = np.flatnonzero(self._soiled[kind])
            if kind == "cut_off":
                at = at[cards["content"].str.len_chars().to_numpy()[at] > 500]
            if column in ("街道", "涉及金额(元)"):
                at = at[clean[column].is_not_null().to_numpy()[at]]
            if not len(at) or kind == "missing_words":
                continue
            value = clean[column].gather(at) if column in clean else pl.Series([None] * len(at), dtype=pl.String)
            found.append(pl.DataFrame({"source_record_id": number.gather(at), "column": [column] * len(at), "kind": [kind] * len(at),
                                       "clean": value, "code": pl.Series([code] * len(at), dtype=pl.String),
                                       "effect": pl.Series([effect] * len(at), dtype=pl.String)}))
        return pl.concat(found)

    def _truth_batches(self) -> pl.DataFrame:
        planned = [(OUTAGE, "withheld", ["B02", "B04"]), (MISSING_FILE, "withheld", ["B01"]), (REPEATED_FILE, "withheld", ["B06"]),
                   (KEYED_ON, "notices", ["B09"]), (RENAMED_ON, "withheld", ["H04", "D03"])]
        planned += [(SILENT_FROM + timedelta(days=i), "withheld", ["B10"]) for i in range((SILENT_TO - SILENT_FROM).days + 1)]
        rows = [{"date": d, "outcome": o, "codes": c} for d, o, c in sorted(planned) if self.planted and self.start <= d <= self.end]
        return pl.DataFrame(rows, schema={"date": pl.Date, "outcome": pl.String, "codes": pl.List(pl.String)})


_INCIDENTS: dict[str, Any] = {
    "incident_id": pl.String, "kind": pl.String, "zh": pl.String, "en": pl.String, "start": pl.Date, "end": pl.Date,
    "is_risk": pl.Boolean, "severity": pl.String, "wanted_level": pl.String, "wanted_day": pl.Date, "lead_unit": pl.String,
    "streets": pl.List(pl.String), "problems": pl.List(pl.String)}


def _add_months(day: date, months: int) -> date:
    """The same day of a later month; the first where there is none."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, 28))


def _numbers(created: pl.Series) -> pl.Series:
    """A work order's number: district, date and the place in the day's order; `created` ascending."""
    day = created // DAY
    frame = pl.DataFrame({"d": day}).with_columns((pl.int_range(pl.len()).over("d") + 1).alias("k"))
    date_text = pl.from_epoch(created, "s").dt.strftime("%Y%m%d")
    return ("0112" + date_text + frame["k"].cast(pl.String).str.zfill(6)).alias("number")


def _round(money: np.ndarray) -> np.ndarray:
    """As people pay: tens above a hundred, hundreds less two above a thousand."""
    small = np.where(money >= 100, np.rint(money / 10) * 10, np.rint(money))
    return np.where(money >= 1000, np.rint(money / 100) * 100 - 20 * (np.rint(money) % 3), small).astype(np.int64)


def _with_offsets(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """The parts one under the other, with their references to rows of their own kept right."""
    out, offset = [drafts(np.zeros(0, dtype=np.int64), street=0, problem=0)], 0
    for part in parts:
        out.append(part.with_columns(pl.when(pl.col("told_like") >= 0).then(pl.col("told_like") + offset).otherwise(-1).alias("told_like")))
        offset += part.height
    return pl.concat(out)
