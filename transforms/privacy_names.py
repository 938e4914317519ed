"""Finders of persons' names: after a cue (我叫, 本人, 联系人 …) and before a courtesy title (女士, 先生, 老师 …).

Only what stands where a name must stand is taken: surnames are a list (`data/surnames.txt`), and where the cue is weak the
segmenter must not know the characters as an ordinary word. Places and organisations stay.
"""
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import rjieba

from transforms.privacy_fold import Span

SOMEBODY = "某"


@cache
def surnames() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Surnames that are rarely anything else, those that are common words too, and those of two characters."""
    text = (files("transforms") / "data" / "surnames.txt").read_text(encoding="utf-8")
    plain, ambiguous, double = [line for line in text.splitlines() if line and not line.startswith("#")]
    return frozenset(plain), frozenset(ambiguous) - frozenset(plain), frozenset(double.split())


def _class(chars) -> str:
    return "[" + "".join(sorted(chars)) + "]"


_PLAIN, _AMBIGUOUS, _DOUBLE = surnames()
_ANY = _PLAIN | _AMBIGUOUS | _DOUBLE
_TWO = "(?:" + "|".join(sorted(_DOUBLE)) + ")"
_ONE = _class(_PLAIN | _AMBIGUOUS)
_HAN = r"[\u4e00-\u9fff]"
#: A candidate: the longest, cut down where it does not end as a name does.
_NAME = rf"({_TWO}{_HAN}{{1,2}}|{_ONE}{_HAN}{{1,2}}|{_HAN}{{2,6}}·{_HAN}{{2,6}})"

#: Every alternative begins with a letter of its own: so the search runs over a set of first characters.
_STRONG = r"我叫做|我叫|我名叫|本人叫|我名字|的名字叫|的名字|本人姓名|真实姓名|姓名|联系人"
_WEAK = (r"本人|投诉人|举报人|反映人|来电人|来信人|申请人|当事人|收件人|寄件人|户名|持卡人|法人代表|法定代表人|法人|负责人|业主|患者|死者|伤者|员工|经办人"
         r"|我是|名叫|叫做|叫|店主|房东|户主|店员|司机|父亲|母亲|儿子|女儿|丈夫|妻子|老公|老婆|爱人|爸爸|妈妈|孩子|小孩|弟弟|哥哥|姐姐|妹妹|学生")
_LINK = r"[ :：是为叫系]{0,3}"
_AFTER = (r"(?=[，。,.、；;：:！!？?…~“”\"'‘’（）()\[\]【】《》〈〉<>＋+\d/\\|\-—\sA-Za-z*]|$|电话|手机|座机|联系|身份证|住址|家住|住在|住|今年|现年|年龄"
          r"|性别|男|女|系|的|微信|号码|证件|反映|投诉|举报|来电|于|同志|女士|先生|等人|等\d)")
_STRONG_CUE = re.compile(rf"(?:{_STRONG}){_LINK}{_NAME}")
_WEAK_CUE = re.compile(rf"(?:{_WEAK}){_LINK}{_NAME}")
_ENDS = re.compile(_AFTER)

_TITLES = (r"女士|先生|小姐|太太|大爷|大妈|大娘|阿姨|大叔|叔叔|大哥|大姐|师傅|老师|医生|大夫|护士|经理|老板|律师|教练|店长|警官|婆婆|奶奶|爷爷|爹爹|嗲嗲"
           r"|同学|同志")
_TITLED = re.compile(_TITLES)
_SURNAME_SAID = re.compile(rf"姓({_TWO}|{_ONE})(?=[，。,.、；;：:\s的名叫]|$)")
_HALF = re.compile(r"某(?!某?[些个种天日地年月处位时公单小类款])|[xX×*](?![A-Za-z]|\*\*)")
_ENGLISH = (re.compile(r"\b[Mm]y name is ([A-Z][a-z]+(?: [A-Z]\.?(?![a-z]))?(?: [A-Z][a-z]+)?)"),
            re.compile(r"\bM(?:r|rs|s|iss)\.? ([A-Z][a-z]+(?: [A-Z][a-z]+)?)"))

#: Words that end in a surname: what follows is a title of its own (语文|老师, 班主任|老师, 上周|老师).
_WORDS = frozenset((
    "上周 本周 下周 每周 一周 两周 周 任何 如何 为何 几何 经常 平常 通常 非常 正常 日常 异常 路段 阶段 时段 地段 片段 手段 容易 交易 贸易 简易 了解 理解 调解 "
    "和解 讲解 事项 款项 各项 单项 专项 收钱 赚钱 付钱 给钱 退钱 花钱 骗钱 年代 现代 时代 替代 其余 多余 业余 几毛 双方 对方 地方 官方 警方 校方 院方 厂方 店方 "
    "我方 商方 甲方 乙方 资方 由于 关于 对于 位于 在于 处于 属于 等于 语文 中文 英文 作文 历史 主任 责任 信任 担任 现任 前任 上任 离任 音乐 快乐 娱乐 校车 货车 "
    "开车 客车 交车 火车 租车 停车 汽车 电车 班车 打车 黑车 约车 拖车 洗车 修车 卖车 买车 驾车 黄金 基金 奖金 现金 资金 租金 押金 白金 五金 小白 明白 空白 提高 "
    "平安 保安 公安 治安 西安 安 小时 同时 及时 平时 时 学习 练习 实习 补习 预习 自习 公司 上司 我司 贵司 该司 老 长老 小花 开花 道路 公路 马路 铁路 网路 一路 "
    "订单 账单 名单 菜单 下单 买单 简单 传单 罚单 保单 面包 钱包 红包 书包 打包 承包 外包 大石 钻石 岩石 旅游 导游 网游 上游 手游 分水 自来水 热水 喝水 "
    "停水 污水 用水 送水 交通 普通 联通 中国联通 市场 家属 下属 幼儿 客户 大成 完成 造成 组成 形成 达成 建成 成 大江 长江 大连 湘江 花江 高强 加强 增强 勉强 "
    "要求 需求 请求 家政 行政 财政 民政 邮政 政 大楼 农 神农 包工 员工 手工 民族 大全 安全 完全 齐全 健全 全 水 上海 出海 家常 海 房 住房 楼房 买房 租房 "
    "卖房 厨房 药房 平房 购房 二手房 开房 健身房 体育 教育 体 花园 庭院 药店 商店 东方 南方 北方 西方 前方 后方 成员 大门 部门 出门 上门 开门 关门 专门 厦门 门 "
    "家门 校门 国家 大家 专家 商家 厂家 卖家 买家 店家 到家 回家 在家 自家 人家 管家 全家 家 领导 督导 主管 高管 城管 总管 尽管 不管 监管 保管 管 "
    "相关 有关 机关 无关 海关 开关 公关 下关 关 幼师 律 文 史 数 体能 功能 可能 性能 智能 技能 不能 只能 能 广大 伟大 扩大 强大 重大 "
    "贵阳 沈阳 洛阳 益阳 衡阳 邵阳 岳阳 浏阳 绵阳 襄阳 汉阳 朝阳 太阳 夕阳 阳 湖南 海南 云南 河南 越南 济南 东南 西南 江南 "
    "江苏 复苏 紫苏 流苏 支付 应付 预付 交付 对付 垫付 付 法盛 旺盛 丰盛 茂盛 大盛 鲜花 小米 玉米 大米 厘米 平米 毫米 万米 千米 米").split())
#: Before an ambiguous surname there must be an end, or a word that calls for a person.
#: Never a surname in running text: 和先生, 来女士 are a conjunction and a verb.
_FUNCTION = frozenset("和于时成来从由应占老连能门有党可向花")
_STANDS_ALONE = _AMBIGUOUS - _FUNCTION
_OPENS = frozenset("，。,.、；;：:！!？?…（）()“”\"'【】[]《》<> \t\n-—/·的是为叫找向给与跟让被由请问姓位名")
_NOT_IN_NAMES = frozenset("的了是在有我他你她它这那不没也都就及或被把从到对因由之其此某些个们么吗吧呢啊很最更再又还要以想说去该则让将已曾")
_PLACE_ENDS = frozenset("市县区镇乡村街路巷弄组社队园苑城院楼店厂校司局所站户主工员长师生客东民人方家门口期号级费款房车地产品牌元块钱年月日时分点湾桥岭塘垸屋湖山坡后前")


def _surname(name: str) -> str:
    return name[:2] if name[:2] in _DOUBLE and len(name) > 2 else name[:1]


@cache
def _no_names() -> frozenset[str]:
    text = (files("transforms") / "data" / "words_not_names.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def _is_word(name: str) -> bool:
    tokens = rjieba.tag(name)
    return name in _no_names() or name[-1] in _PLACE_ENDS or (len(tokens) == 1 and not tokens[0][1].startswith("nr"))


@cache
def is_ordinary(name: str) -> bool:
    """Whether the characters are words rather than a name: a place's ending, a function word, or known to the segmenter."""
    if _NOT_IN_NAMES & set(name) or name[-1] in _PLACE_ENDS or name in _no_names():
        return True
    if name[:2] in _DOUBLE and len(name) > 2:
        return False
    if name[0] in _FUNCTION:
        return True
    tokens = rjieba.tag(name)
    if len(tokens) == 1:
        return not tokens[0][1].startswith("nr")
    surname = _surname(name)
    if tokens[0][0] == surname and surname in _PLAIN and len(tokens) == 2:
        # 王|平平: an ordinary word may be a given name; function words, numbers and verbs with an object are not.
        return tokens[1][1][0] in "pcurmdtyfq" or len(tokens[1][0]) + len(surname) < len(name)
    return any(len(word) > 1 and not pos.startswith("nr") for word, pos in tokens)


