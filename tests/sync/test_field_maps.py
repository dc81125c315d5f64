"""A changed field map: newly kept fields are linked by themselves, and nothing else moves (U4,
C13, rule 12)."""

from __future__ import annotations

from typing import ClassVar

import pytest
from crm.models import Client
from pytest_django import Settings

from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.models import Outbox, Run

from .conftest import customer
from .firm import Firm, client, edit, told

PLAIN = {"name": "name", "email": "email", "mailing_address.line1": "address"}


class Narrow(ClientAdapter):
    fields: ClassVar = PLAIN


class WithPhone(ClientAdapter):
    fields: ClassVar = {**PLAIN, "phone": "phone"}


class WithMobileAsPhone(ClientAdapter):
    fields: ClassVar = {**PLAIN, "phone": "mobile"}


class WithCountry(ClientAdapter):
    fields: ClassVar = {**PLAIN, "mailing_address.country": "country"}


def uses(settings: Settings, adapter: type[ClientAdapter]) -> None:
    """A deploy."""
    path = f"{__name__}.{adapter.__name__}"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": path}


@pytest.fixture
def anna(firm: Firm, settings: Settings) -> Client:
    """Anna, mapped by name, e-mail and street; what else she has was nobody's business."""
    uses(settings, Narrow)
    made = client(
        "Anna", "anna@example.org", phone="2", mobile="3", address="1 Elm St", country="Canada"
    )
    client("Bert", "bert@example.org", phone="5")
    address = {"Line1": "1 Elm St", "Country": "USA"}
    phone = {"FreeFormNumber": "1"}
    firm.has(
        customer("1", "Anna", "anna@example.org", PrimaryPhone=phone, BillAddr=address),
        customer("2", "Bert", "bert@example.org"),
    )
    firm.sync()
    assert firm.client("1").phone == "2"
    return made


def test_a_newly_mapped_field_is_linked_by_itself(
    firm: Firm, anna: Client, settings: Settings
) -> None:
    uses(settings, WithPhone)
    run = firm.plan()
    assert run.stops == [Run.Stop.TERMS]
    assert told(run) == {("update", "Anna", "planned"), ("agree", "Bert", "planned")}
    assert run.steps.get(qbo_id="1").data["values"] == {"phone": ["2", "1"]}
    firm.approve(run)
    assert firm.client("1").phone == "1"
    assert firm.client("2").phone == "5", "a blank one erases nothing"
    assert firm.sync() is None
    edit(firm.client("2"), phone="6")
    firm.sync()
    assert firm.record("2")["PrimaryPhone"] == {"FreeFormNumber": "6"}


def test_filling_footprints_makes_no_events(firm: Firm, anna: Client, settings: Settings) -> None:
    uses(settings, WithPhone)
    firm.sync()
    assert not Outbox.objects.exists()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "1"}
    assert "PrimaryPhone" not in firm.record("2")


def test_what_was_edited_before_a_deploy_still_travels(
    firm: Firm, anna: Client, settings: Settings
) -> None:
    edit(anna, name="Anna Berg")
    uses(settings, WithPhone)
    firm.sync()
    assert firm.record("1")["DisplayName"] == "Anna Berg"


def test_a_field_that_is_kept_elsewhere_now_is_no_edit(
    firm: Firm, anna: Client, settings: Settings
) -> None:
    uses(settings, WithPhone)
    firm.sync()
    uses(settings, WithMobileAsPhone)
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "1"}
    assert (firm.client("1").phone, firm.client("1").mobile) == ("1", "1")


def test_a_field_that_comes_back_has_no_old_agreement(
    firm: Firm, anna: Client, settings: Settings
) -> None:
    uses(settings, WithPhone)
    firm.sync()
    uses(settings, Narrow)
    firm.sync()
    edit(firm.client("1"), phone="7")
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "1"}, "nobody's business"
    uses(settings, WithPhone)
    run = firm.plan()
    assert run.steps.get(qbo_id="1").data["values"] == {"phone": ["7", "1"]}
    firm.approve(run)
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "1"}


def test_a_newly_mapped_part_links_its_address(
    firm: Firm, anna: Client, settings: Settings
) -> None:
    uses(settings, WithCountry)
    firm.sync()
    assert firm.client("1").country == "USA"
    assert firm.record("1")["BillAddr"]["Country"] == "USA", "no edit of the site's"
