"""Clients of three types, and people who bring in files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from crm.models import Client, ContactType

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.sync.types_file import imports


@pytest.fixture(autouse=True)
def no_failpoint() -> Iterator[None]:
    yield
    clock.stop_at(None)


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, what is little is done while the person waits."""
    monkeypatch.setattr(imports, "PATIENCE", math.inf)


@pytest.fixture
def types(db: None) -> dict[str, ContactType]:
    """Client, Prospect and VIP by name."""
    names = ("Client", "Prospect", "VIP")
    return {name: ContactType.objects.get_or_create(name=name)[0] for name in names}


@pytest.fixture
def people(types: dict[str, ContactType]) -> dict[str, Client]:
    """Anna, Bo and Carl are prospects; by first name."""
    names = ("Anna Berg", "Bo Coe", "Carl Dunn")
    made = [
        Client.objects.create(
            name=name,
            email=f"{name.split()[0].lower()}@x.example",
            phone="555",
            contact_type=types["Prospect"],
        )
        for name in names
    ]
    return {client.name.split()[0]: client for client in made}


@pytest.fixture
def dana(db: None) -> Any:
    """Somebody who may map, and change clients."""
    rights = ("crm.view_client", "crm.change_client", "wagtail_qbo_sync.map_customer")
    return factories.user(*rights, admin=False, username="dana")