def _cut(text: str, start: int, name: str) -> str | None:
    """The candidate or its shorter form, whichever ends where a name may end; None where neither does."""
    if _ENDS.match(text, start + len(name)):
        return name
    shorter = name[:-1]
    if len(shorter) > len(_surname(name)) and "·" not in name and _ENDS.match(text, start + len(shorter)):
        return shorter
    return None


def _spans(match: re.Match, name: str) -> Span:
    return Span(match.start(1), match.start(1) + len(name), "name", SOMEBODY * len(name))


#: What follows a name and nothing else: a number of the person's own.
_PROOF = re.compile(r"[，,、:： （(]{0,2}(?:身份证|证件号|电话|手机|联系电话|联系方式|[+(]?(?:86)?[ \-]?1[3-9]\d[ \-]?\d{4}|\(?0\d{2,3}\)?[ \-]?\d{6})")


def _proven(text: str, start: int, name: str | None) -> bool:
    return name is not None and name[0] not in _FUNCTION and not _NOT_IN_NAMES & set(name) and _PROOF.match(text, start + len(name)) is not None


def _cued(text: str) -> Iterator[Span]:
    for match in _STRONG_CUE.finditer(text):
        whole = match[1]
        name = _cut(text, match.start(1), whole)
        # 我叫于婷, 我叫曾建国: who says what he is called means a name, whatever else its first character may be.
        called = "叫" in text[match.start():match.start(1)]
        if name is None:
            # No end in sight: 我叫王伟芳想反映 — the whole candidate unless its last character cannot be a name's.
            name = whole[:-1] if len(whole) - len(_surname(whole)) > 1 and whole[-1] in _NOT_IN_NAMES else whole
            if is_ordinary(name) or _surname(whole) in _AMBIGUOUS:
                continue
        elif _NOT_IN_NAMES & set(name[1:] if called else name) or (
                _surname(name) in _AMBIGUOUS and is_ordinary(name) and not _proven(text, match.start(1), name)
                and ((_surname(name) in _FUNCTION and not called) or name[-1] in _PLACE_ENDS or (len(name) == 2 and _is_word(name)))):
            continue
        yield _spans(match, name)
    for match in _WEAK_CUE.finditer(text):
        name = _cut(text, match.start(1), match[1])
        if name is None or (is_ordinary(name) and not (len(name) == 3 and _proven(text, match.start(1), name))):
            shorter = match[1][:-1]
            if name == shorter or len(shorter) < 2 or not _ENDS.match(text, match.start(1) + len(shorter)) or is_ordinary(shorter):
                continue
            name = shorter
        yield _spans(match, name)


