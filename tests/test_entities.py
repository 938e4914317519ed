"""Places and respondents out of free text and free spelling."""
import polars as pl

from transforms.entities import extract_places, named_things, normalise_respondent


def places(title, content):
    return extract_places(pl.Series([title], dtype=pl.String), pl.Series([content], dtype=pl.String)).row(0, named=True)


def test_districts_and_streets_are_taken_from_the_text():
    assert places("A3区梧桐苑停水", "A市A3区梧桐苑停水三天")["district"] == "A3区"
    found = places(None, "通州区九棵树街道翠屏里小区电梯坏了")
    assert (found["district"], found["street"]) == ("通州区", "九棵树街道")
    assert places(None, "物业服务态度差")["district"] is None


def test_spellings_of_one_respondent_are_one_and_descriptions_are_none():
    same = normalise_respondent(pl.Series(["北京锐动体育有限公司", "锐动体育", "锐动体育（新华店）", "锐动体育有限责任公司"]))
    assert same.n_unique() == 1
    none = normalise_respondent(pl.Series(["某小吃店", "楼下那家理发店", "便利店", "小区旁边的公司", "", None]))
    assert none.null_count() == 6
    two = normalise_respondent(pl.Series(["锐动体育", "蓝海体育"]))
    assert two.n_unique() == 2


def test_names_in_a_text():
    found = named_things(pl.Series(["望湖家园小区和滨江中路的路灯都坏了", "今天很冷"]))
    assert found.list.len().to_list()[0] >= 1 and found.list.len().to_list()[1] == 0
