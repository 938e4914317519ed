"""A file that cannot be taken: the error that carries what was found, where, and what to do."""
from collections.abc import Mapping, Sequence

from policy.catalogue import LANGUAGES, say
from policy.rules import Finding


class RefusedInput(Exception):
    """An X rule spoke: nothing of the file may be stored. `findings` say why, the gravest first."""

    def __init__(self, findings: Sequence[Finding]):
        self.findings = list(findings)
        super().__init__("\n".join(f.text("en") for f in self.findings))


def advise(key: str, **values: object) -> dict[str, str]:
    """What to do about a finding, in both languages: it is shown in the reader's."""
    return {lang: say(f"sources.advice.{key}", lang, **values) for lang in LANGUAGES}


def refuse(code: str, file: str, advice: Mapping[str, str], sheet: str | None = None, row: int | None = None, column: str | None = None,
           **values: object) -> RefusedInput:
    """The error for one X finding."""
    return RefusedInput([Finding(code, values, file=file, sheet=sheet, row=row, column=column, advice=advice)])
