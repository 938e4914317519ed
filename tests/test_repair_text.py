"""Garbled text becomes readable, and text that only looks garbled stays as it is."""
import random
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opencc_jieba_pyo3 import OpenCC
from pypinyin import Style, pinyin

from transforms.canonical import MAPPED, conform
from transforms.match_text import fold_name, match_text, traditional_only
from transforms.repair import KINDS, repair_records, repair_text

ARTICLE_LIKE = "監(jiān)管聯(lián)動(dòng),,從基層開始,、辦結(jié),。市場(chǎng)的環(huán)境,"


def repaired(*texts: str | None, damaged: bool = False, html: bool = False) -> list:
    return repair_text(pl.Series(texts, dtype=pl.String), damaged=damaged, html=html).to_list()


@pytest.mark.parametrize(("before", "after"), [
    ("消費(fèi)者", "消费者"),
    ("業(yè)務(wù)", "业务"),
    ("“領(lǐng)導(dǎo)包案”", "“领导包案”"),
    ("《價(jià)格法》", "《价格法》"),
    ("長(zhǎng)期，強(qiáng)化，負(fù)責(zé)人，優(yōu)化", "长期，强化，负责人，优化"),
    ("162臺(tái)居民住宅", "162台居民住宅"),
    ("監(jiān)管聯(lián)動(dòng),,從,,到", "监管联动,从,到"),
    ("接訴,、受理,、派單、辦理,、辦結(jié)", "接诉、受理、派单、办理、办结"),
    ("《市(shi)(shi)場監(jian)督管理(li)投(tou)訴(su)舉(ju)報處理(li)暫行(xing)辦(ban)法》", "《市场监督管理投诉举报处理暂行办法》"),
    ("‘未訴’?！蓖ㄖ輩^(qū)市場(chǎng)監(jiān)管局", "‘未诉’。”通州区市场监管局"),
    ("中國消費(fèi)者報(bào)報(bào)道", "中国消费者报报道"),
    ("退費(fèi)糾紛(線上),、食品安全,、其他", "退费纠纷(线上)、食品安全、其他"),
    ("道(潘若莼 記者孟剛)從業(yè)務(wù)", "道(潘若莼 记者孟刚)从业务"),
])
def test_damage_is_undone(before, after):
    assert repaired(before) == [after]


def test_lost_byte_needs_no_other_sign():
    assert repaired("‘未诉’?！蓖ㄖ輩^", "“梯長”?！疤蓍L”們", "妥善处理?！?/p>", "妥善处理?!?/p>") == [
        "‘未诉’。”通州區", "“梯長”。“梯長”們", "妥善处理。”", "妥善处理。”"]


def test_a_single_sign_is_enough_in_a_damaged_source():
    assert repaired("監管有力,。", "隨著居民住宅老舊電梯,,數量", "李海鋒說:老年時段", damaged=True) == [
        "监管有力。", "随着居民住宅老旧电梯,数量", "李海锋说:老年时段"]
    assert repaired("監管有力,。", "李海鋒說:老年時段") == ["監管有力,。", "李海鋒說:老年時段"]


LOOK_ALIKES = """经营期间退费纠纷(线上)|老板姓单(shàn)|尉迟(yùchí)先生|盱眙(xūyí)龙虾|蚌埠(bèngbù)|蒸(zhēng)小皖面馆|保质期(EXP)|二维码(QR)|加(vx)|5(kg)|5(个)|可(ke)以退吗
KFC(九棵树店)|7-ELEVEN(新华店)|(010)6952****|2(3)号楼|3号楼(2单元)|(2024)京0112民初1234号|京通市监罚字〔2024〕15号|第四十二条第(一)项|1,280元|12,345.60|0.5|19.26%|３８元|￥８００
退款,,,没人管|！！！|。。。|……|——|??|真的假的?!蓖麻油过期了|真的?!蓖麻油A级|^_^|m^2|>_<|价格<10元|5>3|a/b>c|中国消费者报报道|天天|妈妈|好好|東來順|榮寶齋|於某|乾隆|瞭望|著名的著作权
Ａ座１０１|ＶＩＰ|①|Ⅱ|㎡|℃|½|阿卜杜拉·买买提|姓䶮的|㛃|𠅤|lv|nv|女(nv)装|官方微信公众号拒绝退款|页面显示</p>乱码|国庆节:0月1日至8日|全文如下: 9sd}Z,l|等等。;好|café à la carte|Größe für Straße
得到高效解決?！本┦腥嗣裾泵貢L,北京|问,答|他说?好的!行|2(3),(4)""".replace("\n", "|").split("|")


def test_look_alikes_stay():
    assert repaired(*LOOK_ALIKES) == LOOK_ALIKES


def test_a_numbers_comma_is_never_taken_even_from_a_damaged_source():
    text = "付了1,280元,,共12,345.60元,。優惠19.26%"
    assert repaired(text, damaged=True) == ["付了1,280元,共12,345.60元。优惠19.26%"]