def _ends_a_word(text: str, start: int, surname: str) -> bool:
    """Whether what looks like a surname is the end of a word before the title."""
    return any(text[max(0, start - n):start] + surname in _WORDS for n in (1, 2)) and start > 0


def _before(text: str, end: int) -> str:
    """The surname that ends at `end`, if there is one that is no end of a word and, where ambiguous, stands after a break."""
    surname = text[end - 2:end] if text[end - 2:end] in _DOUBLE else text[end - 1:end]
    start = end - len(surname)
    if not surname or start < 0 or _ends_a_word(text, start, surname):
        return ""
    if surname in _PLAIN or surname in _DOUBLE:
        return surname
    return surname if surname in _STANDS_ALONE and (start == 0 or text[start - 1] in _OPENS) else ""


def _full_before(text: str, end: int) -> str:
    """The name of two to four characters that ends at `end`: surname and given name, not known as words."""
    for length in (3, 2, 4):
        start = end - length
        name = text[max(start, 0):end]
        if start < 0 or _surname(name) not in _ANY or (length == 4 and name[:2] not in _DOUBLE):
            continue
        opens = start == 0 or text[start - 1] in _OPENS
        if (opens or _surname(name) in _PLAIN) and not _ends_a_word(text, start, _surname(name)) \
                and name[-1] not in _PLAIN and "\u4e00" <= min(name) <= max(name) <= "\u9fff" and not is_ordinary(name):
            return name
    return ""


