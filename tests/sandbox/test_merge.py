"""Two customers made one, as people do it in QuickBooks."""

from __future__ import annotations

import pytest
import requests

from .conftest import FIRM, Box


def merge(box: Box, stays: str, goes: str) -> requests.Response:
    body = {"realm": "firm", "stays": stays, "goes": goes}
    return requests.post(f"{box.url}/_control/merge", json=body, timeout=9)


def test_one_stays_with_the_money_of_both(box: Box) -> None:
    stays, goes = box.customer(DisplayName="Anna"), box.customer(DisplayName="Anna B.")
    for each, amount in ((stays, 100), (goes, 20.5)):
        box.control("invoice", {"realm": "firm", "id": each["Id"], "amount": amount})
    assert merge(box, stays["Id"], goes["Id"]).json()["Id"] == stays["Id"]
    after, gone = box.read(stays["Id"]), box.read(goes["Id"])
    assert (after["Balance"], after["DisplayName"]) == (120.5, "Anna")
    assert after["SyncToken"] == stays["SyncToken"], "money moves without it"
    assert (gone["Active"], gone["DisplayName"]) == (False, "Anna B. (deleted)")
    assert (gone["Balance"], gone["SyncToken"]) == (0, "1")


def test_who_cannot_be_merged(box: Box) -> None:
    one = box.customer(DisplayName="One")["Id"]
    parent = box.customer(DisplayName="Parent")["Id"]
    box.customer(DisplayName="Child", Job=True, ParentRef={"value": parent})
    inactive = box.customer(DisplayName="Gone")
    box.customer(Id=inactive["Id"], SyncToken="0", sparse=True, Active=False)
    for stays, goes in (
        (one, one), (one, parent), (parent, one), (one, inactive["Id"]), (inactive["Id"], one),
        (one, "99999"),
    ):  # fmt: skip
        assert merge(box, stays, goes).status_code == 400
    assert box.read(one)["Active"]


def test_an_app_that_renames_to_a_name_that_exists_merges_nothing(box: Box) -> None:
    box.customer(DisplayName="Anna")
    other = box.customer(DisplayName="Anna B.")
    refused = box.write(Id=other["Id"], SyncToken="0", sparse=True, DisplayName="Anna")
    assert refused.json()["Fault"]["Error"][0]["code"] == "6240"
    assert box.read(other["Id"])["Active"]


@pytest.mark.parametrize("name", ["anna ", "ANNA"])
def test_on_the_page(box: Box, name: str) -> None:
    stays, goes = box.customer(DisplayName="Anna"), box.customer(DisplayName="Anna B.")
    path = f"{box.url}/company/{FIRM}/customer/{goes['Id']}"
    assert "There is no way back" in requests.get(path, timeout=9).text
    refused = requests.post(f"{path}/merge", data={"into": "Nobody"}, timeout=9)
    assert (refused.status_code, "There is no customer of this name" in refused.text) == (400, True)
    merged = requests.post(f"{path}/merge", data={"into": name}, timeout=9)
    assert merged.url.endswith(f"/customer/{stays['Id']}")
    assert not box.read(goes["Id"])["Active"]
    assert "There is no way back" not in requests.get(path, timeout=9).text
