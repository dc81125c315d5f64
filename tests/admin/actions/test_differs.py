"""An edit on a silent side is kept, and the client's panel says that it differs (U2)."""

from __future__ import annotations

from django.test import Client as Browser
from django.urls import reverse

from tests.admin.desk import words
from tests.sync.firm import Firm, edit
from wagtail_qbo_sync.admin.client_acts import client_url


def test_the_panel_names_the_fields_that_may_not_travel(
    synced: Firm, admin_client: Browser
) -> None:
    mia = synced.client("3")
    address = reverse("wagtailsnippets_crm_client:edit", args=[mia.pk])
    assert "Differs" not in words(admin_client.get(address).content.decode())
    synced.chooses(field_directions={"email": "pull"})
    edit(mia, email="mia@elsewhere.example")
    synced.sync()
    mia.refresh_from_db()
    assert mia.email == "mia@elsewhere.example"
    assert "Differs: E-mail" in words(admin_client.get(address).content.decode())
    why = client_url("why_client", synced.connection, str(mia.pk))
    said = "Differs, and stays so until the other side changes it too: E-mail."
    assert said in words(admin_client.get(why).content.decode())
