"""What `manage.py check` says, and when."""

from collections.abc import Mapping, Sequence
from typing import Any

import django
import pytest
from crm.models import Client
from django.apps import apps
from django.core.checks import CheckMessage, Tags, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db.models import CharField
from pytest_django import Settings

from wagtail_qbo_sync import checks
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.models import SiteState

KEY = "dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtMDE="


class NoAdapter:
    pass


class WrongAdapter(ClientAdapter):
    fields = {"name": "no_such_field"}


@pytest.fixture
def qbo(settings: Settings) -> Any:
    """Change keys of WAGTAIL_QBO_SYNC."""

    def change(**keys: Any) -> None:
        settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, **keys}

    return change


def said(
    tags: list[str] | None = None, databases: Sequence[str] = (), **kwargs: Any
) -> dict[str, CheckMessage]:
    """Short id -> message of ours. Django 6.1 would ask all databases where none is named."""
    found = run_checks(tags=tags or [checks.TAG], databases=databases, **kwargs)
    ours = [one for one in found if (one.id or "").startswith(checks.TAG)]
    assert all(one.hint for one in ours)
    return {str(one.id).removeprefix(f"{checks.TAG}."): one for one in ours}


def test_the_tests_own_settings_say_only_what_was_guessed() -> None:
    assert said().keys() == {"I001"}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"COLOUR": "blue"}, "E010"),
        ({"PAUSED": "no"}, "E010"),
        ({"API_URL": "http://quickbooks.example"}, "E011"),
        ({"DISCOVERY_URL": "http://10.0.0.1:8010/"}, "E011"),
        ({"API_URL": "ftp://127.0.0.1"}, "E011"),
        ({"API_URL": "https://me:secret@quickbooks.example"}, "E011"),
        ({"API_URL": "http://[::1"}, "E011"),
        ({"ADAPTER": "no.such.Adapter"}, "E005"),
        ({"ADAPTER": "tests.test_checks.NoAdapter"}, "E005"),
        ({"ADAPTER": "tests.test_checks.WrongAdapter"}, "E007"),
        ({"CLIENT_ID": ""}, "W001"),
        ({"CLIENT_SECRET": ""}, "W001"),
        ({"ENCRYPTION_KEYS": []}, "W002"),
        ({"ENCRYPTION_KEYS": [KEY, "short"]}, "W002"),
        ({"REDIRECT_URI": "http://firm.example/admin/qbo/callback/"}, "W003"),
        ({"LEASE_SECONDS": 5}, "W018"),
        ({"CALL_SECONDS": 0}, "W018"),
        ({"TICK_SECONDS": 30}, "W018"),
        ({"SILENCE_SECONDS": 100_000}, "W018"),
        ({"WEBHOOK_VERIFIER_TOKEN": ""}, "W019"),
    ],
)
def test_a_wrong_setting_is_named(qbo: Any, keys: Mapping[str, Any], expected: str) -> None:
    qbo(**keys)
    found = said()
    assert found.keys() - {"I001"} == {expected}
    assert found[expected].is_serious() == expected.startswith("E")


@pytest.mark.parametrize(
    "url", ["https://firm.example", "http://localhost:8010", "http://[::1]:1/x", "http://127.0.0.1"]
)
def test_plain_http_stays_within_this_machine(qbo: Any, url: str) -> None:
    qbo(API_URL=url, DISCOVERY_URL=url, REDIRECT_URI=url)
    assert said().keys() == {"I001"}


@pytest.mark.parametrize("label", ["", "crm", "crm.Nobody", "nothere.Client", 7])
def test_the_client_model_is_looked_for(settings: Settings, label: Any) -> None:
    settings.WAGTAIL_QBO_SYNC_CLIENT_MODEL = label
    assert said().keys() == {"E001"}
    del settings.WAGTAIL_QBO_SYNC_CLIENT_MODEL
    assert said().keys() == {"E001"}


def test_keys_that_are_too_long_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "W021" not in said()
    monkeypatch.setattr(Client._meta.pk, "max_length", 65)
    assert "W021" in said()


class Elsewhere:
    """A router that has clients in another database."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "clients" if model._meta.app_label == "crm" else None


class AllElsewhere:
    """A router that has everything in a database that is not the default one."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "clients"


@pytest.mark.parametrize("router", [Elsewhere(), AllElsewhere()])
def test_clients_in_another_database_are_refused(settings: Settings, router: object) -> None:
    settings.DATABASE_ROUTERS = [router]
    assert "E003" in said()


def test_the_redirect_uri_may_come_from_wagtails_address(qbo: Any, settings: Settings) -> None:
    qbo(REDIRECT_URI="")
    assert "W003" not in said()
    settings.WAGTAILADMIN_BASE_URL = "http://firm.example"
    assert "WAGTAILADMIN_BASE_URL" in said()["W003"].msg
    settings.WAGTAILADMIN_BASE_URL = None
    assert "W003" in said()


