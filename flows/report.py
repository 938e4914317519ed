"""How a run ended, told at the terminal: outcome, sums, what was found and what to do."""
from flows.messages import tell, tell_findings
from flows.nightly import Outcome
from flows.running import House
from policy.catalogue import say

#: How many of a batch's files are named beside what was found about all of them.
NAMED = 3


def tell_outcome(outcome: Outcome, house: House) -> None:
    """Outcome, accounting, findings, tonight's warnings, and where the time went."""
    lang, row = house.settings.lang, outcome.row
    for note in outcome.notes:
        tell(note)
    for files in outcome.refused.values():
        tell(say("run.refused", lang))
        for found in files.values():
            tell_findings(found, lang)
    for source, found in outcome.findings.items():
        about = ", ".join(outcome.files.get(source, [])[:NAMED])
        for finding in found:
            tell(f"  [{source}] {'' if finding.file else about + ': '}{finding.text(lang)}")
    tell(f"{row['run_id']}: {say('run.outcome.' + row['outcome'], lang)}")
    if row["outcome"] == "failed":
        return
    tell(say("run.counts", lang, read=row["rows_read"], accepted=row["accepted"], quarantined=row["quarantined"], unchanged=row["unchanged"],
             other=row["not_records"]))
    if any(outcome.repairs.values()):
        what = ", ".join(f"{kind} {n}" for kind, n in sorted(outcome.repairs.items()) if n)
        tell(say("run.repairs", lang, what=what))
    if outcome.warnings is not None:
        tell(say("run.warnings", lang, n=row["n_warnings"], signals=row["n_signals"], false=f"{row['expected_false_alarms']:.2g}"))
        for w in outcome.warnings.sort("level", "warning_id").iter_rows(named=True):
            tell(f"  {w['level']:<7}{w['warning_id']}  {w['title']}")
    if row["outcome"] == "withheld":
        codes = ",".join(dict.fromkeys(r["code"] for r in row["reasons"]))
        tell(say("run.incomplete", lang))
        tell(say("run.release", lang, codes=codes))
    stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in row["stages"].items())
    tell(say("run.stages", lang, seconds=f"{row['seconds']:.2f}", stages=stages))
