"""What is written down: a clerk's note, a citizen's letter, a form. Every record of a problem is told from the same stock of sentences."""
from dataclasses import dataclass

import numpy as np
import polars as pl

from flows.demo.lexicon import Lexicon
from flows.demo.personal import fragments
from flows.demo.templates import fill_each

CLERK, CITIZEN, FORM = 0, 1, 2
VOICES = np.array([0.70, 0.25, 0.05])
#: Columns of the draws: 0–7 what the matter's own words are, the rest how it is told.
N_DRAWS = 28
_PLACES = ("{street}{est}附近，", "在{road}，", "{road}{est}旁，", "{street}{road}，", "位于{street}，", "{est}居民反映，", "地点在{road}，")
_PLACE_RATE, _SECOND_RATE = 0.85, 0.11
_JOINS = ("", "\n", "\t", "\u3000\u3000", "\u200b")
_JOIN_RATES = np.array([0.55, 0.25, 0.06, 0.13, 0.01])


@dataclass(frozen=True)
class Texts:
    """`title`, `content`: (n,). `pii`: position, start, end (characters of the content), kind: what must be masked."""

    title: pl.Series
    content: pl.Series
    pii: pl.DataFrame


def write(records: pl.DataFrame, draws: np.ndarray, known: dict[str, pl.Series], callers: pl.DataFrame, lex: Lexicon, seed: int) -> Texts:
    """Titles and contents. `records`: problem, second_problem (−1: none), voice, caller, is_repeat, is_campaign; `draws`: uint32 (n, 28)."""
    n = records.height
    lists = {k: [str(x) for x in v] for k, v in lex.words["lists"].items()}
    problem, voice = records["problem"].to_numpy(), records["voice"].to_numpy()
    own, style = draws[:, :8], draws[:, 8:16]

    def told(templates, which, slots=style):
        return fill_each(templates, which, slots, known, lists)

    def chosen(column: int, size: int, where: np.ndarray | None = None) -> np.ndarray:
        which = (draws[:, column] % np.uint32(size)).astype(np.int64)
        return which if where is None else np.where(where, which, -1)

    words = lex.words
    opening = _by_voice(words["openings"], voice, draws[:, 16], told)
    again = told(words["repeats"], chosen(17, len(words["repeats"]), records["is_repeat"].to_numpy() & (draws[:, 18] % 2 == 0)))
    place = told(_PLACES, chosen(19, len(_PLACES), records["has_place"].to_numpy()))
    core = _cores(lex, problem, own[:, 7], own, known, lists)
    second = records["second_problem"].to_numpy()
    elsewhere = {**known, "who": pl.Series(["另一家店"]).new_from_index(0, n)}
    also = _cores(lex, second, draws[:, 23], style, elsewhere, lists)
    also = pl.select(pl.when(pl.Series(second >= 0)).then("另外，" + also + "。").otherwise(pl.lit(""))).to_series()
    title = _once(_titles(lex, problem, draws[:, 22], own, known, lists), lex)
    wish = told(words["wishes"], chosen(20, len(words["wishes"])))
    closing = _by_voice(words["closings"], voice, draws[:, 21], told)
    details = _details(words["details"], voice, draws, known, lists)
    personal = fragments(callers, records["caller"].to_numpy(), known["est"], known["bld"], seed, records["is_campaign"].to_numpy())
    joint = pl.Series(_JOINS).gather(np.searchsorted(np.cumsum(_JOIN_RATES), (draws[:, 24] % np.uint32(1000)) / 1000.0, side="right")
                                     .clip(0, len(_JOINS) - 1))
    segments = [("", opening), ("", again), ("name", personal["name"]["text"]), ("door", personal["door"]["text"]), ("", place), ("", core),
                ("", pl.Series("t", ["。"] * n)), ("", joint), ("", details[0]), ("health", personal["health"]["text"]),
                ("phone", personal["phone"]["text"]), ("other", personal["other"]["text"]), ("third", personal["third"]["text"]),
                ("", details[1]), ("", also), ("", joint), ("", wish), ("", closing)]
    content = pl.select(pl.concat_str([s for _, s in segments])).to_series().alias("content")
    return Texts(title.alias("title"), content, _spans(segments, personal))


