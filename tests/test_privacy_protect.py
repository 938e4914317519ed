"""Nothing personal leaves landing: pseudonyms link, masks show, and a row's hash tells a revision."""
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.canonical import LANDING_ONLY, MAPPED, SAFE, conform
from transforms.privacy import protect
from transforms.privacy_keys import e164, pseudonym

KEY = b"a key of the tests"


def mapped(**columns) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    base = {"source_id": ["s"] * n, "source_record_id": [str(i) for i in range(n)], "content": ["电梯坏了"] * n, "status": ["open"] * n}
    return conform(pl.DataFrame({**base, **columns}, strict=False), MAPPED).collect()


def codes(frame: pl.DataFrame) -> list[list[str]]:
    return [[i["code"] for i in issues] for issues in frame["issues"].to_list()]


def test_only_safe_columns_leave():
    out, _ = protect(mapped(caller_phone=["13912345678"], caller_name=["王伟芳"], address=["吉祥路12号3室"], order_ref=["A-1"]), KEY)
    assert dict(out.schema) == dict(conform(pl.DataFrame(), SAFE).collect_schema())
    assert not set(LANDING_ONLY) & set(out.columns)
    text = str(out.rows())
    assert "13912345678" not in text and "王伟芳" not in text and "A-1" not in text
    assert out["address_masked"][0] == "吉祥路***号***室"
    assert len(out["order_ref_hash"][0]) == 32


def test_an_empty_key_is_refused():
    with pytest.raises(ValueError, match="WEISU_SECRET"):
        protect(mapped(caller_phone=["13912345678"]), b"")


def test_one_caller_has_one_key_however_the_phone_is_written():
    phones = ["13912345678", "+86 139-1234-5678", "8613912345678", "１３９１２３４５６７８", "13912345678.0", "'13912345678", "139 1234 5678", "12345/13912345678", "013912345678"]
    out, _ = protect(mapped(caller_phone=phones), KEY)
    assert out["caller_key"].n_unique() == 1 and out["caller_key"].null_count() == 0


@pytest.mark.parametrize(("phone", "number"), [
    ("010-69551234", "+861069551234"), ("(010)69551234转8012", "+861069551234;ext=8012"), ("0731 88881234", "+8673188881234"), ("+86-10-69551234", "+861069551234"),
    ("69551234", "local:69551234"), ("718-555-1234", "+17185551234"), ("+1 (718) 555-1234", "+17185551234"), ("139****0000", None), ("12345", None), ("010-12345", None),
    ("95598", None), ("4008101234", None), ("11111111111", None), ("", None), ("不详", None), (None, None), ("139****0000、13812345678", "+8613812345678"),
])
def test_phones_in_one_form(phone, number):
    assert e164(pl.Series([phone], dtype=pl.String)).to_list() == [number]


def test_key_falls_back_to_account_then_to_name_and_address():
    frame = mapped(caller_phone=["139****0000", None, None, None], caller_account=["U1", None, None, None],
                   caller_name=["王伟芳", "榮某 ", "荣某", "王伟芳"], caller_address=[None, "吉祥路", "吉祥路　", None])
    out, _ = protect(frame, KEY)
    keys = out["caller_key"].to_list()
    assert keys[0] is not None and keys[1] == keys[2] is not None and keys[3] is None and keys[0] != keys[1]


def test_accounts_of_two_sources_are_two_callers_and_phones_one():
    out, _ = protect(mapped(source_id=["a", "b"], caller_account=["U1", "U1"]), KEY)
    assert out["caller_key"].n_unique() == 2
    out, _ = protect(mapped(source_id=["a", "b"], caller_phone=["13912345678"] * 2), KEY)
    assert out["caller_key"].n_unique() == 1


@settings(max_examples=40)
@given(st.lists(st.one_of(st.none(), st.text(max_size=6)), max_size=8), st.binary(min_size=1, max_size=80))
def test_pseudonyms_are_keyed_stable_and_by_kind(values, key):
    series = pl.Series("v", values, dtype=pl.String)
    out = pseudonym(series, key, "caller")
    assert out.name == "v" and [x is None for x in out] == [x is None for x in values]
    assert out.drop_nulls().n_unique() == series.drop_nulls().n_unique()
    assert all(len(x) == 32 for x in out.drop_nulls())
    assert out.to_list() == pseudonym(series.reverse(), key, "caller").reverse().to_list()
    for other in (pseudonym(series, key + b"!", "caller"), pseudonym(series, key, "order")):
        assert not set(other.drop_nulls()) & set(out.drop_nulls())


