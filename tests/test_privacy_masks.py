"""Personal data is masked in every form people write it in; what only looks like it stays; masking twice is masking once."""
import random
import re
import string

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import shared
from transforms.privacy import mask_addresses, mask_respondent, mask_texts
from transforms.privacy_numbers import is_card, is_credit_code, is_id

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def masked(*texts: str | None) -> list:
    return mask_texts(pl.Series(texts, dtype=pl.String))[0].to_list()


def id_number(r: random.Random) -> str:
    body = r.choice(["110112", "430102", "310115"]) + f"{r.randint(1955, 2004)}{r.randint(1, 12):02d}{r.randint(1, 28):02d}{r.randint(0, 999):03d}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, ID_WEIGHTS, strict=True)) % 11]


def card(r: random.Random, length: int = 19) -> str:
    body = "622202" + "".join(r.choice(string.digits) for _ in range(length - 7))
    return next(body + d for d in string.digits if is_card(body + d))


@pytest.mark.parametrize(("before", "after"), [
    ("我的电话13912345678，请回电", "我的电话[手机号]，请回电"),
    ("联系电话：139 1234 5678", "联系电话：[手机号]"),
    ("手机139-1234-5678转告", "手机[手机号]转告"),
    ("１３９１２３４５６７８", "[手机号]"),
    ("手机１３９－１２３４－５６７８", "手机[手机号]"),
    ("+8613912345678", "[手机号]"),
    ("0086 139 1234 5678", "[手机号]"),
    ("13912345678/13812345678", "[手机号]/[手机号]"),
    ("13912345678、13812345678", "[手机号]、[手机号]"),
    ("1 3 9 1 2 3 4 5 6 7 8", "[手机号]"),
    ("139\u200b1234\u200b5678", "[手机号]"),
    ("幺三九一二三四五六七八", "[手机号]"),
    ("座机010-69521234", "座机[座机]"),
    ("(010)69521234转8012", "[座机]"),
    ("（０７３１）８８８８１２３４", "[座机]"),
    ("073188881234", "[座机]"),
    ("电话69521234，找他", "电话[座机]，找他"),
    ("邮箱abc.d-e9@mail.example.com。", "邮箱[邮箱]。"),
    ("ａｂｃ１２＠ｑｑ．ｃｏｍ联系", "[邮箱]联系"),
    ("京A12345", "[车牌号]"),
    ("京A·1234D停在路口", "[车牌号]停在路口"),
    ("新能源车京AD12345", "新能源车[车牌号]"),
    ("湘ａ１２３４５", "[车牌号]"),
    ("微信号：wx_abc123", "微信号：[微信号]"),
    ("加微信zhang_san88", "加微信[微信号]"),
    ("QQ：123456789", "QQ：[QQ号]"),
    ("我叫王伟芳，住在附近", "我叫某某某，住在附近"),
    ("我叫苏婷建，住在车站路", "我叫某某某，住在车站路"),
    ("苏女士来电，庄先生也在场，齐师傅没来", "某女士来电，某先生也在场，某师傅没来"),
    ("江苏女士服装店卖紫苏，老板娘在苏州申请退款", "江苏女士服装店卖紫苏，老板娘在苏州申请退款"),
    ("联系人王伟芳13912345678", "联系人某某某[手机号]"),
    ("本人李强，身份证丢失", "本人某某，身份证丢失"),
    ("投诉人：欧阳文静 2019年", "投诉人：某某某某 2019年"),
    ("姓名:张伟 电话另附", "姓名:某某 电话另附"),
    ("王女士和李先生", "某女士和某先生"),
    ("欧阳先生", "某某先生"),
    ("张某某、李某", "某某某、某某"),
    ("老板姓王，", "老板姓某，"),
    ("张建国老师打人", "某某某老师打人"),
    ("住3号楼2单元501室", "住3号楼2单元***室"),
    ("3号楼2单元501有人", "3号楼2单元***有人"),
    ("G2栋320，", "G2栋***，"),
    ("五〇一室漏水", "***室漏水"),
    ("call (718) 555-1234 now", "call [phone] now"),
    ("My name is John Smith, john@b.com", "My name is [name], [e-mail]"),
])
def test_personal_data_is_masked(before, after):
    assert masked(before) == [after]


def test_identity_and_bank_numbers_by_their_check_digits():
    r = random.Random(7)
    for _ in range(50):
        number, bank = id_number(r), card(r, r.choice([16, 17, 18, 19]))
        assert masked(f"号是{number}。", f"号是{number.lower()}。", f"{number[:6]} {number[6:14]} {number[14:]}") == [
            "号是[身份证号]。", "号是[身份证号]。", "[身份证号]"]
        assert masked(f"付到{bank}了", f"付到{bank[:4]} {bank[4:8]} {bank[8:12]} {bank[12:]}了")[0] == "付到[银行卡号]了"
        wrong = number[:17] + next(d for d in string.digits if not is_id(number[:17] + d) and not is_card(number[:17] + d))
        assert masked(f"号是{wrong}。") == [f"号是{wrong}。"]
        assert masked(f"身份证号{wrong}。") == ["身份证号[身份证号]。"]
    assert masked("老身份证110105700101123") == ["老身份证[身份证号]"]


def test_a_number_named_as_an_order_stays_although_it_passes_a_check():
    r = random.Random(8)
    for _ in range(30):
        number, bank = id_number(r), card(r)
        assert masked(f"订单号{number}", f"运单编号：{bank}。", f"合同号 {bank}") == [f"订单号{number}", f"运单编号：{bank}。", f"合同号 {bank}"]


