"""What every kind of test may use."""

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real genomes, cases and official schemas beside the checkout."""
    if not (_SHARED / "data" / "README.md").is_file():
        pytest.skip("the shared reference data is not beside this checkout (../shared)")
    return _SHARED
