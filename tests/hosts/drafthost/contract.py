"""Run by tests/hosts/test_hosts.py with this host's settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.core.management import call_command
from django.test import Client as Browser
from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.hosts.drafthost.models import Contact
from tests.hosts.edit_form import EditForm
from wagtail_qbo_sync.admin.guard import FIELD
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.testing import AdapterContract


class TestContactAdapter(AdapterContract, TestCase):
    pass


@pytest.fixture
def anna(db: None) -> Contact:
    factories.connection()
    made: Contact = Contact.objects.create(name="Anna Berg", phone="555-0101")
    return made


@pytest.fixture
def browser(admin_client: Browser) -> Browser:
    return admin_client


def edit_url(client: Contact) -> str:
    return reverse("wagtailsnippets_drafthost_contact:edit", args=[quote(client.pk)])


def pulled(client: Contact, **values: str) -> None:
    """A sync writes to the client, and to its draft."""
    adapter = get_adapter()
    adapter.write(adapter.lock([str(client.pk)])[str(client.pk)], values)


def draft(client: Contact) -> Any:
    return Contact.objects.get(pk=client.pk).get_latest_revision_as_object()


def test_the_panel_of_models_py_is_shown(browser: Browser, anna: Contact) -> None:
    assert 'class="qbo-panel"' in browser.get(edit_url(anna)).content.decode()


def test_a_draft_keeps_what_a_sync_wrote(browser: Browser, anna: Contact) -> None:
    form = EditForm(browser, edit_url(anna))
    pulled(anna, phone="555-0199")
    assert form.saves(notes="Call in May").status_code == 302
    assert (draft(anna).phone, draft(anna).notes) == ("555-0199", "Call in May")


def test_publishing_keeps_what_a_sync_wrote_to_a_draft(browser: Browser, anna: Contact) -> None:
    EditForm(browser, edit_url(anna)).saves(notes="A draft")
    form = EditForm(browser, edit_url(anna))
    pulled(anna, phone="555-0199")
    form.saves(**{"email": "anna@berg.example", "action-publish": "1"})
    anna.refresh_from_db()
    assert (anna.phone, anna.notes) == ("555-0199", "A draft")
    assert anna.email == "anna@berg.example"


def test_changed_on_both_sides(browser: Browser, anna: Contact) -> None:
    form = EditForm(browser, edit_url(anna))
    pulled(anna, phone="555-0199")
    response = form.saves(phone="555-0102")
    assert "“555-0199”" in response.content.decode()
    assert draft(anna).phone == "555-0199"
    assert form.saves().status_code == 302
    assert draft(anna).phone == "555-0102"


# Autosave ---------------------------------------------------------------------------------------


def autosaves(form: EditForm, **typed: str) -> Any:
    """What the editor posts in the background, and puts into the open form afterwards."""
    form.data |= typed
    answer = form.browser.post(form.address, form.data, headers={"Accept": "application/json"})
    told = answer.json()
    for name, value in told.get("field_updates", {}).items():
        form.data[name] = value
    return told


def test_an_autosave_moves_what_the_form_is_compared_with(browser: Browser, anna: Contact) -> None:
    form = EditForm(browser, edit_url(anna))
    before = form.data[FIELD]
    assert autosaves(form, phone="555-0102")["success"]
    assert form.data[FIELD] != before
    assert autosaves(form, notes="More")["success"]
    assert draft(anna).phone == "555-0102"
    assert autosaves(form, phone="555-0101")["success"]  # typed back again
    assert draft(anna).phone == "555-0101"


def test_what_an_autosave_kept_was_typed_all_the_same(browser: Browser, anna: Contact) -> None:
    """It stands in the draft alone: published without a word, it undoes the sync or is lost."""
    form = EditForm(browser, edit_url(anna))
    autosaves(form, phone="555-0102")
    pulled(anna, phone="555-0199")
    assert not autosaves(form, notes="More")["success"]
    publish = {"action-publish": "1"}
    assert "“555-0199”" in form.saves(**publish).content.decode()
    assert form.saves(**publish).status_code == 302
    anna.refresh_from_db()
    assert anna.phone == "555-0102"


def test_so_was_what_an_earlier_draft_says(browser: Browser, anna: Contact) -> None:
    EditForm(browser, edit_url(anna)).saves(phone="555-0102")
    form = EditForm(browser, edit_url(anna))
    pulled(anna, phone="555-0199", email="anna@berg.example")
    assert "“555-0199”" in form.saves().content.decode()
    assert form.saves().status_code == 302
    assert (draft(anna).phone, draft(anna).email) == ("555-0102", "anna@berg.example")


def test_what_a_sync_replaces_in_a_draft_stays_in_its_history(
    browser: Browser, anna: Contact
) -> None:
    """A form that is opened after the sync shows what the sync wrote."""
    EditForm(browser, edit_url(anna)).saves(phone="555-0102", notes="A draft")
    pulled(anna, phone="555-0199")
    form = EditForm(browser, edit_url(anna))
    assert (form.data["phone"], form.data["notes"]) == ("555-0199", "A draft")
    typed = Contact.objects.get(pk=anna.pk).revisions.order_by("-pk")[1].as_object()
    assert typed.phone == "555-0102"


# Revisions --------------------------------------------------------------------------------------


def test_an_old_revision_is_brought_back_as_it_was(browser: Browser, anna: Contact) -> None:
    for phone in ("555-0101", "555-0102"):
        EditForm(browser, edit_url(anna)).saves(**{"phone": phone, "action-publish": "1"})
    old = anna.revisions.order_by("pk").first()
    address = reverse(
        "wagtailsnippets_drafthost_contact:revisions_revert", args=[quote(anna.pk), old.pk]
    )
    form, late = EditForm(browser, address), EditForm(browser, address)
    form.saves(**{"action-publish": "1"})
    anna.refresh_from_db()
    assert anna.phone == "555-0101"
    pulled(anna, phone="555-0199")
    assert "“555-0199”" in late.saves().content.decode()


@pytest.mark.parametrize(("typed", "published"), [({}, "555-0199"), ({"phone": "5"}, "5")])
def test_a_scheduled_revision_follows_a_sync(
    typed: dict[str, str], published: str, anna: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for what it is scheduled for."""
    anna.save_revision().publish()
    anna = Contact.objects.get(pk=anna.pk)
    for name, text in {"notes": "Soon", **typed}.items():
        setattr(anna, name, text)
    anna.go_live_at = timezone.now() + timedelta(hours=1)
    anna.save_revision().publish()
    pulled(Contact.objects.get(pk=anna.pk), phone="555-0199")
    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    call_command("publish_scheduled")
    anna.refresh_from_db()
    assert (anna.phone, anna.notes) == (published, "Soon")


