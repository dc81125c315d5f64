"""Contact Types by file: from the list through a spreadsheet into QuickBooks, and back (K15)."""

from __future__ import annotations

from pathlib import Path

import pytest
from crm.models import Client, ContactType
from django.urls import reverse
from playwright.sync_api import expect

from tests.sync.conftest import connected as connected
from tests.sync.conftest import connection as connection
from tests.sync.conftest import customer
from tests.sync.conftest import firm as firm
from tests.sync.conftest import returned as returned
from tests.sync.conftest import sandbox as sandbox
from tests.sync.firm import Firm
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.records.status import beat
from wagtail_qbo_sync.sync.types_file import imports

from .conftest import Open, search_listing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def types_now() -> dict[str, str]:
    return dict(Client.objects.values_list("name", "contact_type__name"))


def in_quickbooks(firm: Firm) -> set[str]:
    return {record["DisplayName"] for record in firm.records()}


def test_from_the_list_through_a_spreadsheet_into_quickbooks_and_back(
    open_page: Open, firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "PATIENCE", 60.0)
    beat()
    prospect, books = (ContactType.objects.create(name=name) for name in ("Lead", "Monthly books"))
    for name in ("Anna Berg", "Ida Berg", "Carl Dunn"):
        Client.objects.create(name=name, email=f"{name[0]}@x.example", contact_type=prospect)
    firm.chooses(pushed_types=[str(books.pk)], unmatched="wait")
    firm.has(customer("1", "Old Hand"))
    firm.sync()
    before = types_now()

    page = open_page(reverse("wagtailsnippets_crm_client:list"))
    search_listing(page, "berg")
    page.get_by_role("button", name="Actions", exact=True).first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export Contact Types to CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert "Anna Berg" in text and "Ida Berg" in text and "Carl Dunn" not in text

    file = tmp_path / "types.csv"
    file.write_text(text.replace("Lead", "Monthly books", 1), encoding="utf-8")
    page.get_by_role("link", name="Import Contact Types").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload and preview").click()
    main = page.locator("#main")
    expect(main).to_contain_text("1 created as customers")
    expect(page.get_by_role("row", name="Will change")).to_contain_text("Created as a customer")
    assert types_now() == before, "the preview touches nothing"

    page.get_by_role("button", name="Confirm and apply").click()
    expect(page.locator(".messages")).to_contain_text("The Contact Type of 1 client is changed.")
    (name,) = (one for one, kind in types_now().items() if kind != before[one])
    sweep.everything()
    assert firm.sync(approve=False) is not None
    assert in_quickbooks(firm) == {"Old Hand", name}

    page.get_by_role("button", name="Undo the whole import").click()
    expect(main).to_contain_text("This undo waits to be confirmed")
    said = "1 customer that was created in QuickBooks because of the import stays there."
    expect(main).to_contain_text(said)
    expect(main).to_contain_text("0 created as customers")
    assert types_now() != before, "nobody has confirmed it"
    page.get_by_role("button", name="Confirm and undo").click()
    expect(page.locator(".messages")).to_contain_text("The Contact Type of 1 client is changed.")
    assert types_now() == before
    sweep.everything()
    firm.sync()
    assert in_quickbooks(firm) == {"Old Hand", name}, "what was created there stays"
