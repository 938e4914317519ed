"""How fast the linker is on invented hotline records: `python -m benchmarks.bench_linking [--records N]`; writes a JSON line a measurement."""
import argparse
import datetime as dt
import json
import resource
import sys
import time

import numpy as np
import polars as pl

from models.incidents import IncidentLinker

SYLLABLES = list("锦绣湖畔安和丰泰永顺梨园翠屏明珠金石松鹤云海星河紫荆华庭新景康宁福瑞祥东方阳光天悦")
MATTERS = ("电梯停运两次老人上下楼困难，物业称等配件", "烧烤店夜间露天摆桌油烟和吵闹影响休息", "健身卡余额不退负责人电话无人接听",
           "停车场公示免费时长与实际收费不一致", "外卖里吃出异物商家只同意退一份的钱", "货架标价与收银价格不符", "供暖温度不达标多次报修未处理",
           "培训课程退费被要求扣除高额手续费", "路边井盖松动车辆经过噪音很大", "自来水发黄有异味持续三天")
FRAMES = ("来电人反映：{place}{matter}，希望尽快处理。", "市民来电，{place}{matter}，多次反映未解决，要求相关部门核实。", "您好，我住在{place}，{matter}，请给个说法。")


def invented(n: int, seed: int = 0, places: int | None = None) -> pl.DataFrame:
    """Clerk's texts about matters at estates; about a fifth of the records share a matter with others."""
    random = np.random.default_rng(seed)
    places = places or max(n // 4, 10)
    names = ["".join(random.choice(SYLLABLES, random.integers(2, 5))) + str(random.choice(["小区", "花园", "家园", "广场"])) for _ in range(places)]
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


def measured(name: str, work, n: int) -> object:
    """Runs `work`, writes its time and the process's peak memory."""
    start = time.monotonic()
    result = work()
    json.dump({"what": name, "records": n, "seconds": round(time.monotonic() - start, 2),
               "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}, sys.stdout)
    print(flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=117_000)
    n = parser.parse_args().records
    records = invented(13_220)
    labels = measured("fit_predict", lambda: IncidentLinker().fit_predict(records[:13_000]), 13_000)
    linker = measured("resume", lambda: IncidentLinker().resume(records[:13_000], labels), 13_000)
    measured("partial_fit", lambda: linker.partial_fit(records[13_000:]), 220)
    big = invented(n, seed=1)
    measured("fit_predict", lambda: IncidentLinker().fit_predict(big), n)


if __name__ == "__main__":
    main()