def test_irreparable_span_is_left_and_counted():
    frame = conform(pl.DataFrame({"content": ["得到高效解決?！本┦腥嗣裾泵貢L,北京的電梯"]}), MAPPED).collect()
    out, counts = repair_records(frame, damaged=True)
    assert out["content"][0] == "得到高效解决?！本┦腥嗣裾泵貢L,北京的电梯"
    assert counts["irreparable"] == 1


@pytest.mark.parametrize(("text", "encoding", "wrong"), [
    ("问题没有解决，电梯一直停运", "gb18030", "latin-1"),
    ("问题没有解决，电梯一直停运", "utf-8", "latin-1"),
    ("我们小区的问题没有解决！", "utf-8", "gb18030"),
])
def test_bytes_read_with_the_wrong_table_are_read_again(text, encoding, wrong):
    garbled = text.encode(encoding).decode(wrong)
    assert repaired(garbled) == [text]


def test_windows_code_page_too():
    assert repaired("é—®é¢˜") == ["问题"]
    assert repaired("ÎÊÌâ") == ["问题"]


def records(*contents: str | None, **columns) -> pl.DataFrame:
    return conform(pl.DataFrame({"content": contents, **columns}, schema_overrides={"content": pl.String}), MAPPED).collect()


def codes(frame: pl.DataFrame) -> list[list[str]]:
    return [[i["code"] for i in issues] for issues in frame["issues"].to_list()]


def test_issues_name_what_was_repaired_and_what_is_lost():
    out, counts = repair_records(records(ARTICLE_LIKE, "电梯坏了", "锟斤拷锟斤拷锟斤拷锟斤拷", "ÎÊÌâÃ»ÓÐ½â¾ö", None, "????????????"))
    assert codes(out) == [["C04"], [], ["C03"], ["C04"], [], ["C03"]]
    assert out["issues"][0][0]["found"] == "pinyin+commas+traditional"
    assert out["content"][3] == "问题没有解决"
    assert counts["pinyin"] == 6 and counts["commas"] == 3 and counts["bytes"] == 1 and counts["garbled"] == 2
    assert counts["rows"] == 6 and counts["rows_with_signs"] == 1
    assert set(KINDS) <= set(counts)


def test_a_garbled_word_in_a_readable_text_is_no_reason_to_quarantine():
    out, _ = repair_records(records("电梯坏了三天，锟斤拷没有人来修，老人上不了楼，请尽快处理"))
    assert codes(out) == [[]]


def test_the_switch_can_be_an_expression_of_the_row():
    frame = records("監管有力,。", "監管有力,。", source_id=["a", "b"])
    out, _ = repair_records(frame, damaged=pl.col("source_id") == "b")
    assert out["content"].to_list() == ["監管有力,。", "监管有力。"]
    out, _ = repair_records(frame, damaged=pl.lit(True))
    assert out["content"].to_list() == ["监管有力。", "监管有力。"]


def test_names_stay_as_written():
    out, _ = repair_records(records("監(jiān)管", respondent_name=["榮寶齋(zhāi)"]), damaged=True)
    assert out["respondent_name"].to_list() == ["榮寶齋(zhāi)"]


def test_white_space_is_tidied_for_people():
    out, counts = repair_records(records("\n\t\t\t　　座落在A市\u200b  联丰路\t\t\n\n  第二段\u00a0\u0007\r\n\t", "\u3000", "１２ ㎡ ①"))
    assert out["content"].to_list() == ["座落在A市 联丰路\n第二段", None, "１２ ㎡ ①"]
    assert counts["controls"] == 1 and counts["spaces"] >= 2


def test_furniture_goes_only_as_a_last_line():
    assert repaired("正文。\n官方微信公众号\n官方微博\n", "官方微博", "官方微博\n正文。", "正文，官方微博") == [
        "正文。", "官方微博", "官方微博\n正文。", "正文，官方微博"]


def test_tags_go_only_where_the_column_is_html():
    assert repaired("<p>电梯</p><br>坏了&nbsp;三天<10元", html=True) == ["\n电梯\n\n坏了\xa0三天<10元"]
    assert repaired("<p>电梯</p>") == ["<p>电梯</p>"]


def test_nulls_length_and_name_stay_and_each_text_is_judged_alone():
    texts = pl.Series("t", [ARTICLE_LIKE, None, "可(ke)以", "", *LOOK_ALIKES])
    out = repair_text(texts)
    assert out.name == "t" and len(out) == len(texts) and out[1] is None and out[3] == ""
    alone = [repair_text(texts[i:i + 1])[0] for i in range(len(texts))]
    assert out.to_list() == alone
    assert repair_text(texts.reverse()).reverse().to_list() == alone


# ---- a garbler, as exports garble ------------------------------------------------------------------------------------

