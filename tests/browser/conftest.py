from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Tab, found, new_tab, started


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if found() is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with started(tmp_path_factory.mktemp("chromium")) as port:
        yield port


@pytest.fixture
async def tab(browser: int) -> AsyncIterator[Tab]:
    async with new_tab(browser) as found_tab:
        yield found_tab


@pytest.fixture
def artefacts() -> Path:
    """Where screenshots are kept; not under version control."""
    return Path(__file__).parents[2] / "artefacts"