def test_a_developers_machine_needs_no_encryption_keys(qbo: Any, settings: Settings) -> None:
    qbo(ENCRYPTION_KEYS=())
    settings.DEBUG = True
    assert "W002" not in said()


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ({"timeout": None}, {"W011"}),
        ({"catch_up": True}, {"W013"}),
        ({"retry": 900}, {"W012"}),  # 300 x (1 + 3/2 rounded up)
        ({"retry": 901}, set()),
        ({"queue_limit": 4, "retry": 1200}, {"W012"}),
        ({"orm": "other"}, {"W014"}),
    ],
)
def test_what_would_make_the_worker_stumble(
    settings: Settings, cluster: dict[str, Any], expected: set[str]
) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, **cluster}
    assert said().keys() - {"I001"} == expected
    assert said([checks.WORKER]).keys() == expected
    assert said([checks.CREDENTIALS]) == {}


def test_redis_is_advised_against_but_not_refused(settings: Settings) -> None:
    settings.Q_CLUSTER = {
        key: value for key, value in settings.Q_CLUSTER.items() if key != "orm"
    } | {"redis": "redis://127.0.0.1:6379/0"}
    assert said().keys() == {"I001", "W016"}
    assert said([checks.WORKER]) == {}


def test_without_django_q_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "django_q")
    assert said().keys() == {"I001", "W010"}


def test_webhooks_need_an_address(settings: Settings) -> None:
    settings.ROOT_URLCONF = "wagtail.admin.urls"
    assert said().keys() == {"I001", "W020"}
    assert said([checks.WORKER]) == said([checks.CREDENTIALS]) == {}


@pytest.mark.parametrize(
    ("vendor", "collation", "is_told"),
    [
        ("mysql", "utf8mb4_bin", True),
        ("mysql", "utf8mb4_general_ci", False),
        ("mysql", None, False),
        ("postgresql", "C", False),
    ],
)
def test_keys_that_differ_in_capitals_alone_are_told_of_where_ours_would_not(
    monkeypatch: pytest.MonkeyPatch, vendor: str, collation: str | None, is_told: bool
) -> None:
    monkeypatch.setattr(checks, "connections", {"default": Connection(vendor)})
    key = CharField(max_length=20, db_collation=collation)
    assert [str(one.id)[-4:] for one in checks._exact_key(key)] == ["W023"] * is_told


class Connection:
    """As much of a database connection as the checks look at."""

    def __init__(self, vendor: str, **settings: Any) -> None:
        self.vendor = vendor
        self.settings_dict = {"OPTIONS": {}, "CONN_MAX_AGE": 60, **settings}


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        (Connection("sqlite"), {"W015"}),
        (Connection("sqlite", OPTIONS={"transaction_mode": "immediate"}), set()),
        (Connection("postgresql"), set()),
        (Connection("postgresql", CONN_MAX_AGE=0), {"W017"}),
        (Connection("mysql"), set()),
        (Connection("mysql", OPTIONS={"isolation_level": "READ COMMITTED"}), set()),
        (Connection("mysql", OPTIONS={"isolation_level": "repeatable read"}), {"W022"}),
        (Connection("mysql", OPTIONS={"isolation_level": None}), {"W022"}),
    ],
)
def test_the_databases_options(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, expected: set[str]
) -> None:
    monkeypatch.setattr(checks, "connections", {"default": connection})
    found = [*checks.check_worker(None), *checks.check_advice(None)]
    assert {str(one.id).rpartition(".")[2] for one in found} == expected


def test_deployment_makes_errors_of_what_the_commands_refuse(qbo: Any) -> None:
    assert not any(one.is_serious() for one in said(include_deployment_checks=True).values())
    qbo(CLIENT_ID="", CLIENT_SECRET="")
    assert not said()["W001"].is_serious()
    assert said([Tags.security], include_deployment_checks=True)["W001"].is_serious()
    (problem,) = said([checks.CREDENTIALS]).values()
    assert "no CLIENT_ID and no CLIENT_SECRET" in problem.msg


@pytest.mark.django_db
def test_another_client_model_than_at_migrate_stops_migrate() -> None:
    assert "E004" not in said([Tags.database], databases=["default"])
    SiteState.objects.update(client_model="CRM.client")
    assert "E004" not in said([Tags.database], databases=["default"])
    SiteState.objects.update(client_model="old.Customer")
    assert "old.Customer" in said([Tags.database], databases=["default"])["E004"].msg
    with pytest.raises(SystemCheckError):
        call_command("migrate", skip_checks=False, verbosity=0)
    if django.VERSION < (6, 0):  # later ones look at every database by themselves
        assert said([Tags.database]) == {}