CLEAN = ["通州区市场监管局开展专项行动，推动接诉、受理、派单、办理、办结、回访、评价等各个环节紧密衔接。",
         "居民反映小区电梯经常发生故障，维修单位没有及时处理；物业说“已经联系”。业主认为费用1,280元太高，要求退费。",
         "消费者在直播间购买的商品与宣传不符，商家拒绝退款；订单金额为3200.50元，优惠19.26%，希望监管部门调查。",
         "预付式消费问题突出，随着副中心发展，健身房关门后无人退费、电话打不通。"]
_S2T = OpenCC("s2t")
_FOLD = str.maketrans("，：；（）？！％", ",:;()?!%")


def garble(clean: str, seed: int, rate: float, commas: float, tones: bool) -> str:
    r = random.Random(seed)
    out: list[str] = []
    for char in clean.translate(_FOLD):
        if char in ",、。;" and r.random() < commas and not (out and out[-1][-1:].isdigit()):
            out.append(",")
        traditional = _S2T.convert(char)
        if traditional in traditional_only() and r.random() < rate:
            reading = pinyin(traditional, style=Style.TONE if tones else Style.NORMAL, heteronym=True)[0]
            out.append(f"{traditional}({r.choice(reading)})")
        else:
            out.append(traditional if traditional in traditional_only() else char)
    return "".join(out)


@settings(max_examples=60)
@given(st.sampled_from(CLEAN), st.integers(0, 9999), st.floats(.3, 1), st.floats(.1, .6), st.booleans())
def test_what_was_garbled_reads_as_before(clean, seed, rate, commas, tones):
    garbled = garble(clean, seed, rate, commas, tones)
    out = repaired(garbled, damaged=True)[0]
    assert out.translate(_FOLD) == clean.translate(_FOLD)


@settings(max_examples=60)
@given(st.sampled_from(CLEAN), st.integers(1, 40), st.sampled_from("”“"), st.booleans())
def test_a_lost_byte_is_undone_or_marked_and_never_invented(clean, cut, quote, traditional):
    head, tail = clean[:cut].translate(_FOLD).rstrip(",;、。"), clean[cut:].translate(_FOLD).lstrip(",;、。")
    whole = f"{head}。{quote}{tail}"
    exported = (_S2T.convert(whole) if traditional else whole).encode("gbk")
    at = exported.index(f"。{quote}".encode("gbk"))
    damaged = (exported[:at] + b"?" + exported[at + 1:]).decode("gbk", "replace").replace("\ufffd", "?")
    out, counts = repair_records(records(damaged), damaged=True)
    if out["content"][0] != whole:
        assert counts["irreparable"] >= 1 and counts["lost_byte"] == 0
        assert match_text(out["content"]).to_list() == match_text(pl.Series([damaged])).to_list()


_PIECES = st.sampled_from([*LOOK_ALIKES, *CLEAN, ARTICLE_LIKE, "?！蓖ㄖ輩^", "?！", "監(jiān)", ",,", ",、", "著", "後", "(qū)", "(", ")", "價", "12.5", "3万元", "%", "\n", "Î", "Ê",
                           "銆", "訴(su)", ",", "。"])


@settings(max_examples=150)
@given(st.lists(_PIECES, max_size=8).map("".join), st.booleans())
def test_repairing_twice_is_repairing_once_and_numbers_stay(text, damaged):
    once = repaired(text, damaged=damaged)
    assert repaired(*once, damaged=damaged) == once
    numbers = r"\d+(?:\.\d+)?|[%元万]"
    assert re.findall(numbers, once[0]) == re.findall(numbers, text)


def test_clean_text_is_a_fixed_point_even_in_a_damaged_source():
    assert repaired(*CLEAN, damaged=True) == CLEAN


# ---- the match text --------------------------------------------------------------------------------------------------

def test_match_text_folds_what_machines_should_not_see():
    assert match_text(pl.Series(["　Ａ座１０１\t\n ＶＩＰ\u200b㎡", None, "隨著 穿著 著名著作權 显著", "覆盤與復盤", "乾隆 豆腐乾", ""])).to_list() == [
        "a座101 vipm2", None, "随着 穿着 著名著作权 显著", "复盘与复盘", "乾隆 豆腐干", ""]


def test_match_text_does_not_swap_words():
    assert match_text(pl.Series(["退費糾紛(線上)", "網路"])).to_list() == ["退费纠纷(线上)", "网路"]


@settings(max_examples=60)
@given(st.lists(st.one_of(_PIECES, st.text(max_size=6)), max_size=6).map("".join))
def test_match_text_is_a_fixed_point(text):
    once = match_text(pl.Series([text]))
    assert match_text(once).to_list() == once.to_list()


def test_names_key():
    assert fold_name(pl.Series(["榮寶齋 （新华店）", "荣宝斋(新华店)", " ", None])).to_list() == ["荣宝斋(新华店)", "荣宝斋(新华店)", None, None]
