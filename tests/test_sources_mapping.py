"""Mappings: what ships loads, what is wrong is named with its file and key, headers are matched by name and neighbour."""
import pytest
import yaml

from sources.headers import match_headers, normalise, refusals, remarks
from sources.mapping import MappingError, SourceMapping, load_mapping, load_mappings

SMALL = {"source": "shop", "name": {"zh": "店", "en": "Shop"},
         "columns": {"source_record_id": {"headers": ["No"]}, "created_at": {"headers": ["When"]}, "content": {"headers": ["What"]}}}


def written(folder, file="shop.yaml", **changes):
    path = folder / file
    path.write_text(yaml.safe_dump({**SMALL, **changes}, allow_unicode=True), encoding="utf-8")
    return path


def test_shipped_mappings_load_and_a_users_own_takes_the_place_of_one(tmp_path):
    shipped = load_mappings(tmp_path / "not-there")
    assert set(shipped) == {"market_supervision", "message_board", "nyc_311"}
    assert shipped["market_supervision"].pack == "tongzhou"
    assert shipped["message_board"].link_window_days == 270
    assert shipped["nyc_311"].problems == "category"
    written(tmp_path, "board.yaml", source="message_board", version=7)
    written(tmp_path)
    own = load_mappings(tmp_path)
    assert own["message_board"].version == 7
    assert "shop" in own
    assert own["nyc_311"] == shipped["nyc_311"]


@pytest.mark.parametrize(("changes", "key", "said"), [
    ({"colums": {}}, "colums", "not known"),
    ({"time_zone": "Asia/Peking-West"}, "time_zone", "IANA"),
    ({"columns": {"content": {"headers": ["What"]}}}, "the file", "created_at is missing"),
    ({"columns": {**SMALL["columns"], "colour": {"headers": ["C"]}}}, "columns", "colour"),
    ({"columns": {**SMALL["columns"], "created_at": {"headers": ["When"], "formats": ["%H:%M"]}}}, "columns.created_at.formats", "%d"),
    ({"columns": {**SMALL["columns"], "record_id": {"headers": ["R"]}}}, "columns", "record_id"),
    ({"derive": ["caller_phone"], "columns": {**SMALL["columns"], "caller_phone": {"headers": ["P"]}}}, "the file", "personal"),
    ({"due_by": "7.30"}, "due_by", "pattern"),
    ({"delivers": "hourly"}, "delivers", "daily"),
    ({"name": None}, "name", ""),
])
def test_a_wrong_mapping_is_refused_with_file_key_and_what_was_expected(tmp_path, changes, key, said):
    path = written(tmp_path, **changes)
    with pytest.raises(MappingError) as caught:
        load_mapping(path)
    assert caught.value.file == "shop.yaml"
    assert caught.value.key == key
    assert said in str(caught.value)
    assert caught.value.advice


def test_broken_yaml_is_named_with_its_line(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text("source: shop\ncolumns: [\n", encoding="utf-8")
    with pytest.raises(MappingError, match="line 3"):
        load_mapping(path)


def test_two_files_of_one_folder_may_not_claim_one_source(tmp_path):
    written(tmp_path, "a.yaml")
    written(tmp_path, "b.yaml")
    with pytest.raises(MappingError, match=r"a\.yaml has this one"):
        load_mappings(tmp_path)


@pytest.mark.parametrize(("header", "name", "unit"), [
    ("挽回损失（万元）", "挽回损失", "万元"), ("\ufeff 来电 时间： ", "来电时间", None), ("*Unique  Key", "uniquekey", None),
    ("状态（新）", "状态(新)", None), ("“编号”", "编号", None), ("已处理[件]", "已处理", "件"), (None, "", None), ("（元）", "(元)", None),
])
def test_headers_are_normalised_and_their_unit_taken_out(header, name, unit):
    assert normalise(header) == (name, unit)


def test_position_means_nothing_and_several_headers_for_one_column_are_refused():
    mapping = load_mappings()["market_supervision"]
    names = ["问题描述", "工单编号", "来电时间"]
    assert match_headers(names, mapping).columns() == match_headers(names[::-1], mapping).columns()
    both = match_headers([*names, "登记时间"], mapping)
    assert both.doubled == ("created_at",)
    assert [f.code for f in refusals(both, mapping, "f", None, 1)] == ["H02"]
    assert match_headers(["工单编号"], mapping).missing == ("created_at", "content")


def test_a_header_is_told_apart_by_its_neighbour():
    mapping = SourceMapping.model_validate({**SMALL, "columns": {
        **SMALL["columns"], "caller_name": {"headers": ["投诉人"]}, "respondent_name": {"headers": ["企业名称"]},
        "caller_phone": {"headers": [{"name": "联系电话", "after": ["投诉人"]}]}}})
    match = match_headers(["No", "When", "What", "投诉人", "联系电话", "企业名称", "联系电话"], mapping)
    assert match.canonical[4] == "caller_phone"
    assert match.canonical[6] is None
    assert not match.doubled


def test_units_and_unregistered_columns_are_remarked():
    mapping = load_mappings()["market_supervision"]
    match = match_headers(["工单编号", "来电时间", "问题描述", "挽回损失（万元）", "心情", "性别"], mapping)
    assert [(f.code, f.column) for f in remarks(match, mapping, "f", None, 1)] == [("H03", "心情"), ("H05", "挽回损失（万元）")]
