"""The pages where a person plays the QBO user."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import requests

from .conftest import FIRM, Box


class Form(HTMLParser):
    """Labels, fields and headings of a page, as a screen reader needs them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.labelled: set[str] = set()
        self.fields: dict[str, str] = {}
        self.unlabelled: set[str] = set()
        self.headings = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "h1":
            self.headings += 1
        if tag == "label":
            self.labelled.add(given.get("for") or "")
        if tag in ("input", "textarea") and given.get("name"):
            self.fields[str(given["name"])] = given.get("value") or ""
            if given.get("type") not in ("hidden", "checkbox"):
                self.unlabelled.add(str(given["id"]))


def get(box: Box, path: str) -> str:
    answer = requests.get(box.url + path, timeout=9)
    assert answer.status_code == 200
    return answer.text


def post(box: Box, path: str, **form: str) -> requests.Response:
    return requests.post(box.url + path, data=form, timeout=9)


def test_every_page_says_what_it_is_and_labels_its_fields(box: Box) -> None:
    for path in ("/", f"/company/{FIRM}", f"/company/{FIRM}/new", f"/company/{FIRM}/customer/1"):
        page = get(box, path)
        form = Form(page)
        assert "Not QuickBooks, not Intuit" in page
        assert '<html lang="en">' in page
        assert form.headings == 1
        assert form.unlabelled <= form.labelled
    assert requests.get(f"{box.url}/company/{FIRM}/customer/99999", timeout=9).status_code == 404
    assert requests.get(f"{box.url}/company/1", timeout=9).status_code == 404


def test_searching(box: Box) -> None:
    page = get(box, f"/company/{FIRM}?find=ridgeline")
    assert "2 found" in page
    assert "Ridgeline Self Storage LLC" in page
    assert "Prentiss" not in get(box, f"/company/{FIRM}?find=prentiss")
    assert "Prentiss, Walter (deleted)" in get(box, f"/company/{FIRM}?find=prentiss&inactive=1")
    assert "page 2 of 6" in get(box, f"/company/{FIRM}?page=2&inactive=1")


def test_adding_and_editing(box: Box) -> None:
    added = post(
        box,
        f"/company/{FIRM}/new",
        **{"DisplayName": "<b>Q & Co", "PrimaryEmailAddr.Address": "q@q.example"},
    )
    path = added.url.removeprefix(box.url)
    number = path.rpartition("/")[2]
    assert html.escape("<b>Q & Co") in added.text
    listed = get(box, f"/company/{FIRM}?find=%3Cb%3E")
    assert html.escape("<b>Q & Co") in listed
    assert "<b>Q" not in added.text + listed
    fields = Form(added.text).fields
    changed = {**fields, "BillAddr.City": "Salem", "PrimaryEmailAddr.Address": ""}
    assert post(box, path, **changed).status_code == 200
    after = box.read(number)
    assert (after["BillAddr"]["City"], "PrimaryEmailAddr" in after) == ("Salem", False)
    assert after["SyncToken"] == "1"


def test_a_person_can_be_too_late_too(box: Box) -> None:
    path = f"/company/{FIRM}/customer/1"
    fields = Form(get(box, path)).fields
    token = box.read("1")["SyncToken"]
    box.customer(Id="1", SyncToken=token, sparse=True, Title="Hon.")
    late = post(box, path, **{**fields, "Suffix": "X"})
    assert late.status_code == 400
    assert 'role="alert"' in late.text
    assert "Stale Object Error" in late.text
    assert box.read("1")["Title"] == "Hon."
    assert post(box, f"/company/{FIRM}/new", DisplayName="Robert Hale").status_code == 400


def test_only_what_was_typed_goes_out(box: Box) -> None:
    [row] = box.rows("SELECT * FROM Customer WHERE DisplayName = 'Copley Street Dental PC'")
    path = f"/company/{FIRM}/customer/{row['Id']}"
    fields = Form(get(box, path)).fields
    assert post(box, path, **{**fields, "GivenName": "Tessa"}).status_code == 200
    after = box.read(row["Id"])
    assert (after["GivenName"], after["PrimaryEmailAddr"]) == ("Tessa", row["PrimaryEmailAddr"])


def test_leaving_and_coming_back(box: Box) -> None:
    [row] = box.rows("SELECT * FROM Customer WHERE DisplayName = 'Ridgeline Self Storage LLC'")
    assert row["Balance"] == 320.5
    path = f"/company/{FIRM}/customer/{row['Id']}/active"
    assert "Make active" in post(box, path, active="0").text
    assert box.read(row["Id"])["DisplayName"] == "Ridgeline Self Storage LLC (deleted)"
    assert "Make inactive" in post(box, path, active="1").text
    assert box.read(row["Id"])["DisplayName"] == "Ridgeline Self Storage LLC"


def test_notes_with_several_lines_are_not_changed_by_looking(box: Box) -> None:
    made = box.customer(DisplayName="Q", Notes="one\ntwo")
    page = get(box, f"/company/{FIRM}/customer/{made['Id']}")
    shown = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert shown
    fields = {**Form(page).fields, "Notes": shown[1].replace("\n", "\r\n")}
    post(box, f"/company/{FIRM}/customer/{made['Id']}", **fields)
    assert box.read(made["Id"])["SyncToken"] == "0"
