"""`weisu sources check FILE`: which mapping fits, which header went where, and what is missing."""
from pathlib import Path

from flows.messages import tell_findings
from policy.catalogue import say
from sources.check import fit
from sources.mapping import load_mappings
from warehouse.settings import Settings

#: Below this a mapping is no fit.
FITS = 0.6


def show_fit(settings: Settings, file: Path) -> int:
    """Exit status 0 where a mapping fits and the file would be read, else 1."""
    lang, mappings = settings.lang, load_mappings(settings.own_sources)
    best = fit(file, mappings)[0]
    name = mappings[best.source].name
    good = best.score >= FITS and best.accepted
    if good:
        print(say("check.fits", lang, file=file.name, source=best.source, name=name.zh if lang == "zh" else name.en, share=f"{best.score:.0%}"))
    else:
        print(say("check.none", lang, file=file.name, source=best.source))
    for header, column in best.headers.items():
        print(f"  {header} → {column or '—'}")
    if best.missing:
        print(say("check.missing", lang, columns=", ".join(best.missing)))
    if best.unregistered:
        print(say("check.unregistered", lang, headers=", ".join(best.unregistered)))
    tell_findings(best.findings, lang)
    if not good:
        print(say("check.own", lang, folder=settings.own_sources))
    return 0 if good else 1
