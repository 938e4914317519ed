"""Every rule is reported through Great Expectations, in counts that agree with polars', and nothing personal gets into them."""
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import polars as pl
import pytest

from expectations import suites
from expectations.native_rules import NativeRule, native_rules
from expectations.row_rules import judge_rows
from expectations.suites import BATCH_RULES, ROW_RULES, ContractBroken, batch_suite_for, suite_for, validate
from policy.rules import Finding, rules
from tests.expectations_frames import CREATED, rows

MAPPING = SimpleNamespace(source="src", id_pattern=r"^A\d+$")
SECRETS = ("王伟芳", "13900000000", "秘密内容")
BOX = (116.5, 39.6, 116.9, 40.0)


@pytest.fixture(scope="module")
def dirty() -> pl.DataFrame:
    return judge_rows(rows(
        {}, {"source_record_id": "X-9"}, {"source_record_id": None}, {"created_at": None}, {"created_at": CREATED + timedelta(days=9)},
        {"created_at": datetime(1990, 1, 1, tzinfo=UTC)}, {"created_precision": "day"},
        {"closed_at": CREATED - timedelta(days=1), "status": "closed"},
        {"dispatched_at": CREATED + timedelta(hours=2), "signed_at": CREATED}, {"content": None}, {"status": "?"}, {"status": None},
        {"amount_claimed": -1}, {"lon": 1.0, "lat": 39.9}, {"record_type": "?"},
        {"source_record_id": "A77"}, {"source_record_id": "A77", "status": "closed"},
        {"content": SECRETS[2], "respondent_name": SECRETS[0], "issues": ["P02"]}, {"issues": ["C04", "P04", "K03"]}))


def test_every_rule_is_in_exactly_one_suite():
    assert sorted([*ROW_RULES, *BATCH_RULES]) == sorted(rules()) and len(rules()) == 72
    told = [e.meta["code"] for suite in (suite_for(MAPPING), batch_suite_for(MAPPING)) for e in suite.expectations if e.meta["native"] is None]
    assert sorted(told) == sorted(rules())


def test_counts_of_rows_and_of_findings(dirty):
    report = validate(dirty, MAPPING, [Finding("F04", {"n": 2}), Finding("F02", {"n": 1}), Finding("F02", {"n": 1})],
                      received_at=CREATED + timedelta(hours=1), box=BOX)
    assert report.counts == {"F02": 2, "F04": 1, "K01": 1, "K03": 1, "T01": 1, "T03": 1, "T04": 1, "T05": 1, "T09": 1, "C01": 1, "C02": 1, "C04": 1,
                             "D02": 2, "M03": 1, "P02": 1, "P04": 1}
    assert report.native == {"K01": 1, "K05": 1, "K06": 2, "T01": 1, "T02": 1, "T03": 1, "T04": 1, "T05": 1, "T09": 1, "C01": 1, "D01": 1,
                             "D02": 1, "G03": 1, "M03": 1}
    assert not report.success and {"K01", "T01", "D02"} <= set(report.unmet)


def test_a_sound_batch_succeeds_and_repairs_do_not_fail_it():
    report = validate(rows(*({"issues": ["C04"]} for _ in range(5))), MAPPING, [Finding("F02", {"n": 1})])
    assert report.success and report.unmet == () and report.counts == {"F02": 1, "C04": 5}


@pytest.mark.parametrize(("code", "unmet"), [("D03", ("D03",)), ("C03", ("C03",)), ("P04", ()), ("C02", ())])
def test_a_twentieth_of_the_rows_is_tolerated_and_what_only_tells_always(code, unmet):
    flagged = [{"issues": [code]}] * 2
    assert validate(rows(*flagged, *[{}] * 38), MAPPING).success
    assert validate(rows(*flagged, *[{}] * 37), MAPPING).unmet == unmet


def test_what_withholds_fails_unless_released():
    assert validate(rows({}), MAPPING, [Finding("B02", {"n": 1, "lo": 5})]).unmet == ("B02",)
    assert validate(rows({}), MAPPING, [Finding("B02", {"n": 1, "lo": 5, "released": "holiday"})]).success


def test_a_batch_without_rows_can_be_validated():
    report = validate(rows({}).head(0), MAPPING, [Finding("B02", {"n": 0, "lo": 1})])
    assert (report.rows, report.unmet) == (0, ("B02",))


def test_a_native_rule_that_is_another_rule_in_polars_breaks_the_contract(monkeypatch, dirty):
    wrong = NativeRule("T04", "ExpectColumnValuesToBeInSet", {"column": "created_precision", "value_set": ["second"]}, pl.lit(False))
    monkeypatch.setattr(suites, "native_rules", lambda *a: [wrong])
    with pytest.raises(ContractBroken, match="T04: Great Expectations counts 1 rows, polars 0"):
        validate(dirty, MAPPING)


def test_a_pattern_that_only_one_engine_knows_stays_with_the_mapper():
    assert "K05" not in [n.code for n in native_rules(r"^(?!0)\d+$")]
    assert "K05" in [n.code for n in native_rules(r"^\d+$")]


def test_data_docs_are_built_and_carry_counts_only(tmp_path, dirty):
    report = validate(dirty, MAPPING, [Finding("B10", {"v": "九棵树街道"}, column="street")], docs=tmp_path / "docs", box=BOX)
    pages = [p.read_text(encoding="utf-8") for p in (tmp_path / "docs").rglob("*") if p.suffix in (".html", ".json")]
    assert report.docs == tmp_path / "docs" / "index.html" and report.docs.exists() and len(pages) > 2
    assert any("市民" not in p and rules()["T05"].en in p and rules()["T05"].zh in p for p in pages)
    assert not any(secret in p for p in pages for secret in (*SECRETS, "A77", "X-9", "src:A1"))


def test_great_expectations_is_imported_when_it_is_needed():
    code = "import sys; from expectations import suites, batch_rules, row_rules, quarantine; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=suites.__file__.rsplit("expectations", 1)[0], check=False).returncode == 0
