"""Personal data taken out of records: masks in texts, pseudonyms for linking, nothing else leaves landing.

A mask keeps the kind and, for names, the length: `我叫王伟芳` → `我叫某某某`, a phone → `[手机号]`. Each text is judged alone;
masking twice is masking once.
"""
import re
from collections import Counter
from collections.abc import Callable, Iterator

import polars as pl
import rjieba

from transforms.canonical import LANDING_ONLY, MASKED_TEXTS, SAFE, add_issues, conform
from transforms.privacy_fold import Span, fold
from transforms.privacy_keys import caller_keys, e164, pseudonym, row_hashes
from transforms.privacy_names import NAME_SIGN, SOMEBODY, find_names, is_ordinary, surnames
from transforms.privacy_numbers import SPOKEN, find_accounts, find_cards, find_mail, find_phones, find_plates, find_spoken
from transforms.privacy_places import DOORS, find_rooms

Finder = Callable[[str], Iterator[Span]]

_DIGIT = r"[\p{Nd}⓪①-⑨]"
_GAP = r"[\s\-‐–—−－._·()（）+＋．\u{200b}\u{2060}\u{feff}\u{ad}]{0,4}"
#: What a text must hold for a group of finders to be asked, for one pass of polars; and the finders in order of precedence.
_GROUPS: tuple[tuple[str, tuple[Finder, ...]], ...] = (
    (r"[@＠]", (find_mail,)),
    (r"(?i)微信|威信|薇信|wechat|weixin|wx|vx|v信|加v|qq|ｑｑ|扣扣|抖音|快手|支付宝|淘宝|闲鱼|小红书|钉钉", (find_accounts,)),
    (rf"{_DIGIT}(?:{_GAP}{_DIGIT}){{6}}", (find_cards, find_phones)),
    (rf"(?:[0-9{SPOKEN}][ ,，、\-\u{{200b}}]?){{10}}", (find_spoken,)),
    (r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领][A-Za-zＡ-Ｚａ-ｚ]|车牌", (find_plates,)),
    (NAME_SIGN, (find_names,)),
    (rf"(?:{_DIGIT}|[零〇一二三四五六七八九十百]) ?室|(?:号楼|[栋幢座楼]|单元|小区|[苑园城府庭湾郡里居邸轩])[ A-Za-z\-－]{{0,3}}{_DIGIT}", (find_rooms,)),
)
#: Finders whose every find is personal beyond doubt: they look again after masking, and into names and addresses.
_STRICT = (find_mail, find_cards, find_phones, find_plates)
_STRICT_GROUPS = tuple(g for g in _GROUPS if set(g[1]) & set(_STRICT))
#: Columns that are no free text but in which a phone or an identity number was seen to be written.
_SIDE_COLUMNS = ("respondent_name", "respondent_address", "community", "platform", "lead_unit", "returned_unit")

_RESTRICTED = (r"未成年|婴儿|幼儿|儿童|学龄前|小学生|初中生|中学生|(?:我|他|她|的|家)(?:孩子|小孩|儿子|女儿|宝宝|孙子|孙女)|岁(?:男孩|女孩|儿子|女儿|孩子)"
               r"|病历|病史|确诊|癌|肿瘤|白血病|糖尿病|高血压|心脏病|艾滋|乙肝|肝炎|结核|精神病|精神分裂|抑郁症|自杀|怀孕|孕妇|流产|残疾|传染病|性病|尿毒症"
               r"|(?-u:\b)(?:minor|HIV|cancer|pregnant|pregnancy)(?-u:\b)")


def _resolve(spans: list[Span]) -> list[Span]:
    """The spans that stand: of two that overlap the one found first, in the order of the finders."""
    taken: list[Span] = []
    for span in spans:
        if span.start < span.end and not any(t.start < span.end and span.start < t.end for t in taken):
            taken.append(span)
    return sorted(taken)


