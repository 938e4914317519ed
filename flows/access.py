"""Who looked at landing."""
from datetime import date

from flows.messages import print_json, tell
from policy.catalogue import say
from warehouse.access import AccessLog
from warehouse.settings import Settings


def show(settings: Settings, since: date | None, as_json: bool) -> int:
    """Prints the access log, oldest first."""
    lines = [x for x in AccessLog(settings.home).lines() if since is None or x["at"][:10] >= since.isoformat()]
    if as_json:
        print_json(lines)
    elif not lines:
        tell(say("access.none", settings.lang))
    for x in () if as_json else lines:
        print(f"{x['at']}\t{x['who']}\t{x['command']}\t{x['n_files']}\t{x['why']}\t{' '.join(h[:16] for h in x['files'])}")
    return 0
