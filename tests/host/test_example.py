"""The example project: its database setting, its groups, its firm."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from crm.models import Client, ContactType
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client as Browser
from example.database import database

from wagtail_qbo_sync.contact import email_keys
from wagtail_qbo_sync.host.adapter import get_adapter

ROOT = Path(__file__).parents[2]


def test_sqlite_is_the_default_and_set_up_for_a_worker_beside_the_web() -> None:
    found = database("", Path("/srv/db.sqlite3"))
    assert (found["ENGINE"], found["NAME"]) == ("django.db.backends.sqlite3", "/srv/db.sqlite3")
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in found["OPTIONS"]["init_command"]
    assert database("sqlite:///x.sqlite3", Path("y"))["NAME"] == "x.sqlite3"
    assert database("sqlite:////tmp/x.sqlite3", Path("y"))["NAME"] == "/tmp/x.sqlite3"


def test_a_server_is_named_by_its_address() -> None:
    found = database("postgres://u%40x:p%2Fw@db.example:5433/firm?sslmode=require", Path("y"))
    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert (found["USER"], found["PASSWORD"]) == ("u@x", "p/w")
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.example", 5433, "firm")
    assert found["OPTIONS"] == {"sslmode": "require"}
    assert database("mysql:///firm", Path("y"))["ENGINE"] == "django.db.backends.mysql"
    socket = database("postgres://%2Fvar%2Frun%2Fpostgresql/firm", Path("y"))
    assert socket["HOST"] == "/var/run/postgresql"


def test_another_kind_of_address_is_refused() -> None:
    with pytest.raises(ValueError, match="DATABASE_URL must start with"):
        database("oracle://x/y", Path("y"))


@pytest.mark.django_db
def test_only_partner_and_admin_may_connect() -> None:
    call_command("setup_firm", password="secret", verbosity=0)
    call_command("setup_firm", password="another", verbosity=0)
    assert Group.objects.filter(name__in=["Partner", "Admin", "Staff"]).count() == 3
    may = {
        name: User.objects.get(username=name).has_perm("wagtail_qbo_sync.connect_connection")
        for name in ("partner", "admin", "staff")
    }
    assert may == {"partner": True, "admin": True, "staff": False}
    staff = User.objects.get(username="staff")
    assert staff.check_password("secret")
    assert staff.has_perms(
        [
            "wagtail_qbo_sync.view_customer",
            "wagtail_qbo_sync.map_customer",
            "wagtail_qbo_sync.sync_connection",
            "crm.change_client",
            "wagtailadmin.access_admin",
        ]
    )
    assert not staff.has_perm("wagtail_qbo_sync.change_connection")


@pytest.mark.django_db
def test_the_firm_is_loaded_once_and_is_valid() -> None:
    call_command("load_firm", verbosity=0)
    call_command("load_firm", verbosity=0)
    clients = list(Client.objects.all())
    assert len(clients) == 300
    for client in clients:
        client.clean_fields(exclude=["contact_type"])
    assert ContactType.objects.count() == 3
    names = [client.name for client in clients]
    assert any("'" in name for name in names) and any("&" in name for name in names)
    assert sum(not name.isascii() for name in names) > 5
    mails = Counter(key for client in clients for key in email_keys(client.email))
    assert max(mails.values()) > 1
    assert any(not client.email for client in clients)
    assert len(list(get_adapter().records())) == 300


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "/admin/snippets/crm/client/",
        "/admin/snippets/crm/client/?q=anna",
        "/admin/snippets/crm/client/add/",
        "/admin/snippets/crm/contacttype/",
    ],
)
def test_clients_have_their_pages_in_the_admin(path: str) -> None:
    call_command("setup_firm", verbosity=0)
    browser = Browser()
    assert browser.get("/").headers["Location"] == "/admin/"
    browser.force_login(User.objects.get(username="staff"))
    assert browser.get(path).status_code == 200


WHERE = """
import django; django.setup()
from django.core.management import call_command
from django.urls import reverse
call_command("check")
print(reverse("djdt:render_panel"))
"""


@pytest.mark.parametrize("wanted", ["1", ""])
def test_the_debug_toolbar_is_there_when_it_is_asked_for(wanted: str) -> None:
    pytest.importorskip("debug_toolbar", reason="only the development environment has it")
    env = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'example_project'}",
        "DJANGO_SETTINGS_MODULE": "example.settings",
        "DJANGO_DEBUG_TOOLBAR": wanted,
    }
    done = subprocess.run(
        [sys.executable, "-c", WHERE], env=env, capture_output=True, text=True, check=False
    )
    shown = done.stdout if wanted else done.stderr
    assert ("/__debug__/render_panel/" if wanted else "'djdt' is not a registered") in shown
