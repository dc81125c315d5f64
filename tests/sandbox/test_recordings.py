"""The recordings of the real service against the sandbox: the same request, the same answer.

They lie beside the project on the machines of its makers and are no part of it.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest

from .conftest import ROOT, Box, Json
from .replay import plant, same_entity, same_fault

SAMPLES = ROOT.parent / "shared" / "qbo" / "samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recordings are not here")

# About other entities; of `batch` and `cdc` the shapes are compared further down.
ELSEWHERE = ("batch__", "cdc__", "error__400_json__", "deactivate__employee__")
# The state before: the books at the end of the recordings, less what came later.
LATER = {"create__customer__0": ["70"], "update__customer__1": ["70"]}
CASSETTES = [
    path.stem
    for path in sorted((SAMPLES / "vcr").glob("*.json"))
    if not path.stem.startswith(ELSEWHERE)
]


def cassette(name: str) -> tuple[Json, Json]:
    found = json.loads((SAMPLES / "vcr" / f"{name}.json").read_text())
    return found["request"], found["response"]


def said(name: str) -> Json:
    answer: Json = json.loads(cassette(name)[1]["body_raw"])
    return answer


def entities(kind: str) -> list[Json]:
    """All recorded records of a kind, those of the latest file last."""
    found: dict[str, Json] = {}
    for path in sorted((SAMPLES / "vcr").glob("[ag]*.json")):
        for record in said(path.stem).get("QueryResponse", {}).get(kind, []):
            found[record["Id"]] = record
    return list(found.values())


def recorded_books(box: Box, name: str) -> None:
    later = LATER.get(name, [])
    customers = [each for each in entities("Customer") if each["Id"] not in later]
    if name.startswith("update__customer__"):
        before = said("update__customer__0")["Customer"]
        customers = [each for each in customers if each["Id"] != before["Id"]] + [before]
    plant(box, customers, clear=True)
    plant(box, entities("Vendor"), "Vendor")
    plant(box, entities("Employee"), "Employee")


@pytest.mark.parametrize("name", CASSETTES)
def test_a_recorded_exchange(box: Box, name: str) -> None:
    request, response = cassette(name)
    recorded_books(box, name)
    if response["status"]["code"] == 401:
        box.control("expire", {"realm": "firm"})
    url = urlsplit(request["uri"])
    path = re.sub(r"^/v3/(company/[^/]+/)?", "", url.path)
    params = {key: value for key, [value] in parse_qs(url.query).items()}
    ours = box.api(request["method"].upper(), path, params=params, data=request["body"] or None)
    theirs = json.loads(response["body_raw"])
    assert ours.status_code == response["status"]["code"], ours.text
    if {"Fault", "fault"} & set(theirs):
        same_fault(ours.json(), theirs)
        return
    assert list(ours.json()) == list(theirs)
    if "Customer" in theirs:
        same_entity(ours.json()["Customer"], theirs["Customer"], old=True)
        return
    found, expected = ours.json()["QueryResponse"], theirs["QueryResponse"]
    assert list(found) == list(expected)
    for kind, value in expected.items():
        if not isinstance(value, list):
            assert found[kind] == value
            continue
        assert [row["Id"] for row in found[kind]] == [row["Id"] for row in value]
        for mine, real in zip(found[kind], value, strict=True):
            if kind == "Customer":
                same_entity(mine, real, old=True)


def test_the_shape_of_recorded_changes(box: Box) -> None:
    theirs = said("cdc__basic__0")
    [slot] = theirs["CDCResponse"][0]["QueryResponse"]
    asked = {"entities": "customer", "changedSince": "2011-10-10T09:00:00-07:00"}
    box.control("switches", {"cdc_look_back": "answer"})
    ours = box.api("GET", "cdc", params=asked).json()
    assert list(ours) == list(theirs)
    [mine] = ours["CDCResponse"][0]["QueryResponse"]
    assert list(mine)[1:] == list(slot)[1:] == ["startPosition", "maxResults"]
    for rows in (slot["Estimate"], mine["Customer"]):
        times = [row["MetaData"]["LastUpdatedTime"] for row in rows]
        assert [*map(datetime.fromisoformat, times)] == sorted(map(datetime.fromisoformat, times))


def test_the_shape_of_a_recorded_batch(box: Box) -> None:
    theirs = {each["bId"]: each for each in said("batch__basic__0")["BatchItemResponse"]}
    token = box.customer(DisplayName="Q")
    stale = {"Id": token["Id"], "SyncToken": "7", "sparse": True, "Title": "X"}
    items = [
        {"bId": "bid1", "operation": "create", "Customer": {"DisplayName": "Boraski"}},
        {"bId": "bid2", "operation": "update", "Customer": {**stale, "Id": "99999"}},
        {"bId": "bid3", "operation": "update", "Customer": stale},
        {"bId": "bid4", "Query": "select * from Customer where DisplayName = 'Q'"},
    ]
    answer = box.api("POST", "batch", json={"BatchItemRequest": items}).json()
    ours = {each["bId"]: each for each in answer["BatchItemResponse"]}
    assert list(answer) == list(said("batch__basic__0"))
    assert [list(ours[bid])[-1] for bid in ours] == [list(theirs[bid])[-1] for bid in theirs]
    same_fault(ours["bid2"], theirs["bid2"])
    [real], [mine] = (each["bid3"]["Fault"].pop("Error") for each in (theirs, ours))
    real["Detail"] = real["Detail"].replace("Christian Pelczarski", "Dana Whitfield")
    same_fault({"Error": mine, **ours["bid3"]}, {"Error": real, **theirs["bid3"]})
    assert list(ours["bid4"]["QueryResponse"])[1:] == list(theirs["bid4"]["QueryResponse"])[1:]


def test_the_documented_webhooks(box: Box) -> None:
    box.control("switches", {"webhook_hold": True})
    for form, name in (
        ("legacy", "legacy_customer_create"),
        ("cloudevents", "cloudevents_customer_created"),
    ):
        box.control("switches", {"webhook_format": form})
        box.customer(DisplayName=form)
        ours = json.loads(box.control("webhooks/take", {})["body"])
        theirs = json.loads((SAMPLES / "webhooks" / f"{name}.json").read_text())
        assert keys(ours) == keys(theirs)


def keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: keys(each) for key, each in value.items()}
    return [keys(each) for each in value] if isinstance(value, list) else None


def nango(name: str) -> tuple[str, Json, Json]:
    """(path, request, response) of a recording of 2026."""
    api = json.loads((SAMPLES / "nango" / f"{name}.test.json").read_text())["api"]
    [[(path, exchange)]] = [list(verb.items()) for verb in api.values()]
    return path.split("/", 4)[4], exchange["request"], exchange["response"]


def test_reading_by_id_in_2026(box: Box) -> None:
    path, _, theirs = nango("get-customer")
    plant(box, [theirs["Customer"]], clear=True)
    same_entity(box.api("GET", path).json()["Customer"], theirs["Customer"])


@pytest.mark.parametrize("name", ["customers", "list-customers"])
def test_query_rows_in_2026(box: Box, name: str) -> None:
    rows = nango(name)[2]["QueryResponse"]["Customer"]
    plant(box, rows, clear=True)
    found = box.rows("SELECT * FROM Customer")
    assert len(found) == len(rows)
    for theirs in rows:
        [ours] = [each for each in found if each["Id"] == theirs["Id"]]
        same_entity(ours, theirs)


def test_creating_in_2026(box: Box) -> None:
    _, request, theirs = nango("create-customer")
    ours = box.write(**request["data"])
    same_entity(ours.json()["Customer"], theirs["Customer"])


def test_a_sparse_update_in_2026(box: Box) -> None:
    _, request, theirs = nango("update-customer")
    before = {**theirs["Customer"], "SyncToken": "3", "DisplayName": "Before"}
    plant(box, [before], clear=True)
    same_entity(box.write(**request["data"]).json()["Customer"], theirs["Customer"])


def test_the_examples_of_the_documentation(box: Box) -> None:
    create, created, change, changed = (
        json.loads((SAMPLES / "docs" / f"customer_{n}.json").read_text()) for n in (1, 2, 5, 6)
    )
    ours = box.customer(**create)
    assert set(ours) - set(created["Customer"]) == {"IsProject"}
    assert set(created["Customer"]) <= set(ours)
    assert ours["FullyQualifiedName"] == created["Customer"]["FullyQualifiedName"]
    assert ours["PrintOnCheckName"] == created["Customer"]["PrintOnCheckName"]
    before = {**changed["Customer"], "SyncToken": "0"}
    del before["MiddleName"]
    plant(box, [before], clear=True)
    ours = box.customer(**change)
    assert (ours["MiddleName"], ours["SyncToken"]) == ("Mark", "1")
    assert set(changed["Customer"]) <= set(ours)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("forbidden", "403_3100_ApplicationAuthorizationFailed.json"),
        ("server_error", "500_3100_InternalServerError.json"),
    ],
)
def test_quoted_gateway_faults(box: Box, kind: str, name: str) -> None:
    box.control("faults", {"kind": kind})
    ours = box.api("GET", "customer/1")
    assert ours.status_code == int(name[:3])
    same_fault(ours.json(), json.loads((SAMPLES / "faults" / name).read_text()))


def test_a_quoted_malformed_token(box: Box) -> None:
    ours = box.api("GET", "customer/1", headers={"Authorization": "Bearer x"})
    theirs = (SAMPLES / "faults" / "401_3200_malformed_token.json").read_text()
    same_fault(ours.json(), json.loads(theirs))


def parts(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Tags, attributes and texts of an XML fault, without the time."""
    return [
        (each.tag, {k: v for k, v in each.attrib.items() if k != "time"}, (each.text or "").strip())
        for each in ElementTree.fromstring(text).iter()
    ]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("wrong_cluster", "401_130_wrong_cluster.xml"),
        ("throttle_xml", "429_3001_ThrottleExceeded.xml"),
    ],
)
def test_quoted_xml_faults(box: Box, kind: str, name: str) -> None:
    box.control("faults", {"kind": kind})
    ours = box.api("GET", "customer/1").text
    assert parts(ours) == parts((SAMPLES / "faults" / name).read_text())


