"""Finders of numbers and addresses that name a person: phones, identity cards, bank cards, mail, plates, accounts.

Every finder takes a folded text (`privacy_fold.fold`) and gives spans. Check digits are verified on candidates alone:
identity numbers by GB 11643 (ISO 7064, mod 11-2), bank cards by Luhn (ISO/IEC 7812), credit codes by GB 32100.
"""
import re
from collections.abc import Iterator

from transforms.privacy_fold import SEPARATOR, Span

PROVINCES = frozenset((*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66),
                       71, 81, 82, 83, 91))
_S = SEPARATOR
_S3 = f"{_S}{{0,3}}"
_HAN = re.compile(r"[\u4e00-\u9fff]")

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORGANISATION = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def _born(year: int, month: int, day: int) -> bool:
    return 1900 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= 31


def is_shaped_as_id(number: str) -> bool:
    """Whether 18 characters have an identity number's province and birthday, whatever the check digit."""
    return (len(number) == 18 and number[:17].isdigit() and int(number[:2]) in PROVINCES
            and _born(int(number[6:10]), int(number[10:12]), int(number[12:14])))


def is_id(number: str) -> bool:
    """Whether 18 characters are an identity number with the right check digit (GB 11643)."""
    if not is_shaped_as_id(number):
        return False
    total = sum(int(d) * w for d, w in zip(number[:17], _ID_WEIGHTS, strict=True))
    return number[17].upper() == "10X98765432"[total % 11]


def is_old_id(number: str) -> bool:
    """Whether 15 digits can be an identity number of the first generation; it has no check digit."""
    return (len(number) == 15 and number.isdigit() and int(number[:2]) in PROVINCES
            and _born(1900 + int(number[6:8]), int(number[8:10]), int(number[10:12])))


def is_card(number: str) -> bool:
    """Whether 16 to 19 digits pass Luhn's check."""
    if not (16 <= len(number) <= 19 and number.isdigit()) or len(set(number)) == 1:
        return False
    total = sum(sum(divmod(2 * int(d), 10)) if i % 2 else int(d) for i, d in enumerate(reversed(number)))
    return total % 10 == 0


def is_credit_code(code: str) -> bool:
    """Whether 18 characters are a unified social credit code, its own and its organisation code's check digit right."""
    code = code.upper()
    if len(code) != 18 or code[:17].strip(_CODE) or code[17] not in _CODE or not set(code) <= set(_CODE):
        return False
    if _CODE[-sum(_CODE.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17])) % 31] != code[17]:
        return False
    check = 11 - sum(_ORGANISATION.index(c) * w for c, w in zip(code[8:16], _ORGANISATION_WEIGHTS, strict=True)) % 11
    return code[16] == "0123456789X0"[check]


# ---- what is not personal although it looks so ----------------------------------------------------------------------

_NAMED = re.compile(
    r"(?:订单|运单|单号|单编号|信用代码|机构代码|注册号|执照号?|许可证号?|案号|文号|(?<!证)(?<!件)(?<!卡)编号|流水号|合同号?|发票号?|票号"
    r"|[^字]代码|批号|条形?码|序列号|户号|证书号?|凭证号?|交易号|商户号|受理号|登记号|备案号|产权证号?|快递号?|物流号?|型号|设备号|order|invoice|tracking)"
    r"(?:编号|号码|编码|代码|号|码|number|no\.?|#)?[\s:：是为(#№\"“\[【]{0,4}([0-9A-Za-z][0-9A-Za-z\-]*(?: \d{4}(?!\d))*)", re.IGNORECASE)
_CREDIT = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{18}(?![0-9A-Za-z])")


def _kept(text: str) -> list[tuple[int, int]]:
    """Where numbers stand that are named as order, document or licence numbers, or are credit codes."""
    spans = [m.span(1) for m in _NAMED.finditer(text)]
    return spans + [m.span() for m in _CREDIT.finditer(text) if is_credit_code(m[0]) and not is_id(m[0])]


def _within(span: tuple[int, int], kept: list[tuple[int, int]]) -> bool:
    return any(a < span[1] and span[0] < b for a, b in kept)


# ---- identity and bank cards ----------------------------------------------------------------------------------------

_LONG = re.compile(rf"\d(?:{_S}?\d){{11,}}")
_ID18 = re.compile(rf"(?<!\d)(?=([1-9](?:{_S}?\d){{16}}{_S}?[\dXx])(?!\d))")
_ID15 = re.compile(r"(?<![\dA-Za-z])([1-9]\d{14})(?![\dA-Za-z])")
_CARDS = {n: re.compile(rf"(?<!\d)(?=([1-9](?:{_S}?\d){{{n - 1}}})(?!\d))") for n in (19, 18, 17, 16)}
_ID_WORD = r"(?:身份证|证件|身份号)(?:件|号码|号|是|为|[:： (]){0,4}"
_ID_CUE = re.compile(_ID_WORD + "$")
_ANY_ID = re.compile(_ID_WORD + r"(\d{14,17}[\dXx]?)(?![\dA-Za-z])")
_CARD_CUE = re.compile(r"(?<!会员)(?<!水)(?<!电)(?<!气)(?:银行卡|储蓄卡|信用卡|借记卡|卡号|银行账号|账号|帐号|账户|帐户)[^\d，。,;；\[\]]{0,8}"
                       rf"(\d(?:{_S}?\d){{11,22}})(?!\d)")
