"""A small invented message board: everyday messages, and one matter that several citizens write about."""
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

PLACES = ("A1区", "A2区", "A3区", "A7县")
ESTATES = ("梧桐苑", "金桂花园", "翠竹小区", "滨江名城", "明月山庄", "望湖家园", "紫薇雅苑", "锦绣华庭")
WHATS = ("物业乱收停车费，投诉多次没有人管", "楼下烧烤店油烟扰民，晚上十二点还在营业", "公交车班次太少，上班高峰等半个小时", "门口路灯坏了一个月没人修",
         "自来水发黄有异味，不敢饮用", "幼儿园收费太高没有公示", "渣土车夜间施工噪音很大，孩子睡不着", "小区绿化带被人占用种菜")
MATTER = "{place}{estate}东门新建的搅拌站昼夜生产，粉尘和噪音严重扰民，窗户都不敢开，请环保部门尽快处理"


def messages(first: date, days: int, seed: int = 1, a_day: int = 6, matter_from: date | None = None, matter_n: int = 0) -> pl.DataFrame:
    """Messages of `days` days from `first`; from `matter_from` on, `matter_n` citizens a day write about one mixing plant."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(days):
        day = first + timedelta(days=n)
        for _ in range(int(rng.poisson(a_day * (0.5 if day.weekday() >= 5 else 1.2)))):
            place, estate, what = rng.choice(PLACES), rng.choice(ESTATES), rng.choice(WHATS)
            rows.append((day, f"A{rng.integers(10_000, 99_999)}", f"{place}{estate}{what[:12]}", f"我住在{place}{estate}，{what}。{rng.integers(2, 40)}栋业主希望有关部门重视。"))
        if matter_from is not None and day >= matter_from:
            for k in range(matter_n):
                rows.append((day, f"A9{n:03d}{k}", "A3区望湖家园搅拌站粉尘噪音扰民", MATTER.format(place="A3区", estate="望湖家园") + "！" * (k % 3)))
    out = []
    for i, (day, user, title, text) in enumerate(rows):
        at = datetime(day.year, day.month, day.day, 8, 0) + timedelta(seconds=int(rng.integers(0, 50_000)))
        out.append((f"{200_000 + i}", user, title, at.strftime("%Y/%m/%d %H:%M:%S"), f"\n\t\t{text}\n\t", "0", "0"))
    return pl.DataFrame(out, schema=["留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "反对数", "点赞数"], orient="row")


def workbook(frame: pl.DataFrame, path: Path) -> Path:
    frame.write_excel(path)
    return path
