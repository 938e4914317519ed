"""The one catalogue of what is said to people, in Chinese and English (`data/catalogue.yaml` and `data/text_*.yaml`)."""
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import yaml

LANGUAGES = ("zh", "en")


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Every sentence by key: {"zh": …, "en": …}. Raises ValueError for a key given twice or a language left out."""
    folder = files("policy") / "data"
    names = sorted(f.name for f in folder.iterdir() if f.name == "catalogue.yaml" or f.name.startswith("text_"))
    texts: dict[str, Mapping[str, str]] = {}
    for name in names:
        for key, said in (yaml.safe_load((folder / name).read_text(encoding="utf-8")) or {}).items():
            if key in texts or set(said) != set(LANGUAGES):
                raise ValueError(f"{name}: key {key!r} is given twice or lacks one of {LANGUAGES}")
            texts[key] = MappingProxyType(said)
    return MappingProxyType(texts)


def say(key: str, lang: str, **values: object) -> str:
    """The sentence `key` in `lang` with its {slots} filled. Raises KeyError for an unknown key or a slot without a value."""
    text = catalogue()[key][lang if lang in LANGUAGES else "en"]
    return text.format_map(values)
