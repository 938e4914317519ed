"""Problems nobody named yet: found, named readably, and the same tomorrow."""
import pickle
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from models.problem_names import name_groups
from models.problem_profiles import Profiles
from models.problem_succession import succeed
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
    homes = [home_of(model.labels_, truth, theme) for theme in THEMES]
    assert np.mean([share for _, share in homes]) >= 0.7, "one of the four may fall in two: templated texts do"
    for theme, (most, share) in zip(THEMES, homes):
        assert most >= 0 and share >= 0.3
        assert (truth[model.labels_ == most] == theme).mean() >= 0.9
        own, others = ("".join(frame["title"].filter(pl.Series(keep)).to_list()) for keep in (truth == theme, truth != theme))
        name = model.names_[most]
        assert 4 <= len(name) <= 14 and set(name) <= set(own) and not set(name) <= set(others)


def test_the_same_problems_on_any_number_of_threads():
    """By several threads the last digit of a sum differs, and equally near clusters are chosen by it."""
    frame, _ = texts(60, 3)
    labels = []
    for threads in (1, 2, 2):
        with threadpool_limits(threads):
            labels.append(ProblemClusterer(random_state=0, n_problems=4).fit(frame).labels_.tolist())
    assert labels[0] == labels[1] == labels[2]


def odd(n, seed):
    """Texts that have nothing to do with each other: made-up words of two characters out of three hundred."""
    rng = np.random.default_rng(seed)
    def word():
        return "".join(chr(c) for c in rng.integers(0x4e00, 0x4e00 + 300, 2))
    return pl.DataFrame({"title": [word() + word() for _ in range(n)], "content": ["，".join(word() + word() for _ in range(4)) for _ in range(n)],
                         "created_at": [T0] * n})


def test_what_is_together_with_nothing_is_in_no_problem():
    """Among texts that have little to do with each other only what recurs is a problem."""
    frame, truth = texts(15, 1)
    labels = ProblemClusterer(random_state=0).fit_predict(pl.concat([frame, odd(150, 2)]))
    themes, alone = labels[:len(truth)], labels[len(truth):]
    assert (alone >= 0).mean() <= 0.4
    for theme in THEMES:
        most = home_of(themes, truth, theme)[0]
        assert most >= 0 and (truth[themes == most] == theme).all() and not (alone == most).any()


def test_a_problem_keeps_its_number_and_a_new_one_is_born():
    frame, truth = texts(60, 1)
    first = ProblemClusterer(random_state=0, n_problems=4).fit(frame)
    more, more_truth = texts(60, 2, THEMES | DRONES)
    second = ProblemClusterer(random_state=0, n_problems=4).fit(more, previous=first)
    into = dict(second.lineage_.filter(pl.col("kind") == "merged").select("problem", "other").iter_rows())
    for theme in THEMES:
        number = home_of(first.labels_, truth, theme)[0]
        assert into.get(number, number) == home_of(second.labels_, more_truth, theme)[0]
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


def test_the_order_of_the_records_is_nothing_to_go_by():
    frame, _ = texts(60, 1)
    order = np.random.default_rng(5).permutation(frame.height)
    a = ProblemClusterer(random_state=0, n_problems=4).fit(frame)
    b = ProblemClusterer(random_state=0, n_problems=4).fit(frame[order])
    assert np.array_equal(a.labels_[order], b.labels_) and a.names_ == b.names_


def test_refits_on_other_records_of_the_same_kind_change_next_to_nothing():
    frame, _ = texts(120, 1)
    model = first = ProblemClusterer(random_state=0, n_problems=4).fit(frame)
    for seed in range(1, 5):
        part = frame.sample(fraction=0.9, seed=seed)
        model = ProblemClusterer(random_state=seed, n_problems=4).fit(part, previous=model)
    a, b = first.predict(frame), model.predict(frame)
    assert (a == b)[(a >= 0) & (b >= 0)].mean() >= 0.9 and len(model.names_) <= len(first.names_) + 1


def test_a_part_that_keeps_to_itself_leaves_a_problem_under_a_new_number():
    """Two rows of blocks: 0 to 19 were one problem and fall apart into 12 and 8, 20 to 39 stay."""
    near = np.full((40, 40), 0.1)
    for rows in (slice(0, 12), slice(12, 20), slice(20, 40)):
        near[rows, rows] = 0.9
    np.fill_diagonal(near, 1)
    before = np.repeat([3, 7], 20)
    change = succeed(near, np.repeat([0, 1, 2], (12, 8, 20)), before, 9)
    assert change.number.tolist() == [3] * 12 + [9] * 8 + [7] * 20 and change.parted == {9: 3} and not change.merged
    near[:12, 12:20] = near[12:20, :12] = 0.5
    assert succeed(near, np.repeat([0, 1, 2], (12, 8, 20)), before, 9).number.tolist() == before.tolist()


