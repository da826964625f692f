"""One running service for each module of stories; a story leaves the readers of others alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.stories.service import Service, a_service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with a_service(tmp_path_factory.mktemp("service")) as running:
        yield running
