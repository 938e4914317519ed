"""Problems nobody named yet: found, named readably, and the same tomorrow."""
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from models.problems import ProblemClusterer

T0 = datetime(2026, 5, 1, 9, tzinfo=UTC)
#: Theme: what it is about, what is wrong with it.
THEMES = {"共享单车": (["共享单车", "共享电单车", "地铁口的共享单车"], ["乱停乱放", "堵住盲道", "占满人行道", "堆成小山", "押金不退", "无人清运", "挡住消防通道", "倒了一片"]),
          "广场舞": (["广场舞", "跳广场舞的音响", "门前广场舞"], ["声音太大", "跳到夜里十点", "吵得学生没法写作业", "劝阻被骂", "清早六点就开始", "震得窗户响", "占着篮球场", "几支队伍比音量"]),
          "快递柜": (["快递柜", "智能快递柜", "小区快递柜"], ["超时收费", "未经同意就投放", "取件还要付款", "柜门打不开", "短信不通知", "丢了包裹不赔", "强制关注公众号", "扫码失灵"]),
          "流浪狗": (["流浪狗", "成群流浪狗", "没主的流浪狗"], ["咬伤老人", "追赶骑车的人", "翻垃圾桶", "夜里狂叫", "趴在单元门口", "没有打疫苗", "生了一窝小狗", "见人就扑"])}
DRONES = {"无人机": (["无人机", "低空无人机", "几架无人机"], ["偷拍居民窗户", "夜间飞行轰鸣", "在楼顶盘旋", "掉下来砸到车", "贴着阳台飞", "惊到老人", "没有报备", "一天飞好几趟"])}


def texts(n, seed, themes=THEMES):
    rng = np.random.default_rng(seed)
    rows = [(theme, f"{rng.choice(about)}{rng.choice(wrong)}", f"{rng.choice(about)}{rng.choice(wrong)}，{rng.choice(wrong)}")
            for theme, (about, wrong) in themes.items() for _ in range(n)]
    rng.shuffle(rows)
    return pl.DataFrame({"title": [t for _, t, _ in rows], "content": [c for _, _, c in rows],
                         "created_at": [T0 + timedelta(hours=i) for i in range(len(rows))]}), np.array([theme for theme, _, _ in rows])


def home_of(labels, truth, theme):
    """The problem that holds most of a theme's records, and the share of them it holds."""
    found, counts = np.unique(labels[truth == theme], return_counts=True)
    return int(found[counts.argmax()]), counts.max() / counts.sum()


def test_themes_are_found_and_named_by_their_own_words():
    frame, truth = texts(60, 1)
    model = ProblemClusterer(random_state=0, n_problems=4).fit(frame)
    for theme in THEMES:
        most, share = home_of(model.labels_, truth, theme)
        assert most >= 0 and share >= 0.5
        assert (truth[model.labels_ == most] == theme).mean() >= 0.9
        own, others = ("".join(frame["title"].filter(pl.Series(keep)).to_list()) for keep in (truth == theme, truth != theme))
        name = model.names_[most]
        assert 4 <= len(name) <= 14 and set(name) <= set(own) and not set(name) <= set(others)


def test_a_problem_keeps_its_number_and_a_new_one_is_born():
    frame, truth = texts(60, 1)
    first = ProblemClusterer(random_state=0, n_problems=4).fit(frame)
    more, more_truth = texts(60, 2, THEMES | DRONES)
    second = ProblemClusterer(random_state=0, n_problems=4).fit(more, previous=first)
    for theme in THEMES:
        assert home_of(first.labels_, truth, theme)[0] == home_of(second.labels_, more_truth, theme)[0]
    born = set(second.lineage_.filter(pl.col("kind") == "born")["problem"].to_list())
    drones = {k for k in born if (more_truth[second.labels_ == k] == "无人机").mean() > 0.8}
    assert drones and not born & set(first.labels_.tolist()) and any("无人机" in second.names_[k] for k in drones)


def test_what_is_gone_dies_and_keeps_its_number_for_itself():
    frame, truth = texts(60, 1)
    first = ProblemClusterer(random_state=0, n_problems=4).fit(frame)
    gone = home_of(first.labels_, truth, "流浪狗")[0]
    rest = frame.filter(pl.Series(first.labels_ != gone))
    second = ProblemClusterer(random_state=0, n_problems=4).fit(rest, previous=first)
    assert ("died", gone) in set(second.lineage_.select("kind", "problem").rows()) and gone not in second.names_


def test_fits_are_repeatable_and_new_records_are_placed_or_left_alone():
    frame, truth = texts(60, 1)
    a, b = (ProblemClusterer(random_state=0, n_problems=4).fit(frame) for _ in range(2))
    assert np.array_equal(a.labels_, b.labels_) and a.names_ == b.names_
    later, later_truth = texts(8, 9)
    placed = a.predict(later)
    inside = placed >= 0
    assert inside.mean() > 0.6
    assert np.mean([(truth[a.labels_ == p] == t).mean() > 0.5 for p, t in zip(placed[inside], later_truth[inside])]) >= 0.6