def _by_voice(templates: dict, voice: np.ndarray, draw: np.ndarray, told) -> pl.Series:
    flat: list[str] = []
    starts: list[int] = []
    for name in ("clerk", "citizen", "form"):
        starts.append(len(flat))
        flat += templates[name]
    sizes = np.array([len(templates[k]) for k in ("clerk", "citizen", "form")])
    which = np.array(starts)[voice] + (draw.astype(np.int64) % sizes[voice])
    return told(flat, which)


def _cores(lex: Lexicon, problem: np.ndarray, draw: np.ndarray, slots: np.ndarray, known, lists) -> pl.Series:
    flat, first, size = _flatten([p.cores for p in lex.problems])
    which = np.where(problem >= 0, first[problem] + draw.astype(np.int64) % size[problem], -1)
    return fill_each(flat, which, slots, known, lists)


def _titles(lex: Lexicon, problem: np.ndarray, draw: np.ndarray, slots: np.ndarray, known, lists) -> pl.Series:
    flat, first, size = _flatten([p.titles for p in lex.problems])
    return fill_each(flat, first[problem] + draw.astype(np.int64) % size[problem], slots, known, lists)


def _once(titles: pl.Series, lex: Lexicon) -> pl.Series:
    """A sign that ends in its trade's word and a title that begins with it: 美容院美容院 is said once."""
    words = sorted({w for t in lex.trades for w in (t.sign, t.name)}, key=lambda w: (-len(w), w))
    return titles.str.replace_many([w + w for w in words], words)


def _flatten(groups: list[tuple[str, ...]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    size = np.array([len(g) for g in groups])
    return [t for g in groups for t in g], np.concatenate([[0], np.cumsum(size)[:-1]]), size


def _details(templates: list[str], voice: np.ndarray, draws: np.ndarray, known, lists) -> tuple[pl.Series, pl.Series]:
    """What is added before and after the number to call back: a clerk one to three sentences, a citizen up to sixteen, a form none or one."""
    u = (draws[:, 25] % np.uint32(10_000)) / 10_000.0
    wanted = np.select([voice == CLERK, voice == CITIZEN], [1 + (u > .35).astype(int) + 2 * (u > .8) + 3 * (u > .95), 2 + (u * u * 14).astype(int)],
                       (u > .6).astype(int))
    n = len(voice)
    before, after = pl.Series("t", [""] * n), pl.Series("t", [""] * n)
    step = 1 + draws[:, 26].astype(np.int64) % (len(templates) - 1)
    for k in range(int(wanted.max(initial=0))):
        # The step is made coprime with the number of sentences, so that nobody says the same twice.
        which = (draws[:, 27].astype(np.int64) + k * np.where(np.gcd(step, len(templates)) == 1, step, 1)) % len(templates)
        slots = np.roll(draws[:, 8:16], k, axis=1)
        said = fill_each(templates, np.where(wanted > k, which, -1), slots, known, lists)
        if k % 2 == 0:
            before = before + said
        else:
            after = after + said
    return before, after


def _spans(segments: list[tuple[str, pl.Series]], personal: dict[str, dict]) -> pl.DataFrame:
    n = len(segments[0][1])
    offset = pl.Series(np.zeros(n, dtype=np.int64))
    spans = []
    for name, text in segments:
        if name and personal[name]["kind"].null_count() < n:
            start = offset + personal[name]["at"]
            spans.append(pl.DataFrame({"position": np.arange(n), "start": start, "end": start + personal[name]["length"],
                                       "kind": personal[name]["kind"]}).filter(pl.col("kind").is_not_null()))
        offset = offset + text.str.len_chars().cast(pl.Int64)
    empty = pl.DataFrame(schema={"position": pl.Int64, "start": pl.Int64, "end": pl.Int64, "kind": pl.String})
    return pl.concat([empty, *spans]).sort("position", "start")
