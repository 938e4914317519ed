"""The words of a source's classes to ours: record types, statuses, channels, yes and no."""
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import polars as pl
import yaml

from sources.field_missing import folded, is_missing
from sources.mapping import ColumnMapping

TRUE, FALSE = "true", "false"


@cache
def vocabulary() -> Mapping[str, Mapping[str, str]]:
    """For each class column the canonical value by the word it is known under (`_vocabulary.yaml`)."""
    data = yaml.safe_load((Path(__file__).parent / "_vocabulary.yaml").read_text(encoding="utf-8"))
    return MappingProxyType({column: MappingProxyType({_key(w): str(value) for value, words in groups.items() for w in (value, *words)})
                             for column, groups in data.items()})


def _key(word: object) -> str:
    return unicodedata.normalize("NFKC", str(word)).strip().lower()


def translate(column: str, kind: str, mapping: ColumnMapping, classes: bool = False) -> pl.Expr:
    """The canonical value of a word: the mapping's own map before the shared vocabulary of `kind`; null for an unknown one.

    A word that the mapping lists is a value even where it is a usual spelling of nothing (Unspecified).
    """
    own = {_key(w): v for w, v in mapping.values.items()}
    words = {**vocabulary().get(kind, {}), **own}
    word = folded(pl.col(column))
    bare = word.str.replace(r"[类件](?:工单)?$|工单$", "")
    known = pl.coalesce(word.replace_strict(words, default=None, return_dtype=pl.String),
                        bare.replace_strict(words, default=None, return_dtype=pl.String))
    missing = is_missing(pl.col(column), tuple(mapping.missing), classes) & ~word.is_in(sorted(own)).fill_null(False)
    return pl.when(~missing).then(known)


def unknown(column: str, translated: pl.Expr, mapping: ColumnMapping, classes: bool = False) -> pl.Expr:
    """Whether a word stands there that nobody knows."""
    return translated.is_null() & ~is_missing(pl.col(column), tuple(mapping.missing), classes)


def yes_or_no(column: str, mapping: ColumnMapping) -> pl.Expr:
    """true, false, or null for not asked, not reached and anything else."""
    return translate(column, "yes_no", mapping).replace_strict({TRUE: True, FALSE: False}, default=None, return_dtype=pl.Boolean)


def flag_words(flag: str) -> list[str]:
    """The words in a caller's label that mean this flag."""
    return [w for w, v in vocabulary()["caller_flags"].items() if v == flag and w != flag]
