"""Eight processes want a fresh token at the same moment (S13 of the simulator's rules)."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from tests.sync.firm import Firm
from tests.sync.processes import SECONDS
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Token

from .fleet import Fleet
from .invariants import one_lineage, token_calls

pytestmark = pytest.mark.postgres
CONTENDERS = """
import hashlib, os, sys
from django.db import connections
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.access.token import TokenKeeper

company = Connection.objects.get()
connections.close_all()
waits, goes = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        os.close(goes)
        os.read(waits, 1)  # until nobody can write any more: all begin at once
        try:
            token = TokenKeeper(company).access_token()
            os.write(1, hashlib.sha256(token.encode()).hexdigest().encode() + b"\\n")
        finally:
            os._exit(0)
os.close(goes)
for _ in range(8):
    os.wait()
"""


def test_eight_processes_refresh_once_and_all_have_the_newest(firm: Firm, fleet: Fleet) -> None:
    """The old refresh token dies as soon as it is used, and the call is slow enough to meet."""
    Token.objects.update(access_expires_at=clock.now() + timedelta(minutes=9))
    firm.sandbox.post("clock", {"advance": 25 * 3600})
    firm.sandbox.post("switches", {"refresh_grace": 0})
    firm.sandbox.post("faults", {"kind": "latency", "seconds": 1, "path": "tokens/bearer"})
    crowd = fleet.site.python(CONTENDERS)
    try:
        said, errors = crowd.communicate(timeout=SECONDS)
    finally:
        crowd.kill()
    newest = Token.objects.get().open()[0]
    assert said.split() == [hashlib.sha256(newest.encode()).hexdigest()] * 8, errors
    assert token_calls(firm) == [200, 200]
    firm.sync()
    assert firm.state.trouble == {}
    one_lineage(firm)
