"""A firm on PostgreSQL whose syncs are walked by clusters of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection as database

from tests.sync.firm import Firm
from tests.sync.processes import Site

from .fleet import Fleet


@pytest.fixture(autouse=True)
def on_a_server(transactional_db: None) -> None:
    """All processes see what is committed, and many write at once."""
    if database.vendor != "postgresql":
        pytest.skip("Many processes that write at once need PostgreSQL")


@pytest.fixture
def fleet(firm: Firm, site: Callable[[], Site], tmp_path: Path) -> Iterator[Fleet]:
    """Clusters on the firm's site, none yet; whatever the test did, all end with it."""
    made = Fleet(site(), tmp_path)
    try:
        yield made
    finally:
        made.end()