def _mask_one(text: str, finders: tuple[Finder, ...]) -> tuple[str, list[str]]:
    """A masked text and the kinds of what was masked.

    Where finds overlapped, a name's mask may complete another name, or a mask is a new end for a word or number beside it,
    the text is looked at again, so that a second pass finds nothing.
    """
    kinds: list[str] = []
    for _ in range(4):
        folded = fold(text)
        found = [span for finder in finders for span in finder(folded)]
        if not found:
            break
        spans = _resolve(found)
        out: list[str] = []
        done = 0
        for span in spans:
            out += (text[done:span.start], span.mask)
            done = span.end
            kinds.append(span.kind)
        beside = {char for span in spans for char in (folded[span.start - 1:span.start], folded[span.end:span.end + 1])}
        text = "".join(out) + text[done:]
        if len(spans) == len(found) and all(s.kind != "name" for s in spans) and not any((c.isascii() and c.isalnum()) or c in SPOKEN for c in beside):
            break
    return text, kinds


def _scan(texts: pl.Series, groups) -> tuple[pl.Series, pl.Series, Counter]:
    """Masked texts, items masked (Int32, null texts 0), and how many of each kind. Equal texts are done once."""
    flags = pl.repeat(0, len(texts), dtype=pl.Int64, eager=True)
    numbers = pl.repeat(0, len(texts), dtype=pl.Int32, eager=True)
    kinds: Counter = Counter()
    if texts.null_count() == len(texts):
        return texts, numbers, kinds
    for bit, (sign, _) in enumerate(groups):
        flags = flags + texts.str.contains(sign).fill_null(False).cast(pl.Int64) * (1 << bit)
    suspects = pl.DataFrame({"row": (flags > 0).arg_true(), "text": texts.filter(flags > 0), "flags": flags.filter(flags > 0)})
    if suspects.is_empty():
        return texts, numbers, kinds
    unique = suspects.select("text", "flags").unique("text", maintain_order=True)
    chosen = {flag: tuple(f for bit, (_, finders) in enumerate(groups) if flag >> bit & 1 for f in finders)
              for flag in unique["flags"].unique()}
    done = [_mask_one(text, chosen[flag]) for text, flag in unique.iter_rows()]
    table = unique.select("text").with_columns(
        pl.Series("masked", [text for text, _ in done], dtype=pl.String),
        pl.Series("kinds", [" ".join(found) for _, found in done], dtype=pl.String),
        pl.Series("number", [len(found) for _, found in done], dtype=pl.Int32))
    joined = suspects.join(table, on="text", how="left", maintain_order="left").filter(pl.col("number") > 0)
    for said, times in joined["kinds"].value_counts().iter_rows():
        for kind in said.split():
            kinds[kind] += times
    if joined.is_empty():
        return texts, numbers, kinds
    return texts.clone().scatter(joined["row"], joined["masked"]), numbers.scatter(joined["row"], joined["number"]), kinds