def test_a_quoted_lapsed_subscription(box: Box) -> None:
    box.control("switches", {"lapsed": True})
    [error] = box.write(DisplayName="Q").json()["Fault"]["Error"]
    theirs = (SAMPLES / "faults" / "6190_company_status.txt").read_text()
    assert f"Message: {error['Message']}" in theirs
    assert f"Detail: {error['Detail']}" in theirs


def test_a_quoted_length_fault(box: Box) -> None:
    theirs = json.loads((SAMPLES / "faults" / "400_2050_length.json").read_text())
    [real] = theirs["Fault"]["Error"]
    [ours] = box.write(DisplayName="Q", Notes="x" * 4006).json()["Fault"]["Error"]
    assert (ours["code"], ours["Message"]) == (real["code"], real["Message"])
    shape = re.compile(r"[\d,]+")
    assert shape.sub("n", ours["Detail"]).replace(" ", "") == shape.sub(
        "n", real["Detail"]
    ).replace(" ", "")


def test_token_answers_have_the_documented_keys(box: Box) -> None:
    theirs = json.loads((SAMPLES / "oauth" / "bearer-token.json").read_text())
    ours = box.control("tokens", {"realm": "firm"})
    assert set(ours) == set(theirs) - {"id_token"}
    quoted = json.loads((SAMPLES / "oauth" / "x_invalid_grant_variants.json").read_text())
    refused = box.token(grant_type="refresh_token", refresh_token="x").json()
    assert refused in [each["body"] for each in quoted]


def test_a_deactivated_customer_as_recorded_in_xml(box: Box) -> None:
    real = ElementTree.parse(SAMPLES / "xml" / "deleted_customer.xml").getroot()[0]
    space = "{http://schema.intuit.com/finance/v3}"
    name = (real.findtext(f"{space}DisplayName") or "").removesuffix(" (deleted)")
    company = real.findtext(f"{space}CompanyName")
    number = box.customer(DisplayName=name, CompanyName=company)["Id"]
    box.customer(Id=number, SyncToken="0", sparse=True, Active=False)
    answer = box.api("GET", f"customer/{number}", headers={"Accept": "application/xml"})
    [ours] = ElementTree.fromstring(answer.content)
    for key in ("FullyQualifiedName", "DisplayName", "CompanyName", "PrintOnCheckName", "Active"):
        assert ours.findtext(f"{space}{key}") == real.findtext(f"{space}{key}")
