"""Telling the person on duty: by `WEISU_ALARM_URL`, from Prefect's automations or, should Prefect itself be dead, without it."""
import logging
from pathlib import Path
from typing import Any

import yaml

from flows import runtime
from flows.messages import BadUsage, tell
from policy.catalogue import say
from warehouse.settings import Settings

BLOCK = "weisu-alarm"
#: Filled in by Prefect's server when it speaks.
PREFECTS = {"run": "{{ flow_run.name }}", "state": "{{ flow_run.state.name }}", "message": "{{ flow_run.state.message }}", "id": "{{ flow_run.id }}"}


def notify(settings: Settings, subject: str, body: str) -> bool:
    """Sends it to every address of `alarm_url` (Apprise's URLs, parted by spaces or commas); False, and said aloud, where that failed."""
    if settings.alarm_url is None:
        tell(say("alarm.nowhere", settings.lang))
        return False
    from apprise import Apprise
    logging.getLogger("apprise").setLevel(logging.CRITICAL)   # its complaints quote the address, which holds a key
    ways = Apprise()
    sent = bool(ways.add(settings.alarm_url.get_secret_value()) and ways.notify(body=body, title=subject))
    if not sent:
        tell(say("alarm.unsent", settings.lang))
    return sent


def trial(settings: Settings) -> int:
    """A message to see whether alarms arrive: exit status 0 or 1."""
    sent = notify(settings, say("alarm.trial.subject", settings.lang), say("alarm.trial.body", settings.lang))
    if sent:
        tell(say("alarm.sent", settings.lang))
    return int(not sent)


def dead_man(settings: Settings, grace_hours: float) -> int:
    """The dead man's check that speaks: whatever keeps it from seeing a night that ended is an alarm. Exit status 0 or 1."""
    from flows.doctor import last_night
    try:
        ended, said = last_night(settings, grace_hours)
    except Exception as error:
        ended, said = False, [say("alarm.unchecked", settings.lang, where=runtime.where(error))]
    for line in said:
        tell(line)
    if not ended:
        notify(settings, say("alarm.doctor.subject", settings.lang), "\n".join(said))
    return int(not ended)


def deploy(settings: Settings, file: Path) -> int:
    """Puts the file's automations on the Prefect server, each in the place of its namesake. Raises BadUsage without a way to tell."""
    if settings.alarm_url is None:
        raise BadUsage(say("alarm.nowhere", settings.lang))
    if not file.is_file():
        raise BadUsage(say("usage.path", settings.lang, path=file))
    runtime.prepare()
    from prefect.automations import Automation
    from prefect.blocks.notifications import SlackWebhook
    from prefect.client.orchestration import get_client
    # Of Prefect's own blocks the one that hands any Apprise URL on as it is: the server needs no code of ours to load it.
    block = SlackWebhook(url=settings.alarm_url).save(BLOCK, overwrite=True)
    names = []
    with get_client(sync_client=True) as client:
        for given in yaml.safe_load(file.read_text(encoding="utf-8"))["automations"]:
            for old in client.read_automations_by_name(given["name"]):
                client.delete_automation(old.id)
            Automation.model_validate(automation(given, str(block), settings.lang)).create()
            names.append(given["name"])
    tell(say("alarm.deployed", settings.lang, names=", ".join(names)))
    return 0


def automation(given: dict[str, Any], block: str, lang: str) -> dict[str, Any]:
    """The automation as Prefect takes it: a trigger of the file, and the catalogue's words sent through the block."""
    subject, body = (say(f"alarm.{given['text']}.{part}", lang, **PREFECTS) for part in ("subject", "body"))
    return {"name": given["name"], "trigger": given["trigger"],
            "actions": [{"type": "send-notification", "block_document_id": block, "subject": subject, "body": body}]}