def mask_texts(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Texts without personal data, and how many items were masked in each (Int32; 0 for null).

    texts: String, nulls stay. Masked: phones, landlines, identity numbers, bank cards, mail, plates, messenger accounts,
    names where a name is said to stand, rooms. Kept: order, document, licence and credit-code numbers named as such,
    hotlines, prices, dates, buildings, places and organisations.
    """
    out, numbers, _ = _scan(texts.cast(pl.String), _GROUPS)
    return out.alias(texts.name), numbers.alias("masked")


def mask_addresses(addresses: pl.Series) -> pl.Series:
    """Addresses as shown: door and room numbers, and whatever else is personal, masked; building and street stay."""
    out = _scan(addresses.cast(pl.String), _GROUPS)[0]
    for pattern, shown in DOORS:
        out = out.str.replace_all(pattern, shown)
    return out.alias(addresses.name)


_TRADES = (r"(?:商店|便利店|超市|餐馆|饭店|小吃店?|面馆|理发店|美容院?|水果店|烟酒店|百货店?|服装店|药店|副食店?|五金店?|经营部|门市部?|批发部|食品店|早点铺?"
           r"|菜店|肉铺|摊位?|个体工商户|个体户)")
_SOLE = re.compile(rf"^(?:个体工商户|个体户|经营者|店主|摊主)[\s:：(（]{{0,2}}([\u4e00-\u9fff]{{2,4}})[)）]?$|[(（](?:个体工商户|经营者)?[:： ]?([\u4e00-\u9fff]{{2,3}})[)）]$"
                   rf"|^([\u4e00-\u9fff]{{2,4}})$|^([\u4e00-\u9fff]{{3}})(?={_TRADES}$)")

#: Characters of shops' names that persons' names do not have: 黄记煌, 周黑鸭.
_TRADE_SIGNS = frozenset("记鸭鸡鱼面粉饼肉茶酒店堂轩楼坊屋阁锅汤饭菜麻花包烧烤虾蟹果糖")


def mask_respondent(names: pl.Series) -> pl.Series:
    """Respondents' names for exports: a sole trader's own name is masked, a firm's stays.

    Masked only where the whole value, the name after 个体工商户, in closing brackets or before a trade at the end is a
    person's by surname and by the segmenter.
    """
    plain, _, double = surnames()

    def is_person(name: str) -> bool:
        known = name[0] in plain if name[:2] not in double else len(name) > 2
        return known and not set(name) & _TRADE_SIGNS and not is_ordinary(name) and len(rjieba.cut(name)) <= 2

    def mask(value: str) -> str:
        for match in _SOLE.finditer(value):
            group = next(i for i in range(1, 5) if match[i])
            if is_person(match[group]):
                return value[:match.start(group)] + SOMEBODY * len(match[group]) + value[match.end(group):]
        return value

    unique = names.cast(pl.String).drop_nulls().unique(maintain_order=True)
    table = pl.DataFrame({"name": unique, "masked": pl.Series([mask(v) for v in unique.to_list()], dtype=pl.String)})
    return names.cast(pl.String).to_frame("name").join(table, on="name", how="left", maintain_order="left")["masked"].alias(names.name)


_GENERIC = (r"^(?:匿名|保密|市民|热心市民|群众|居民|村民|业主|网民|网友|游客|先生|女士|小姐|家长|消费者|顾客|用户|客户|本人|无名|某某?|不详|未知|无|来电人|老人|学生|职工|员工)")


def _own_values(frame: pl.DataFrame) -> pl.DataFrame:
    """What the row's own personal columns say and its texts may repeat: columns value_<n>, mask_<n>; null where there is none."""
    name = pl.col("caller_name").str.strip_chars()
    real = (name.str.len_chars().is_between(2, 30) & ~name.str.contains(_GENERIC)
            & (name.str.contains(r"^[\p{Han}·]{2,15}$") | (name.str.len_chars() >= 5))
            & ~name.str.contains(r"^.(?:女士|先生|小姐|太太|某+)$"))
    han = name.str.contains(r"^\p{Han}")
    digits = pl.col("caller_phone").str.extract(r"(\d{7,13})")
    plain = [pl.col(c).str.strip_chars() for c in ("caller_id_no", "caller_email", "caller_account")]
    return frame.select(
        pl.when(real).then(name).alias("value_0"),
        pl.when(han).then(pl.lit(SOMEBODY).repeat_by(name.str.len_chars()).list.join("")).otherwise(pl.lit("[name]")).alias("mask_0"),
        digits.alias("value_1"), pl.lit("[电话]").alias("mask_1"),
        *(pl.when(c.str.len_chars() >= 6).then(c).alias(f"value_{i}") for i, c in enumerate(plain, 2)),
        *(pl.lit(m).alias(f"mask_{i}") for i, m in enumerate(("[证件号]", "[邮箱]", "[账号]"), 2)),
    )


def _mask_own(texts: pl.Series, own: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """The texts without the row's own personal values, and how often one stood there."""
    numbers = pl.repeat(0, len(texts), dtype=pl.Int32, eager=True)
    for i in range(sum(c.startswith("value_") for c in own.columns)):
        value, shown = own[f"value_{i}"], own[f"mask_{i}"]
        if value.null_count() == len(value):
            continue
        pair = pl.DataFrame({"text": texts, "value": value, "mask": shown}).with_row_index("row")
        hit = pair.filter(pl.col("text").str.contains(pl.col("value"), literal=True).fill_null(False))
        if hit.is_empty():
            continue
        rows = list(hit.select("text", "value", "mask").iter_rows())
        texts = texts.clone().scatter(hit["row"], pl.Series([t.replace(v, m) for t, v, m in rows], dtype=pl.String))
        more = pl.Series([t.count(v) for t, v, _ in rows], dtype=pl.Int32)
        numbers = numbers.scatter(hit["row"], numbers.gather(hit["row"]) + more)
    return texts, numbers


def _still_there(texts: pl.Series, were: pl.Series, own: pl.DataFrame) -> pl.Series:
    """Boolean: where something personal is seen after masking, also with the gaps between digits taken out.

    were: the texts before; in one that masking left as it was, its finders have just seen nothing.
    """
    changed = texts != were
    _, again, _ = _scan(pl.select(pl.when(changed).then(texts)).to_series(), _STRICT_GROUPS)
    squeezed = texts.str.replace_all(r"[\s\u{200b}\-—_.·]+", "")
    seen = again > 0
    for values in own.select(pl.col("^value_[1-9]$")).get_columns():
        if values.null_count() < len(values):
            pair = pl.DataFrame({"text": squeezed, "value": values})
            seen = seen | pair.select(pl.col("text").str.contains(pl.col("value"), literal=True).fill_null(False))["text"]
    return seen


def protect(frame: pl.DataFrame, key: bytes, has_phones: bool | None = None) -> tuple[pl.DataFrame, dict[str, int]]:
    """MAPPED rows → SAFE rows: pseudonyms and masks made, landing columns gone.

    frame: MAPPED columns, texts repaired. key: the installation's secret; an empty one raises `ValueError`. Sets caller_key,
    order_ref_hash, address_masked, row_hash; masks title, content, reply, returned_reason (the caller's own name wherever it
    stands) and numbers in names and addresses of respondents. Issues: P01 (something personal is still seen), P02 (found:
    how many were masked), P03 (no usable phone in a source that has one), P04 (minors, health).
    has_phones: whether the source's rows have phones, where the frame does not tell by itself. Returns the frame and counts: items per kind, "own" (the row's own values), "rows_masked", "rows_without_phone".
    """
    rows = conform(frame, {**{c: t for c, t in SAFE.items() if c != "row_hash"}, **LANDING_ONLY}).collect()
    counts: Counter = Counter()
    own = _own_values(rows)
    new: list[pl.Series] = [caller_keys(rows, key), row_hashes(rows, key),
                            pseudonym(rows["order_ref"].str.strip_chars(), key, "order").alias("order_ref_hash")]
    total = pl.repeat(0, rows.height, dtype=pl.Int32, eager=True)
    seen = restricted = pl.repeat(False, rows.height, dtype=pl.Boolean, eager=True)
    for name in MASKED_TEXTS:
        text = rows[name]
        if text.null_count() == rows.height:
            continue
        restricted = restricted | text.str.contains(_RESTRICTED).fill_null(False)
        masked, numbers, kinds = _scan(text, _GROUPS)
        masked, more = _mask_own(masked, own)
        counts.update(kinds)
        counts["own"] += int(more.sum())
        total = total + numbers + more
        seen = seen | _still_there(masked, text, own)
        new.append(masked.alias(name))
    address = pl.coalesce("address_masked", "address")
    shown, _ = _mask_own(mask_addresses(rows.select(address.alias("address_masked"))["address_masked"]), own)
    new.append(shown.alias("address_masked"))
    for name in _SIDE_COLUMNS:
        masked, _, kinds = _scan(rows[name], _STRICT_GROUPS)
        counts.update(kinds)
        new.append(masked.alias(name))
    phone = e164(rows["caller_phone"])
    if has_phones is None:
        has_phones = rows["caller_phone"].null_count() < rows.height
    out = rows.with_columns(new).with_columns(
        total.alias("_masked"), seen.alias("_seen"), restricted.alias("_restricted"),
        (phone.is_null() & has_phones).alias("_silent"),
    ).with_columns(add_issues([
        (pl.col("_seen"), "P01"),
        (pl.col("_masked") > 0, "P02", None, pl.col("_masked")),
        (pl.col("_silent"), "P03", "caller_phone"),
        (pl.col("_restricted"), "P04"),
    ]))
    counts["rows_masked"] = int((total > 0).sum())
    counts["rows_without_phone"] = int((phone.is_null() & has_phones).sum())
    return conform(out, SAFE).collect(), dict(sorted(counts.items()))