def test_problems_that_are_always_together_become_one_with_the_larger_number_of_texts():
    near = np.full((40, 40), 0.1)
    near[:20, :20] = near[20:, 20:] = 0.9
    np.fill_diagonal(near, 1)
    before = np.repeat([2, 5, 6], (8, 12, 20))
    change = succeed(near, np.repeat([0, 1], 20), before, 9)
    assert change.number.tolist() == [5] * 20 + [6] * 20 and change.merged == {2: 5} and not change.parted


def test_lineage_tells_of_a_merger_and_readers_of_the_old_number_find_the_new_one():
    """Two ways to speak of one thing are two problems until all speak in both ways."""
    rng = np.random.default_rng(4)
    halves = {"电瓶车": ["电瓶车", "飞线充电", "楼道充电", "插座外拉"], "消防": ["消防通道", "灭火器过期", "疏散指示", "烟感失灵"]}
    others = ("垃圾清运", "垃圾桶满溢", "厨余垃圾"), ("公交晚点", "公交改线", "公交司机")

    def board(mixed):
        both = [word for words in halves.values() for word in words]
        rows = [rng.permutation([*rng.choice(both if mixed else words, 3, replace=False), *both] if mixed else rng.choice(words, 6)) for words in halves.values() for _ in range(50)]
        rows += [rng.choice(words, 6) for words in others for _ in range(50)]
        return pl.DataFrame({"title": ["，".join(words[:3]) for words in rows], "content": ["，".join(words) for words in rows]})

    first = ProblemClusterer(random_state=0, n_problems=4).fit(board(False))
    second = ProblemClusterer(random_state=0, n_problems=4).fit(board(True), previous=first)
    for gone, into in second.lineage_.filter(pl.col("kind") == "merged").select("problem", "other").iter_rows():
        assert gone in first.names_ and gone not in second.names_ and into in second.names_
    assert "merged" in second.lineage_["kind"].to_list()


def test_only_a_sample_is_clustered_and_what_is_kept_does_not_grow():
    frame, truth = texts(60, 1)
    model = ProblemClusterer(random_state=0, n_problems=4, max_sample=100).fit(frame)
    assert all((truth[model.labels_ == k] == t).mean() >= 0.9 for t in THEMES for k in [home_of(model.labels_, truth, t)[0]] if k >= 0)
    sizes = []
    for seed in range(2, 8):
        model = ProblemClusterer(random_state=0, n_problems=4, max_sample=100).fit(texts(60, seed)[0], previous=model)
        sizes.append(len(pickle.dumps(model)) - model.labels_.nbytes)
    assert max(sizes[1:]) < 1.3 * sizes[0]


def test_what_is_torn_between_two_problems_or_like_none_is_in_none():
    centres = np.eye(3)
    rng = np.random.default_rng(0)
    number = np.repeat([4, 6, 8], 40)
    x = centres[np.repeat([0, 1, 2], 40)] + rng.normal(0, 0.1, (120, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    told = Profiles.learn(x, number)
    assert (told.tell(x) == number).mean() > 0.9
    between = np.array([[1.0, 1.0, 0.0], [1.0, 0.98, 0.0]]) / np.sqrt(2)
    far = np.array([[-1.0, 0.1, -1.0]]) / np.sqrt(2)
    assert told.tell(between).tolist() == [-1, -1] and told.tell(far).tolist() == [-1]
    # What was in a problem stays there while nothing else is much likelier; a number that is no more is no reason.
    assert told.tell(between, np.array([4, 6])).tolist() == [4, 6] and told.tell(between, np.array([5, -1])).tolist() == [-1, -1]
    assert told.tell(centres[:1], np.array([8])).tolist() == [4]


def test_a_name_is_a_phrase_of_the_titles_with_the_rest_of_its_word():
    titles = pl.Series(["共享充电宝乱扣钱", "投诉共享充电宝不退钱", "共享充电宝收费", "路灯不亮", "路灯坏了"])
    names = name_groups(titles, np.array([0, 0, 0, 1, 1]), {0: {"充电": 0.5, "共享": 0.5}, 1: {"路灯": 0.9}})
    assert names == {0: "共享充电宝", 1: "路灯"}


def test_a_title_that_is_copied_counts_once_and_one_of_many_titles_before_a_longer_one_of_few():
    titles = pl.Series(["质疑某某大厦申报建设成本"] * 5 + ["擅自变更规划", "开发商变更规划", "学校变更规划", "绿地变更规划", "几问大厦申报建设成本"])
    weight = {"大厦": 0.3, "申报": 0.3, "建设": 0.2, "成本": 0.2, "变更": 0.4, "规划": 0.4}
    assert name_groups(titles, np.zeros(10, int), {0: weight}) == {0: "变更规划"}
