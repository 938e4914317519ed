"""How fast the linker is on invented hotline records: `python -m benchmarks.bench_linking [--records N] [--nights …]`; a JSON line a measurement.

A night is linked in a process of its own, on what was kept of the open window: the same night on a window of 30 and of 60 days,
and a large one on a small window. Beside it the obvious way: TF-IDF cosines of all pairs, over the same records.
"""
import argparse
import datetime as dt
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import rjieba
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer

from flows.link import link
from models.incident_corpus import texts_of
from models.incidents import IncidentLinker

SYLLABLES = list("锦绣湖畔安和丰泰永顺梨园翠屏明珠金石松鹤云海星河紫荆华庭新景康宁福瑞祥东方阳光天悦")
MATTERS = ("电梯停运两次老人上下楼困难，物业称等配件", "烧烤店夜间露天摆桌油烟和吵闹影响休息", "健身卡余额不退负责人电话无人接听",
           "停车场公示免费时长与实际收费不一致", "外卖里吃出异物商家只同意退一份的钱", "货架标价与收银价格不符", "供暖温度不达标多次报修未处理",
           "培训课程退费被要求扣除高额手续费", "路边井盖松动车辆经过噪音很大", "自来水发黄有异味持续三天")
FRAMES = ("来电人反映：{place}{matter}，希望尽快处理。", "市民来电，{place}{matter}，多次反映未解决，要求相关部门核实。", "您好，我住在{place}，{matter}，请给个说法。")


def estates(n: int, random: np.random.Generator) -> list[str]:
    """Names of n estates."""
    return ["".join(random.choice(SYLLABLES, random.integers(2, 5))) + str(random.choice(["小区", "花园", "家园", "广场"])) for _ in range(n)]


