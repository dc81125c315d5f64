"""`qbo_sync`, whose process really ends at a named point, as `kill -9` would end it (rule 4).

test_crash.py stops at every point, within pytest's own process. Here nothing of it is left.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from crm.models import Client, client_type

from tests.sync.firm import Firm, client, edit, expire_lease, picture
from tests.sync.processes import SECONDS, Site
from wagtail_qbo_sync.models import Mapping

from .fleet import SETTINGS
from .invariants import assert_invariants, token_calls
from .test_kills import first_sync
from .traps import FOLDER

pytestmark = pytest.mark.postgres
KILLED = 137
"""How a process ends at a failpoint."""
BEFORE = ("pull.stored", "plan.stored")
"""Where the plan is not there yet, so that who comes next makes one and approves it."""
APPLYING = ("apply.judged", "apply.recorded", "apply.committed", "apply.finished")
SENDING = ("push.written", "push.sending", "push.sent", "push.stored")
Sync: TypeAlias = Callable[..., None]


@pytest.fixture
def sync(firm: Firm, site: Callable[[], Site], tmp_path: Path) -> Sync:
    """`qbo_sync` as a process, to its end or to the point it `dies_at`. Its lease is free then."""
    there = site()
    there.env |= {"DJANGO_SETTINGS_MODULE": SETTINGS, FOLDER: str(tmp_path)}
    log = tmp_path / "sync.log"

    def run(*arguments: str, dies_at: str = "") -> None:
        with log.open("w") as output:
            process = there.start("qbo_sync", *arguments, output=output, QBO_SYNC_FAILPOINT=dies_at)
            code = process.wait(SECONDS)
        assert code == (KILLED if dies_at else 0), f"{dies_at}: {log.read_text()}"
        expire_lease(firm.connection)

    return run


def test_a_first_sync_that_dies_again_and_again(firm: Firm, sync: Sync) -> None:
    """Whoever comes next goes on; nothing is there twice, and the login was refreshed once."""
    undisturbed = first_sync(firm, 60)
    for point in (*BEFORE, *APPLYING):
        sync("--yes", dies_at=point)
    sync("--yes")
    assert picture() == undisturbed
    assert_invariants(firm)
    assert token_calls(firm) == [200, 200]


def test_sending_that_dies_again_and_again(firm: Firm, sync: Sync) -> None:
    """QuickBooks may have the customers before we know of it: no second one is made."""
    first_sync(firm, 20)
    sync("--yes")
    firm.chooses(pushed_types=[str(client_type())])
    for number in range(1, 6):
        edit(firm.client(str(number)), phone=f"777 {number}")
        client(f"New One {number}", f"new{number}@x.example", phone=f"{number}")
    for point in SENDING:
        sync(dies_at=point)
    sync()
    assert_invariants(firm)
    assert len(firm.records()) == Mapping.objects.count() == Client.objects.count() == 25