_SEPARATORS = re.compile(_S)


def _bare(number: str) -> str:
    return _SEPARATORS.sub("", number)


def _runs(text: str) -> list[tuple[int, int, bool]]:
    """Long runs of digits: start, end, and whether no gap stands between the digits."""
    return [(*run.span(), run[0].isdigit()) for run in _LONG.finditer(text)]


def _candidates(pattern: re.Pattern, lengths: tuple[int, ...], runs: list[tuple[int, int, bool]], text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The pattern's first groups without their gaps, and where they stand, in the text's long runs of digits.

    lengths: the digits that a number of the pattern has; a run without gaps of another length holds none.
    """
    for start, end, whole in runs:
        if whole and end - start not in lengths:
            continue
        for match in pattern.finditer(text, start, min(end + 2, len(text))):
            yield _bare(match[1]), match.span(1)


def find_cards(text: str) -> Iterator[Span]:
    """Identity numbers (18 with check digit or after 身份证, 15) and bank cards (16–19 by Luhn, or named so)."""
    runs = _runs(text)
    if not runs:
        return
    kept: list[tuple[int, int]] | None = None

    def free(span: tuple[int, int]) -> bool:
        nonlocal kept
        kept = _kept(text) if kept is None else kept
        return not _within(span, kept)

    for number, span in _candidates(_ID18, (17, 18), runs, text):
        if is_shaped_as_id(number) and (_ID_CUE.search(text, max(0, span[0] - 14), span[0]) or (is_id(number) and free(span))):
            yield Span(*span, "id", "[身份证号]")
    for match in _ANY_ID.finditer(text):
        yield Span(*match.span(1), "id", "[身份证号]")
    for number, span in _candidates(_ID15, (15,), runs, text):
        if is_old_id(number) and free(span):
            yield Span(*span, "id", "[身份证号]")
    for match in _CARD_CUE.finditer(text):
        if not is_credit_code(_bare(match[1])):
            yield Span(*match.span(1), "card", "[银行卡号]")
    for digits, pattern in _CARDS.items():
        for number, span in _candidates(pattern, (digits,), runs, text):
            # Years or prices in a row make 16 digits too: a number with gaps must begin as cards do.
            plausible = len(number) == span[1] - span[0] or number[0] in "3456789"
            if plausible and is_card(number) and free(span):
                yield Span(*span, "card", "[银行卡号]")


# ---- phones ---------------------------------------------------------------------------------------------------------

_COUNTRY = rf"(?:\(?(?:\+|00)?86\)?{_S3})?"
_MOBILE = re.compile(
    rf"(?<!\d)(?<!\d\.){_COUNTRY}\(?0?(?:1[3-9]\d\)?{_S3}\d{{4}}{_S3}\d{{4}}|1[3-9]\d{{2}}{_S}\d{{3}}{_S}\d{{4}}"
    rf"|1[3-9]\d{_S}\d{{3}}{_S}\d{{5}}|1[3-9]\d{{4}}{_S}\d{{5}}|1(?:[ \-.,\u200b]\d){{10}}|1[3-9]\d{{9}}1[3-9]\d{{9}})(?!\d)")
_AREA = r"(?:10|2\d|[3-9]\d{2})"
_LANDLINE = re.compile(
    rf"(?<!\d)(?<!\d\.)(?:\(?(?:\+|00)?86\)?{_S3}0?{_AREA}|\({_S}?0{_AREA}{_S}?\)|0{_AREA}){_S3}[2-9]\d{{2,3}}{_S}?\d{{4}}"
    r"(?: ?(?:转|分机|-|ext\.?) ?\d{1,5})?(?!\d)")
#: Where there are digits enough for a phone, with its prefix.
_RUN = re.compile(r"[+(\d](?:[ \-._·,()+\u200b]{0,4}\d){9,}")
_PHONE_CUE = re.compile(
    r"(?:电话|手机|座机|固话|联系方式|致电|拨打|tel|TEL|Tel|phone|Phone|PHONE|call|Call)(?:号码|号|为|是|[:： ]){0,3}"
    r"(?!(?:123|400|800|95|96|100|110|119|120|122)\d*)(\d(?:[ \-]?\d){6,13})(?: ?(?:转|分机|-|ext\.?) ?\d{1,5})?(?!\d|元|块|万|年|月)")
_US_PHONE = re.compile(r"(?<![\d-])(?:\+?1[-. ]?)?(?:\([2-9]\d{2}\) ?|(?!800|888|877|866|855|844|833|900)[2-9]\d{2}[-. ])\d{3}[-. ]\d{4}(?![\d-])")


def find_phones(text: str) -> Iterator[Span]:
    """Mobiles with or without +86, gaps and dashes; landlines with area code or after 电话, with extension; US numbers in
    texts without Chinese. Service numbers (12345, 400…, 95…, 96…) are none."""
    for run in _RUN.finditer(text):
        for pattern, kind, mask in ((_MOBILE, "mobile", "[手机号]"), (_LANDLINE, "landline", "[座机]")):
            for match in pattern.finditer(text, run.start(), min(run.end() + 10, len(text))):
                if match.start() < run.end():
                    yield Span(*match.span(), kind, mask)
    for match in _PHONE_CUE.finditer(text):
        if len(_bare(match[1]).strip("0")) <= 4:
            continue  # masked with zeros by whoever published it
        yield Span(match.start(1), match.end(), "landline", "[座机]" if match[1][0] != "1" else "[手机号]")
    if not _HAN.search(text):
        for match in _US_PHONE.finditer(text):
            yield Span(*match.span(), "phone", "[phone]")


#: Digits written as words.
SPOKEN = "零〇○Ｏ幺么一二两三四五六七八九壹贰叁肆伍陆柒捌玖"
_DIGIT_WORDS = "0-9" + SPOKEN
_SPOKEN = re.compile(rf"[{_DIGIT_WORDS}](?:[ ,，、\-\u200b]?[{_DIGIT_WORDS}]){{9,18}}")
_WORD = re.compile(r"[零〇○幺一二两三四五六七八九壹贰叁肆伍陆柒捌玖]")


def find_spoken(text: str) -> Iterator[Span]:
    """Ten or more digits in a row of which some are written as words: 幺三九…, 1三9…"""
    for match in _SPOKEN.finditer(text):
        if len(_WORD.findall(match[0])) >= 3:
            yield Span(*match.span(), "mobile", "[手机号]")


# ---- mail, plates, accounts -----------------------------------------------------------------------------------------

_MAIL = re.compile(r"[A-Za-z0-9._%+\-]+ ?@ ?[A-Za-z0-9\-]+(?: ?\. ?[A-Za-z0-9\-]+)*?(?: ?\. ?[A-Za-z]{2,12})(?!\.?[A-Za-z]|\d*\.[A-Za-z])")
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领][A-HJ-NP-Za-hj-np-z][·• \-]?"
    r"(?=[A-Za-z]*\d[A-Za-z]*\d|[A-Za-z]*\d[A-Za-z]{3,5}(?![A-Za-z0-9])|[A-Za-z]{4,5}\d)"
    r"[A-HJ-NP-Za-hj-np-z0-9]{4,5}[A-HJ-NP-Za-hj-np-z0-9挂学警港澳](?![A-Za-z0-9])")
_PLATE_CUE = re.compile(r"车牌(?:号码|号)?[:：是为 ]{0,3}([\u4e00-\u9fff]?[A-Za-z]?[·• \-]?[A-Za-z0-9]{5,7})(?![A-Za-z0-9])")
_ACCOUNT_WORD = r"微信|威信|薇信|wechat|weixin|wx|vx|v信|加v|抖音|快手|支付宝|淘宝|闲鱼|小红书|钉钉"
_ACCOUNT = re.compile(rf"(?<![A-Za-z])(?:{_ACCOUNT_WORD})(?:号码|账号|帐号|号|id)?([:：是为 ]{{0,3}})"
                      r"([A-Za-z][\-_A-Za-z0-9]{5,19}|\d{5,12})(?![A-Za-z0-9])(?!元|块|万|人|年)", re.IGNORECASE)
_WXID = re.compile(r"(?<![A-Za-z0-9])(?:wxid|wx|weixin)_[\-_A-Za-z0-9]{3,}", re.IGNORECASE)
_QQ = re.compile(r"(?<![A-Za-z])(?:QQ|扣扣)(?:群号|群|号码|账号|号)?[:：是为 ]{0,3}([1-9]\d{4,11})(?!\d|元|块|人)", re.IGNORECASE)


def find_mail(text: str) -> Iterator[Span]:
    """E-mail addresses."""
    label = "[邮箱]" if _HAN.search(text) else "[e-mail]"
    for match in _MAIL.finditer(text):
        yield Span(*match.span(), "mail", label)


def find_plates(text: str) -> Iterator[Span]:
    """Number plates of mainland vehicles, new-energy ones too."""
    for match in _PLATE.finditer(text):
        yield Span(*match.span(), "plate", "[车牌号]")
    for match in _PLATE_CUE.finditer(text):
        if any(c.isdigit() for c in match[1]):
            yield Span(*match.span(1), "plate", "[车牌号]")


def find_accounts(text: str) -> Iterator[Span]:
    """Accounts at messengers and platforms, after their name: 微信号, QQ, 抖音号 …"""
    for match in _ACCOUNT.finditer(text):
        said = bool(match[1].strip()) or "号" in match[0][:match.start(2) - match.start()]
        if said or not match[2].isalpha():
            yield Span(*match.span(2), "account", "[微信号]" if re.match("微|威|薇|w|v|加", match[0], re.I) else "[账号]")
    for match in _WXID.finditer(text):
        yield Span(*match.span(), "account", "[微信号]")
    for match in _QQ.finditer(text):
        yield Span(*match.span(1), "account", "[QQ号]")
