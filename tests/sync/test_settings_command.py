"""`manage.py qbo_settings`: what people set for a company (U15)."""

from __future__ import annotations

import pytest
from crm.models import ContactType
from django.core.exceptions import ValidationError
from wagtail.models import ModelLogEntry

from tests import factories
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.people import settings

from .test_commands import failure, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Connection:
    return factories.connection("Harbor & Finch")


def test_it_shows_what_is_set(company: Connection) -> None:
    said = run("qbo_settings")
    assert "Harbor & Finch" in said
    assert "  direction=two_way" in said and "  poll_minutes=15" in said
    assert said.count("=") == len(settings.SET)


def test_it_sets_and_says_what_changed(company: Connection) -> None:
    kind = ContactType.objects.get(name="Prospect")
    said = run(
        "qbo_settings",
        "pushed_types=Prospect",
        "field_directions=phone:pull",
        "on_conflict=site",
        "poll_minutes=30",
        "unmatched=wait",
    )
    company.refresh_from_db()
    assert company.pushed_types == [str(kind.pk)]
    assert company.field_directions == {"phone": "pull"}
    assert (company.on_conflict, company.poll_minutes) == ("site", 30)
    assert "on_conflict: ask -> site" in said and "pushed_types:  -> Prospect" in said
    assert "poll_minutes: 15 -> 30" in said
    assert "unmatched" not in said, "it was so before"
    entry = ModelLogEntry.objects.get(action="wagtail_qbo_sync.settings")
    assert set(entry.data["changed"]) == {
        "pushed_types",
        "field_directions",
        "on_conflict",
        "poll_minutes",
    }
    assert "Nothing to change" in run("qbo_settings", "on_conflict=site", "poll_minutes=30")
    run("qbo_settings", "pushed_types=", "field_directions=")
    company.refresh_from_db()
    assert company.pushed_types == [] and company.field_directions == {}


@pytest.mark.parametrize(
    "wrong",
    [
        "colour=blue",
        "realm_id=1",
        "direction=sideways",
        "poll_minutes=-1",
        "poll_minutes=many",
        "contact_type=Nobody",
        "pushed_types=Nobody",
        "field_directions=shoe:pull",
        "field_directions=phone:sideways",
        "inactive_policy=burn",
        "direction",
    ],
)
def test_what_cannot_be_set_changes_nothing(company: Connection, wrong: str) -> None:
    before = Connection.objects.values().get()
    said = failure("qbo_settings", "on_conflict=site", wrong)
    assert wrong.partition("=")[0] in said
    assert Connection.objects.values().get() == before


def test_which_company_has_to_be_said(company: Connection) -> None:
    other = factories.connection("Other")
    assert "--company" in failure("qbo_settings", "direction=pull")
    run("qbo_settings", "--company", "Other", "direction=pull")
    other.refresh_from_db()
    company.refresh_from_db()
    assert (company.direction, other.direction) == ("two_way", "pull")


def test_nothing_is_no_value(company: Connection) -> None:
    with pytest.raises(ValidationError):
        settings.change(company, None, direction=None, pushed_types=None)
    assert Connection.objects.get().direction == "two_way"