def invented(n: int, seed: int = 0, names: list[str] | None = None) -> pl.DataFrame:
    """Clerk's texts about matters at estates; about a fifth of the records share a matter with others."""
    random = np.random.default_rng(seed)
    names = names or estates(max(n // 4, 10), random)
    places = len(names)
    where, what = random.integers(places, size=n), random.integers(len(MATTERS), size=n)
    extra = random.integers(100, 10**6, size=n)
    texts = [FRAMES[int(f)].format(place=names[p], matter=MATTERS[m]) + f"当时编号{e}，涉及金额{e % 977}元，已经持续{e % 31}天，附近居民都有意见。"
             for f, p, m, e in zip(random.integers(len(FRAMES), size=n), where, what, extra)]
    start = dt.datetime(2026, 1, 1)
    return pl.DataFrame({"title": pl.Series([None] * n, dtype=pl.String), "content": texts,
                         "created_at": [start + dt.timedelta(minutes=int(k)) for k in np.sort(random.integers(0, 60 * 24 * 400, size=n))],
                         "caller": [f"c{k}" for k in random.integers(n, size=n)],
                         "place": [f"street{k % 22}" for k in where], "respondent": pl.Series([None] * n, dtype=pl.String),
                         "problem_code": [f"p{k}" for k in what]})


def city(days: int, a_day: int, new: int, seed: int = 2) -> tuple[pl.DataFrame, pl.DataFrame]:
    """-> (open, new): records of the `days` before tonight, already linked (`incident_id`), and tonight's; about matters that live for some ten days.

    The same city however many days are open: its last 30 days and tonight are the same in both.
    """
    names = [estates(a_day * 5 // 2, np.random.default_rng(seed + 7 * k)) for k in range(days // 10 + 1)]
    parts = [invented(a_day if d else new, seed * 1000 + d, names[d // 10]).with_row_index("at") for d in range(days + 1)]
    made = []
    for d, part in enumerate(parts):
        moment = pl.datetime(2026, 6, 1) - pl.duration(days=d) + pl.duration(seconds=pl.col("at"))
        made.append(part.with_columns(created_at=moment.dt.replace_time_zone("UTC"), record_id=pl.concat_str(pl.lit(f"s:{d}:"), "at"),
                                      row_hash=pl.concat_str(pl.lit(f"h{d}:"), "at"), local_date=moment.dt.date(), age=pl.lit(d)))
    whole = pl.concat(made).with_columns(
        source_id=pl.lit("s"), caller_key="caller", respondent_name="respondent", fine_place="place",
        address_masked=pl.lit(None, pl.String), community=pl.lit(None, pl.String))
    alike = pl.concat_str(pl.col("content").str.extract(r"([\p{Han}\d]{2,6}(?:小区|花园|家园|广场))", 1), "problem_code", pl.col("age") // 10, separator="|")
    whole = whole.with_columns(incident_id=pl.when((pl.col("age") > 0) & (pl.len().over(alike, pl.col("age") > 0) > 1)).then(alike))
    return whole.filter(pl.col("age") > 0), whole.filter(pl.col("age") == 0).with_columns(incident_id=pl.lit(None, pl.String))


def measured(name: str, work, n: int, **more) -> object:
    """Runs `work`, writes its time and the process's peak memory."""
    start, cpu = time.monotonic(), time.process_time()
    result = work()
    json.dump({"what": name, "records": n, **more, "seconds": round(time.monotonic() - start, 2), "cpu_seconds": round(time.process_time() - cpu, 2),
               "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}, sys.stdout)
    print(flush=True)
    return result


def prepare(folder: Path, days: int, a_day: int, new: int) -> None:
    """Writes what a night finds: the open records without texts, what was kept of their texts (a file a day), tonight's records."""
    open_, tonight = city(days, a_day, new)
    (folder / "kept").mkdir()
    for (day,), part in open_.group_by("local_date", maintain_order=True):
        kept = pl.concat([part.select("record_id", "row_hash"), texts_of(part).frame()], how="horizontal")
        kept.write_parquet(folder / "kept" / f"{day}.parquet")
    open_.drop("title", "content", "caller", "place", "respondent", "at", "age").write_parquet(folder / "open.parquet")
    tonight.write_parquet(folder / "new.parquet")


def night(folder: Path) -> None:
    """Links tonight's records: reads what is open and what was kept, as `weisu nightly` does."""
    def work():
        return link(pl.read_parquet(folder / "new.parquet"), pl.read_parquet(folder / "open.parquet"), lambda ids: pl.DataFrame(), pl.scan_parquet(sorted((folder / "kept").iterdir())))
    n_open = pl.scan_parquet(folder / "open.parquet").select(pl.len()).collect().item()
    measured("night", work, pl.scan_parquet(folder / "new.parquet").select(pl.len()).collect().item(), open=n_open)


def all_pairs(records: pl.DataFrame, at_once: int = 1000, alike: float = 0.6) -> np.ndarray:
    """The obvious linking: words' TF-IDF, the cosine of every pair, whoever is alike enough is one; a label a record."""
    words = TfidfVectorizer(tokenizer=lambda text: [w for w in rjieba.cut(text) if len(w) > 1], token_pattern=None, sublinear_tf=True)
    x = words.fit_transform(records["content"].to_list())
    found = []
    for first in range(0, records.height, at_once):
        near = (x[first:first + at_once] @ x.T).tocoo()
        keep = near.data >= alike
        found.append((near.row[keep] + first, near.col[keep]))
    row, col = (np.concatenate(part) for part in zip(*found))
    return connected_components(coo_matrix((np.ones(len(row)), (row, col)), shape=(records.height, records.height)))[1]


def apart(*args: str) -> None:
    """Runs this benchmark with these arguments in a process of its own, so that peak memory is its own."""
    subprocess.run([sys.executable, "-m", "benchmarks.bench_linking", *args], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=117_000)
    parser.add_argument("--nights", default="30x10000+10000,60x10000+10000,8x10000+60000", help="days x open records a day + new records, …")
    parser.add_argument("--pairs", default="12500,50000", help="records that are also linked by the cosines of all pairs, …")
    parser.add_argument("--prepare", nargs=2, metavar=("FOLDER", "NIGHT"), help=argparse.SUPPRESS)
    parser.add_argument("--night", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.prepare:
        days, a_day, new = (int(x) for x in args.prepare[1].replace("+", "x").split("x"))
        return prepare(Path(args.prepare[0]), days, a_day, new)
    if args.night:
        return night(Path(args.night))
    for wanted in filter(None, args.nights.split(",")):
        with TemporaryDirectory() as folder:
            apart("--prepare", folder, wanted)
            apart("--night", folder)
    for pairs in map(int, filter(None, args.pairs.split(","))):
        same = invented(pairs, seed=1)
        measured("fit_predict", lambda same=same: IncidentLinker().fit_predict(same), pairs)
        measured("all_pairs", lambda same=same: all_pairs(same), pairs)
    n = args.records
    if not n:
        return None
    records = invented(13_220)
    labels = measured("fit_predict", lambda: IncidentLinker().fit_predict(records[:13_000]), 13_000)
    linker = measured("resume", lambda: IncidentLinker().resume(records[:13_000], labels), 13_000)
    measured("partial_fit", lambda: linker.partial_fit(records[13_000:]), 220)
    big = invented(n, seed=1)
    measured("fit_predict", lambda: IncidentLinker().fit_predict(big), n)
    return None


if __name__ == "__main__":
    main()