def test_issues_say_what_was_masked_and_who_cannot_be_known():
    frame = mapped(content=["我叫王伟芳，电话13912345678", "电梯坏了", "我女儿确诊白血病", "好"], caller_phone=["13912345678", "139****0000", None, "13812345678"])
    out, counts = protect(frame, KEY)
    assert codes(out) == [["P02"], ["P03"], ["P03", "P04"], []]
    assert out["issues"][0][0]["found"] == "2"
    assert counts["rows_masked"] == 1 and counts["rows_without_phone"] == 2 and counts["mobile"] == 1 and counts["name"] == 1


def test_a_source_without_phones_is_not_blamed_for_each_row():
    out, _ = protect(mapped(caller_account=["U1", "U2"]), KEY)
    assert codes(out) == [[], []]


def test_the_callers_own_values_are_masked_wherever_they_stand():
    frame = mapped(content=["前天王伟芳去了商店", "昨天阿卜杜拉·买买提来电", "有市民反映问题", "John Smithson was there"], reply=["已电话答复王伟芳", None, "已答复市民", None],
                   caller_name=["王伟芳", "阿卜杜拉·买买提", "市民", "John Smithson"])
    out, counts = protect(frame, KEY)
    assert out["content"].to_list() == ["前天某某某去了商店", "昨天某某某某某某某某来电", "有市民反映问题", "[name] was there"]
    assert out["reply"].to_list() == ["已电话答复某某某", None, "已答复市民", None]
    assert counts["own"] == 4


def test_what_is_still_seen_after_masking_is_reported_for_quarantine():
    frame = mapped(content=["编号13-91-23-45-67-8的业主", "正常"], caller_phone=["13912345678", "13812345678"])
    out, _ = protect(frame, KEY)
    assert codes(out) == [["P01"], []]


def test_numbers_in_respondents_columns_are_masked_and_names_stay():
    out, _ = protect(mapped(respondent_name=["张三便利店13912345678", "榮寶齋"], respondent_address=["吉祥路12号", "电话010-69551234"]), KEY)
    assert out["respondent_name"].to_list() == ["张三便利店[手机号]", "榮寶齋"]
    assert out["respondent_address"].to_list() == ["吉祥路12号", "电话[座机]"]


def test_row_hash_tells_a_change_and_ignores_white_space_lineage_and_caller():
    base = {"content": ["电梯 坏了"], "caller_phone": ["13912345678"], "row_number": [1], "file_name": ["a.xlsx"], "address": ["吉祥路12号"]}

    def hashed(key=KEY, **change):
        return protect(mapped(**{**base, **change}), key)[0]["row_hash"][0]

    same = hashed()
    assert hashed(content=["电梯\n坏了 "]) == same and hashed(row_number=[9], file_name=["b.xlsx"]) == same and hashed(caller_phone=["13812345678"]) == same
    others = [hashed(content=["电梯坏"]), hashed(status=["closed"]), hashed(address=["吉祥路13号"]), hashed(key=b"another"), hashed(content=["我叫王伟"]), hashed(content=["我叫王强"]),
              hashed(title=["电梯坏了"], content=[None])]
    assert len({same, *others}) == 8


def test_rows_are_judged_alone_and_in_any_order():
    frame = mapped(content=["我叫王伟芳，", "好", "电话13912345678", None], caller_phone=["13912345678", None, "138", "13812345678"], title=["a", None, "王女士", "b"])
    out, counts = protect(frame, KEY)
    turned, again = protect(frame.reverse(), KEY)
    assert turned.reverse().equals(out) and counts == again


def test_no_rows():
    out, counts = protect(mapped(content=["x"]).clear(), KEY)
    assert out.height == 0 and counts["rows_masked"] == 0