def _titled(text: str) -> Iterator[Span]:
    for match in _TITLED.finditer(text):
        end = match.start()
        name = _full_before(text, end) or _before(text, end)
        if name:
            yield Span(end - len(name), end, "name", SOMEBODY * len(name))


def _half_hidden(text: str) -> Iterator[Span]:
    for match in _HALF.finditer(text):
        end = match.start()
        if text[end - 1:end] in _PLAIN and end and not _ends_a_word(text, end - 1, text[end - 1]):
            yield Span(end - 1, end, "name", SOMEBODY)


def find_names(text: str) -> Iterator[Span]:
    """Names after a cue, names and surnames before a title, surnames said (姓王) or half hidden (张某某), English names."""
    yield from _cued(text)
    yield from _titled(text)
    for match in _SURNAME_SAID.finditer(text):
        yield Span(*match.span(1), "name", SOMEBODY * len(match[1]))
    yield from _half_hidden(text)
    for pattern in _ENGLISH if "M" in text or "my name" in text else ():
        for match in pattern.finditer(text):
            yield Span(*match.span(1), "name", "[name]")


#: For the regular expressions of polars: where a name may stand.
NAME_SIGN = (rf"(?:{_STRONG}|{_WEAK})[ 　:：是为叫系]{{0,3}}{_ONE}|[{_ONE[1:-1]}{''.join(sorted({d[1] for d in _DOUBLE}))}](?:{_TITLES}|某|[xX×*＊])"
             rf"|{_HAN}(?:{_TITLES})|姓{_ONE}|\p{{Han}}·\p{{Han}}|[Mm]y name is|(?-u:\b)M(?:r|rs|s|iss)\.? [A-Z]"
             ).replace(r"\u4e00-\u9fff", r"\u{4e00}-\u{9fff}")