LOOK_ALIKES = """我打了12345热线|拨打12315和96310|客服95598、400-810-1234|一共付了1,280元|付了12345.60元|38000元|判决书(2017)京0112民初12345号|京通市监罚字〔2024〕15号|A市A3区A7县
订单号414761749638749020|注册号110105012345678|2019-07-15 11:25:05|20190715123456|价格1350 1200 980元|3号楼2单元|12栋居民|3室2厅|100室内|500户居民|5栋1000多户|5栋105㎡|1栋2018年
语文老师很好|班主任老师|上周老师说|任何老师|老板和经理|对方先生|由于某些原因|关于某某小区|向老师道歉|请来律师|我是司机，|我是房东，|我是江苏人，|我是马王堆街道的居民|我是高新区的|本人于2019年|本人高中毕业
本人从未去过|业主陈述的情况|负责人许可证|学生花名册|请业主向物业反映|联系人和电话|姓名和联系方式|叫车|同仁堂药店|东来顺饭庄|黄花镇|王府井|高碑店|陈述|单价|电话0000-00000000|139****0000|微信支付|微信Android版|网页编号2018123456789
新买的A4纸|京东618|云A|公式m^2|19.26%|第四十二条第（一）项|尾号1234|一二三四五六|二〇一九年""".replace("\n", "|").split("|")


def test_look_alikes_stay():
    assert masked(*LOOK_ALIKES) == LOOK_ALIKES


def test_a_right_credit_code_stays():
    code = "91110112MA01ABCD"
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    whole = next(code[:16] + o + c for o in "0123456789X" for c in letters if is_credit_code(code[:16] + o + c))
    assert masked(f"代码{whole}", whole, f"统一社会信用代码{whole}") == [f"代码{whole}", whole, f"统一社会信用代码{whole}"]


def test_counts_nulls_and_names():
    out, numbers = mask_texts(pl.Series("content", ["我叫王伟芳，电话13912345678", None, "电梯坏了", ""]))
    assert out.name == "content" and out.to_list() == ["我叫某某某，电话[手机号]", None, "电梯坏了", ""]
    assert numbers.to_list() == [2, 0, 0, 0] and numbers.dtype == pl.Int32


_PIECES = st.sampled_from(["我叫", "本人", "联系人", "王伟芳", "李某", "张", "先生", "女士", "电话", "13912345678", "139 1234 5678", "010-69521234", "1", "３", "京A12345", "wx_abc123",
                           "微信", "a@b.com", "3号楼", "2单元", "501室", "，", " ", "、", "的", "姓王", "某", "老师", "订单号", "身份证", "110112199001011234", "6222021234567890128", "-", "元", "幺三九一二三四五六七八",
                           *LOOK_ALIKES[:20]])


@example("wx_abc12320190715123456幺三九一二三四五六七八")                                          # a spoken number at the end of an account's
@settings(max_examples=250)
@given(st.lists(_PIECES, max_size=9).map("".join))
def test_masking_twice_is_masking_once(text):
    once, _ = mask_texts(pl.Series([text]))
    again, numbers = mask_texts(once)
    assert again.to_list() == once.to_list() and numbers.to_list() == [0]
    assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", once[0].translate(str.maketrans("３", "3"))) or "号" in once[0]


@settings(max_examples=60)
@given(st.text(max_size=40))
def test_any_text_is_survived(text):
    out, _ = mask_texts(pl.Series([text]))
    assert mask_texts(out)[0].to_list() == out.to_list()


def test_each_text_is_judged_alone():
    texts = pl.Series(["我叫王伟芳，", "13912345678", *LOOK_ALIKES, "李先生"])
    whole = mask_texts(texts)[0]
    assert whole.to_list() == [mask_texts(texts[i:i + 1])[0][0] for i in range(len(texts))]
    assert mask_texts(texts.reverse())[0].reverse().to_list() == whole.to_list()


def test_addresses_lose_door_and_room_and_keep_street_and_building():
    assert mask_addresses(pl.Series(["吉祥路12号", "北苑南路32号院3号楼2单元501室", "玉带河大街 ６６号 9室", "123-45 MAIN STREET", "MAIN STREET apt 4B", None, "通胡大街"])).to_list() == [
        "吉祥路***号", "北苑南路32号院3号楼2单元***室", "玉带河大街***号 ***室", "*** MAIN STREET", "MAIN STREET apt ***", None, "通胡大街"]


def test_sole_traders_names_are_masked_for_export_and_firms_stay():
    assert mask_respondent(pl.Series(["王伟芳", "个体工商户李强", "王伟芳便利店", "成都小吃(王建国)", "东来顺饭庄有限公司", "永辉超市", "海底捞", "黄记煌", "马记烧饼", "蒸小皖面馆", None])).to_list() == [
        "某某某", "个体工商户某某", "某某某便利店", "成都小吃(某某某)", "东来顺饭庄有限公司", "永辉超市", "海底捞", "黄记煌", "马记烧饼", "蒸小皖面馆", None]


def test_real_messages_keep_nearly_all_of_their_text():
    messages = pl.read_parquet(shared("data", "message_board_labelled.parquet"))["留言详情"]
    out, _ = mask_texts(messages)
    kept = pl.DataFrame({"before": messages.str.len_chars(), "after": out.str.len_chars()})
    assert (kept["after"] >= .9 * kept["before"]).all()
    assert (out == messages).mean() > .85


#: A hundred surnames that are common all over the country.
COMMON = ("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙"
          "黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常")


@pytest.mark.parametrize("surname", COMMON)
def test_every_common_surname_is_heard_where_somebody_names_himself(surname):
    assert masked(f"您好，我叫{surname}婷建，住在附近") == ["您好，我叫某某某，住在附近"]
