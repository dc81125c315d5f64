"""Somebody who maps, and a company whose sync really runs: a No must hold through it."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from django.urls import reverse

from tests import factories
from tests.admin.desk import Desk
from tests.sync.conftest import (  # noqa: F401
    connected,
    connection,
    customer,
    firm,
    no_failpoint,
    returned,
    sandbox,
)
from tests.sync.firm import Firm, client
from wagtail_qbo_sync.admin.base import RIGHTS
from wagtail_qbo_sync.sync.records.status import beat


@pytest.fixture
def mapper(db: None) -> Browser:
    """Somebody who may map, see customers, and see clients."""
    browser = Browser()
    browser.force_login(factories.user(RIGHTS["map"], RIGHTS["view"], "crm.view_client"))
    return browser


@pytest.fixture
def blind(db: None) -> Browser:
    """Somebody who may map but may not see clients."""
    browser = Browser()
    browser.force_login(factories.user(RIGHTS["map"], RIGHTS["view"]))
    return browser


@pytest.fixture
def synced(firm: Firm) -> Firm:  # noqa: F811
    """Anna (1) is like nobody; Thomas (2) is like Tom by e-mail; Mia (3) is mapped."""
    beat()
    client("Tom Reed", "tom@reed.example")
    client("Mia Lund", "mia@lund.example", phone="555 0300")
    firm.has(
        customer(
            "1", "Anna Berg", "anna@berg.example", PrimaryPhone={"FreeFormNumber": "555 0101"}
        ),
        customer("2", "Thomas Reed", "tom@reed.example"),
        customer("3", "Mia Lund", "mia@lund.example"),
    )
    firm.sync()
    assert firm.mapped() == {"3": "Mia Lund"}
    assert firm.cases() == {("review", "2")}
    return firm


@pytest.fixture
def desk(synced: Firm, mapper: Browser) -> Desk:
    """Where the mapper works."""
    return Desk(mapper, synced, came_from=reverse("wagtail_qbo_sync_customers:index"))
