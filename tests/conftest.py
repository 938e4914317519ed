"""What the tests share: where the real data lies, if it does, and an environment of their own."""
import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

for name, value in {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "GX_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1",
                    "PREFECT_LOGGING_LEVEL": "WARNING", "WEISU_SECRET": "test-secret", "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "600"}.items():
    os.environ.setdefault(name, value)

# How long an example takes says something about the machine, nothing about the code.
settings.register_profile("weisu", deadline=None)
settings.load_profile("weisu")

# Tests run side by side, each worker's Prefect in a home of its own: two servers would wait for one database.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    home = Path(os.environ.get("PREFECT_HOME", ROOT / ".pytest_cache" / "prefect")) / worker
    home.mkdir(parents=True, exist_ok=True)
    os.environ["PREFECT_HOME"] = str(home)


def shared(*parts: str) -> Path:
    """A file beside the project that may not be copied into it; the test is skipped where it is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{'/'.join(parts)} is not beside the project")
    return path
