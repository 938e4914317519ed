"""A house into a backup and out of it, from the command line."""
from pathlib import Path

from flows.dates import now
from flows.messages import BadUsage, print_json, tell
from flows.running import House
from policy.catalogue import say
from warehouse.backup import BackupError, backup, restore
from warehouse.purging import purge_again
from warehouse.settings import Settings

#: What is wrong with the words of the command, and not with the house or the backup.
_USAGE = ("there", "none", "lived_in")


def back_up(settings: Settings, to: Path, earlier: Path | None, as_json: bool) -> int:
    """Writes a backup; exit status 1 where the lake is damaged. Raises BadUsage where lake or landing lie in a bucket."""
    _of_folders(settings)
    house = House.open(settings)
    try:
        with house.warehouse.lock("backup"):
            house.check_key()
            landed = [p.name for p in house.warehouse.landing.folder.glob("??/*") if not p.suffix]
            house.warehouse.access.note("backup", landed, str(to))
            manifest = backup(house.warehouse, to, now(), earlier)
    except BackupError as error:
        return _refused(error, settings.lang)
    finally:
        house.warehouse.close()
    tell(say("backup.done", settings.lang, path=to, n=len(manifest["files"]), rows=sum(manifest["rows"].values())))
    tell(say("backup.secret.apart" if settings.secret_is_given else "backup.secret.inside", settings.lang))
    if as_json:
        print_json(_shown(manifest))
    return 0


def bring_back(settings: Settings, source: Path, replace: bool, as_json: bool) -> int:
    """Restores a backup; exit status 1 where it can't be, with the house as it was. Raises BadUsage where lake or landing lie in a bucket."""
    _of_folders(settings)
    house = House.open(settings)
    at = now()
    try:
        with house.warehouse.lock("restore"):
            manifest, purges = restore(house.warehouse, source, f"restore-{at:%Y%m%dT%H%M%S%f}", replace)
            again = purge_again(house.warehouse, purges) if purges.height else 0
        tell(say("backup.restored", settings.lang, made_at=manifest["made_at"], rows=sum(manifest["rows"].values())))
        if purges.height:
            tell(say("backup.purges", settings.lang, n=purges.height, done=again))
        beside = sorted(p.name for p in settings.home.glob("*.restored"))
        if beside:
            tell(say("backup.beside", settings.lang, files=", ".join(beside)))
        if as_json:
            print_json(_shown(manifest))
        return 0
    except BackupError as error:
        return _refused(error, settings.lang)
    finally:
        house.warehouse.close()


def _of_folders(settings: Settings) -> None:
    if settings.has_bucket:
        raise BadUsage(say("backup.bucket", settings.lang))


def _shown(manifest: dict) -> dict:
    return {**{k: v for k, v in manifest.items() if k != "files"}, "n_files": len(manifest["files"])}


def _refused(error: BackupError, lang: str) -> int:
    told = say(f"backup.{error.reason}", lang, **error.values)
    if error.reason in _USAGE:
        raise BadUsage(told) from None
    tell(told)
    return 1