def test_an_autosave_does_not_move_what_the_page_does_not_show(
    browser: Browser, anna: Contact
) -> None:
    form = EditForm(browser, edit_url(anna))
    pulled(anna, phone="555-0199")
    assert autosaves(form, notes="Call in May")["success"]
    assert autosaves(form, notes="Call in June")["success"]
    assert draft(anna).phone == "555-0199"


def test_an_autosave_of_a_conflict_saves_nothing_and_the_form_shows_it_later(
    browser: Browser, anna: Contact
) -> None:
    form = EditForm(browser, edit_url(anna))
    pulled(anna, phone="555-0199")
    told = autosaves(form, phone="555-0102")
    assert (told["success"], told["error_code"]) == (False, "validation_error")
    assert "“555-0199”" in form.saves().content.decode()


def test_a_client_made_by_an_autosave_is_guarded_from_then_on(browser: Browser) -> None:
    form = EditForm(browser, reverse("wagtailsnippets_drafthost_contact:add"))
    assert form.data[FIELD] == ""
    assert autosaves(form, name="Mia Lund", phone="555-0300")["success"]
    mia = Contact.objects.get()
    form.address = edit_url(mia)
    pulled(mia, phone="555-0399")
    assert autosaves(form, notes="New")["success"]
    assert draft(mia).phone == "555-0399"


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", check=True, dry_run=True)
    call_command("check", databases=["default"])
