"""The rules of Customer: creating, updating whole or in part, names, families, inactivity."""

from __future__ import annotations

import json

import pytest

from .conftest import CLIENT, Box, fault

ADA = {"GivenName": "Ada", "FamilyName": "Quist", "CompanyName": "Quist Mills"}


def test_a_new_customer_has_the_keys_of_a_write_reply(box: Box) -> None:
    made = box.customer(DisplayName="Quist, Ada", **ADA)
    assert list(made) == [
        "Taxable", "Job", "BillWithParent", "Balance", "BalanceWithJobs", "CurrencyRef",
        "PreferredDeliveryMethod", "IsProject", "domain", "sparse", "Id", "SyncToken", "MetaData",
        "GivenName", "FamilyName", "FullyQualifiedName", "CompanyName", "DisplayName",
        "PrintOnCheckName", "Active", "DefaultTaxCodeRef",
    ]  # fmt: skip
    assert (made["SyncToken"], made["Active"], made["sparse"]) == ("0", True, False)
    assert made["PrintOnCheckName"] == "Quist Mills"


def test_the_three_endpoints_show_different_keys(box: Box) -> None:
    number = box.customer(DisplayName="Quist")["Id"]
    [row] = box.rows(f"SELECT * FROM Customer WHERE Id = '{number}'")
    read = box.read(number)
    assert {"ClientEntityId", "V4IDPseudonym"} <= set(row)
    assert "DefaultTaxCodeRef" not in row
    assert set(read) - set(row) == {"DefaultTaxCodeRef"}
    assert set(row) - set(read) == {"ClientEntityId"}


def test_display_name_is_built_from_the_parts(box: Box) -> None:
    made = box.customer(Title="Dr.", GivenName="Ada", FamilyName="Quist", Suffix="II")
    assert made["DisplayName"] == made["FullyQualifiedName"] == "Dr. Ada Quist II"
    assert made["PrintOnCheckName"] == "Ada Quist"
    assert fault(box.write(Notes="nobody")) == (400, "6080")


def test_what_is_read_only_is_ignored(box: Box) -> None:
    made = box.customer(DisplayName="Quist", FullyQualifiedName="Other", IsProject=True, Level=3)
    assert (made["FullyQualifiedName"], made["IsProject"]) == ("Quist", False)
    after = box.customer(Id=made["Id"], SyncToken="0", sparse=True, Balance=90)
    assert (after["Balance"], after["SyncToken"]) == (0, "0")


def test_an_unknown_property_stops_everything(box: Box) -> None:
    answer = box.write(DisplayName="Quist", Nickname="Q")
    assert fault(answer) == (400, "2010")
    assert 'Unrecognized field "Nickname" (class com.intuit.schema' in answer.text.replace("\\", "")
    assert fault(box.write(DisplayName="Quist", BillAddr={"Street": "x"})) == (400, "2010")
    assert fault(box.write(DisplayName="Quist", PrimaryPhone="555")) == (400, "2010")
    assert box.rows("SELECT * FROM Customer WHERE DisplayName = 'Quist'") == []


@pytest.mark.parametrize(
    ("body", "code", "element"),
    [
        ({"GivenName": "x" * 101}, "2050", "GivenName"),
        ({"PrimaryPhone": {"FreeFormNumber": "5" * 31}}, "2050", "PrimaryPhone"),
        ({"BillAddr": {"PostalCode": "0" * 31}}, "2050", "PostalCode"),
        ({"DisplayName": "a:b"}, "2040", "DisplayName"),
        ({"FamilyName": "a\tb"}, "2040", "FamilyName"),
        ({"PrimaryEmailAddr": {"Address": "nobody"}}, "2210", "PrimaryEmailAddr"),
        ({"PreferredDeliveryMethod": "Pigeon"}, "2170", "PreferredDeliveryMethod"),
    ],
)
def test_values_that_are_refused(box: Box, body: dict, code: str, element: str) -> None:
    answer = box.write(**{"DisplayName": "Quist", **body})
    assert fault(answer) == (400, code)
    assert answer.json()["Fault"]["Error"][0]["element"] == element


def test_e_mail_delivery_needs_an_address(box: Box) -> None:
    assert fault(box.write(DisplayName="Q", PreferredDeliveryMethod="Email")) == (400, "6420")


def test_several_addresses_in_one_field_by_switch(box: Box) -> None:
    mail = {"Address": "a@x.example, b@x.example"}
    assert fault(box.write(DisplayName="Q", PrimaryEmailAddr=mail)) == (400, "2210")
    box.control("switches", {"several_emails": "accept"})
    assert box.customer(DisplayName="Q", PrimaryEmailAddr=mail)["PrimaryEmailAddr"] == mail


# Updates


def full_card(box: Box) -> dict:
    return box.customer(
        DisplayName="Quist, Ada",
        **ADA,
        Notes="old",
        PrimaryPhone={"FreeFormNumber": "(978) 555-0101"},
        BillAddr={"Line1": "1 Elm St", "City": "Salem", "PostalCode": "01970"},
        Taxable=False,
    )


def test_a_sparse_update_touches_only_what_is_sent(box: Box) -> None:
    old = full_card(box)
    box.control("clock", {"advance": 60})
    new = box.customer(Id=old["Id"], SyncToken="0", sparse=True, MiddleName="M.")
    assert new["MetaData"]["CreateTime"] == old["MetaData"]["CreateTime"]
    assert new["MetaData"]["LastUpdatedTime"] > old["MetaData"]["LastUpdatedTime"]
    assert (new["MiddleName"], new["SyncToken"], new["sparse"]) == ("M.", "1", False)
    assert {**new, "SyncToken": "0", "MetaData": 0} == {**old, "MiddleName": "M.", "MetaData": 0}


def test_a_full_update_empties_what_is_left_out(box: Box) -> None:
    old = full_card(box)
    new = box.customer(Id=old["Id"], SyncToken="0", DisplayName="Quist, A.")
    gone = set(old) - set(new)
    assert gone == {"GivenName", "FamilyName", "CompanyName", "Notes", "PrimaryPhone", "BillAddr"}
    assert (new["PrintOnCheckName"], new["Active"], new["Taxable"]) == ("Quist, A.", True, True)


def test_a_rename_keeps_the_name_on_checks(box: Box) -> None:
    old = full_card(box)
    new = box.customer(Id=old["Id"], SyncToken="0", sparse=True, DisplayName="Quist")
    assert (new["FullyQualifiedName"], new["PrintOnCheckName"]) == ("Quist", "Quist Mills")


def test_no_change_is_no_new_version(box: Box) -> None:
    old = full_card(box)
    box.control("clock", {"advance": 90})
    same = {key: old[key] for key in ("Id", "SyncToken", "DisplayName", "BillAddr", "Notes")}
    assert box.customer(sparse=True, **same) == old


def test_a_higher_version_and_a_bad_one(box: Box) -> None:
    number = full_card(box)["Id"]
    assert fault(box.write(Id=number, SyncToken="7", Notes="x")) == (400, "5010")
    assert fault(box.write(Id=number, SyncToken="x", Notes="x")) == (400, "2030")
    assert fault(box.write(Id=number, sparse=True, Notes="x")) == (400, "2020")
    box.control("switches", {"higher_sync_token": "2030"})
    assert fault(box.write(Id=number, SyncToken="7", Notes="x")) == (400, "2030")
    box.customer(Id=number, SyncToken="0", sparse=True, Notes="y")
    assert fault(box.write(Id=number, SyncToken="0", Notes="x")) == (400, "5010")


def test_an_old_version_is_stale(box: Box) -> None:
    number = full_card(box)["Id"]
    box.control("customer", {"realm": "firm", "values": {"Id": number, "Notes": "by a person"}})
    answer = box.write(Id=number, SyncToken="0", sparse=True, Notes="by an app")
    assert fault(answer) == (400, "5010")
    error = answer.json()["Fault"]["Error"][0]
    assert error["element"] == ""
    assert error["Detail"].startswith("Stale Object Error : You and ")
    assert box.read(number)["Notes"] == "by a person"


@pytest.mark.parametrize(
    ("switch", "empty_string_clears", "null_clears"),
    [("empty", True, False), ("null", False, True), ("both", True, True)],
)
def test_what_clears_a_field_by_switch(
    box: Box, switch: str, empty_string_clears: bool, null_clears: bool
) -> None:
    box.control("switches", {"clear_by": switch})
    for value, clears in (("", empty_string_clears), (None, null_clears)):
        old = box.customer(
            DisplayName=f"Quist {value}", Notes="old", PrimaryPhone={"FreeFormNumber": "1"}
        )
        new = box.customer(
            Id=old["Id"],
            SyncToken="0",
            sparse=True,
            Notes=value,
            PrimaryPhone={"FreeFormNumber": value},
        )
        assert ("Notes" not in new) is clears
        assert ("PrimaryPhone" not in new) is clears


def test_a_name_cannot_be_cleared_by_sparse(box: Box) -> None:
    old = full_card(box)
    blank = {"DisplayName": "", "PrintOnCheckName": "", "Active": "", "FamilyName": ""}
    new = box.customer(Id=old["Id"], SyncToken="0", sparse=True, **blank)
    assert (new["DisplayName"], new["PrintOnCheckName"]) == ("Quist, Ada", "Quist Mills")
    assert (new["Active"], "FamilyName" in new) == (True, False)


def test_an_address_is_replaced_or_merged_by_switch(box: Box) -> None:
    old = full_card(box)
    change = {"Line1": "2 Oak St", "PostalCode": ""}
    new = box.customer(Id=old["Id"], SyncToken="0", sparse=True, BillAddr=change)
    assert new["BillAddr"] == {"Id": old["BillAddr"]["Id"], "Line1": "2 Oak St"}
    box.control("switches", {"address_update": "merge"})
    part = {"City": "Lynn"}
    new = box.customer(Id=old["Id"], SyncToken="1", sparse=True, BillAddr=part)
    assert new["BillAddr"] == {"Id": old["BillAddr"]["Id"], "Line1": "2 Oak St", "City": "Lynn"}


def test_equal_addresses_share_a_number_until_one_changes(box: Box) -> None:
    place = {"Line1": "1 Elm St", "City": "Salem"}
    old = box.customer(DisplayName="Q", BillAddr=place, ShipAddr=place)
    assert old["BillAddr"]["Id"] == old["ShipAddr"]["Id"]
    new = box.customer(Id=old["Id"], SyncToken="0", sparse=True, ShipAddr={"Line1": "9 Bay Rd"})
    assert new["BillAddr"] == old["BillAddr"]
    assert new["ShipAddr"]["Id"] != old["ShipAddr"]["Id"]


def test_web_addresses_get_a_scheme(box: Box) -> None:
    made = box.customer(DisplayName="Q", WebAddr={"URI": "www.q.example"})
    assert made["WebAddr"] == {"URI": "http://www.q.example"}


def test_tax_numbers_are_masked(box: Box) -> None:
    made = box.customer(DisplayName="Q", PrimaryTaxIdentifier="123-45-6789")
    assert made["PrimaryTaxIdentifier"] == "XXXXXX56789"


# Names


@pytest.mark.parametrize("taken", ["berg, anna & TOM", "Granite Paper & Toner", "Priya Raman"])
def test_names_are_unique_over_customers_vendors_employees(box: Box, taken: str) -> None:
    answer = box.write(DisplayName=taken)
    assert fault(answer) == (400, "6240")
    error = answer.json()["Fault"]["Error"][0]
    assert error["Detail"] == "The name supplied already exists. : null"
    other = box.customer(DisplayName="Somebody")
    renamed = box.write(Id=other["Id"], SyncToken="0", sparse=True, DisplayName=taken)
    assert fault(renamed) == (400, "6240")


def test_the_two_companies_know_nothing_of_each_other(box: Box) -> None:
    box.use(CLIENT)
    assert box.customer(DisplayName="Berg, Anna & Tom")["SyncToken"] == "0"


def test_sub_customers_are_unique_by_full_name(box: Box) -> None:
    above = box.customer(DisplayName="Top")["Id"]
    below: dict = {"Job": True, "ParentRef": {"value": above}}
    made = box.customer(DisplayName="Cash customer", **below)
    assert made["FullyQualifiedName"] == "Top:Cash customer"
    assert (made["Level"], made["ParentRef"], made["Job"]) == (1, {"value": above}, True)
    assert fault(box.write(DisplayName="cash CUSTOMER", **below)) == (400, "6240")


# Families


def test_full_names_follow_the_parent(box: Box) -> None:
    above = box.customer(DisplayName="Top")["Id"]
    below = box.customer(DisplayName="Leaf", ParentRef={"value": above})["Id"]
    box.customer(Id=above, SyncToken="0", sparse=True, DisplayName="Roof")
    assert box.read(below)["FullyQualifiedName"] == "Roof:Leaf"
    assert box.read(below)["SyncToken"] == "0"


def test_parents_must_make_sense(box: Box) -> None:
    assert fault(box.write(DisplayName="Q", Job=True)) == (400, "6150")
    assert fault(box.write(DisplayName="Q", ParentRef={"value": "99999"})) == (400, "2500")
    line = [box.customer(DisplayName="L0")["Id"]]
    for level in range(1, 5):
        line.append(box.customer(DisplayName=f"L{level}", ParentRef={"value": line[-1]})["Id"])
    assert fault(box.write(DisplayName="L5", ParentRef={"value": line[-1]})) == (400, "6180")
    circle = {"value": line[2]}
    looped = box.write(Id=line[0], SyncToken="0", sparse=True, ParentRef=circle)
    assert fault(looped) == (400, "700")


def test_balances_add_up_in_the_parent(box: Box) -> None:
    above = box.customer(DisplayName="Top", Balance=10)["Id"]
    below = box.customer(DisplayName="Leaf", ParentRef={"value": above})["Id"]
    box.control("invoice", {"realm": "firm", "id": below, "amount": 2.5})
    assert (box.read(above)["Balance"], box.read(above)["BalanceWithJobs"]) == (10, 12.5)


def test_an_invoice_moves_the_time_but_not_the_version(box: Box) -> None:
    old = box.customer(DisplayName="Q")
    box.control("clock", {"advance": 60})
    box.control("invoice", {"realm": "firm", "id": old["Id"], "amount": 75})
    new = box.read(old["Id"])
    assert (new["SyncToken"], new["Balance"]) == ("0", 75)
    assert new["MetaData"]["LastUpdatedTime"] > old["MetaData"]["LastUpdatedTime"]


# Inactivity


def end(box: Box, number: str, token: str = "0") -> dict:
    return box.customer(Id=number, SyncToken=token, sparse=True, Active=False)


def test_inactive_names_get_a_suffix_and_become_free(box: Box) -> None:
    numbers = []
    for expected in ("Q (deleted)", "Q (deleted-1)", "Q (deleted-2)"):
        numbers.append(box.customer(DisplayName="Q", CompanyName="Q")["Id"])
        dead = end(box, numbers[-1])
        assert dead["DisplayName"] == dead["FullyQualifiedName"] == expected
        assert (dead["CompanyName"], dead["Active"], dead["SyncToken"]) == ("Q", False, "1")
    assert end(box, numbers[0], "1")["SyncToken"] == "1"
    assert box.read(numbers[0])["Active"] is False


def test_the_suffix_goes_or_stays_by_switch(box: Box) -> None:
    number = box.customer(DisplayName="Q")["Id"]
    end(box, number)
    alive = box.customer(Id=number, SyncToken="1", sparse=True, Active=True)
    assert alive["DisplayName"] == "Q"
    end(box, number, "2")
    box.control("switches", {"reactivation_suffix": "keep"})
    alive = box.customer(Id=number, SyncToken="3", sparse=True, Active=True)
    assert alive["DisplayName"] == "Q (deleted)"
    assert box.customer(Id=number, SyncToken="4", sparse=True, DisplayName="Q")["Active"] is True


def test_no_way_back_when_the_name_was_given_away(box: Box) -> None:
    number = box.customer(DisplayName="Q")["Id"]
    end(box, number)
    box.customer(DisplayName="Q")
    back = {"Id": number, "SyncToken": "1", "sparse": True, "Active": True}
    assert fault(box.write(**back)) == (400, "6240")
    assert box.customer(**back, DisplayName="Q two")["DisplayName"] == "Q two"


def test_leaving_for_a_parent_that_is_not_there(box: Box) -> None:
    number = box.customer(DisplayName="Q")["Id"]
    nowhere = {"value": "99999"}
    leaving = box.write(Id=number, SyncToken="0", sparse=True, Active=False, ParentRef=nowhere)
    assert fault(leaving) == (400, "2500")


def test_money_is_in_the_currency_of_the_company(box: Box) -> None:
    assert fault(box.write(DisplayName="Q", CurrencyRef={"value": "EUR"})) == (400, "6000")
    assert box.customer(DisplayName="Q", CurrencyRef={"value": "USD"})["CurrencyRef"]["name"]


def test_a_full_update_does_not_wake_anybody(box: Box) -> None:
    number = box.customer(DisplayName="Q")["Id"]
    end(box, number)
    after = box.customer(Id=number, SyncToken="1", DisplayName="R")
    assert (after["Active"], after["DisplayName"]) == (False, "R (deleted)")


def test_who_owes_money_cannot_leave_by_api_but_can_by_hand(box: Box) -> None:
    number = box.customer(DisplayName="Q", Balance=5)["Id"]
    leaving = {"Id": number, "SyncToken": "0", "sparse": True, "Active": False}
    assert fault(box.write(**leaving)) == (400, "6220")
    box.control("customer", {"realm": "firm", "values": {"Id": number, "Active": False}})
    after = box.read(number)
    assert (after["Active"], after["Balance"]) == (False, 0)


@pytest.mark.parametrize(
    ("switch", "child_is_active"), [("cascade", False), ("leave", True), ("refuse", None)]
)
def test_sub_customers_of_an_inactive_parent_by_switch(
    box: Box, switch: str, child_is_active: bool | None
) -> None:
    box.control("switches", {"deactivate_parent": switch})
    above = box.customer(DisplayName="Top")["Id"]
    below = box.customer(DisplayName="Leaf", ParentRef={"value": above})["Id"]
    leaving = box.write(Id=above, SyncToken="0", sparse=True, Active=False)
    if child_is_active is None:
        assert fault(leaving) == (400, "6000")
        return
    child = box.read(below)
    assert child["Active"] is child_is_active
    leaf = "Leaf" if child_is_active else "Leaf (deleted)"
    assert child["FullyQualifiedName"] == f"Top (deleted):{leaf}"


def test_a_family_leaves_as_a_whole_or_not_at_all(box: Box) -> None:
    above = box.customer(DisplayName="Top")["Id"]
    even, owing = (box.customer(DisplayName=n, ParentRef={"value": above})["Id"] for n in "ab")
    for number, amount in ((above, -5), (owing, 5)):
        box.control("invoice", {"realm": "firm", "id": number, "amount": amount})
    leaving = {"Id": above, "SyncToken": "0", "sparse": True, "Active": False}
    assert box.read(above)["BalanceWithJobs"] == 0
    assert fault(box.write(**leaving)) == (400, "6220")
    assert [box.read(number)["Active"] for number in (above, even, owing)] == [True] * 3


# Numbers, bodies, repeats


def test_there_is_no_delete(box: Box) -> None:
    made = box.customer(DisplayName="Q")
    body = {"Id": made["Id"], "SyncToken": "0"}
    assert fault(box.write({"operation": "delete"}, **body)) == (400, "500")
    assert box.write({"operation": "update"}, **body, sparse=True, Notes="x").status_code == 200


def test_who_is_not_there(box: Box) -> None:
    assert fault(box.api("GET", "customer/99999")) == (400, "610")
    assert fault(box.write(Id="99999", SyncToken="0")) == (400, "610")
    answer = box.api("GET", "customer/1.5")
    assert fault(answer) == (400, "2030")
    assert "time" not in answer.json()


def test_bodies_that_are_no_objects(box: Box) -> None:
    half = b'{"DisplayName": "\\ud800"}'
    for raw in (b"{", b"[]", b"\xff", b"", half, b'{"Balance": NaN}', b'{"CurrencyRef": "USD"}'):
        assert fault(box.api("POST", "customer", data=raw)) == (400, "2010")


def test_the_same_requestid_gives_the_first_answer_again(box: Box) -> None:
    params = {"requestid": "r-1"}
    first = box.write(params, DisplayName="Once")
    again = box.write(params, DisplayName="Once")
    assert (first.status_code, first.content) == (200, again.content)
    assert first.headers["intuit_tid"] != again.headers["intuit_tid"]
    assert len(box.rows("SELECT * FROM Customer WHERE DisplayName LIKE 'Once%'")) == 1
    other = box.write(params, DisplayName="Twice")
    assert other.content == first.content
    box.control("switches", {"requestid_other_body": "fault"})
    assert fault(box.write(params, DisplayName="Twice")) == (400, "600")


def test_a_requestid_is_remembered_for_a_while_and_not_for_faults(box: Box) -> None:
    params = {"requestid": "r-2"}
    assert fault(box.write(params, Nickname="x")) == (400, "2010")
    assert box.write(params, DisplayName="Now it is right").status_code == 200
    box.control("clock", {"advance": 90_000})
    box.use(box.realm)
    assert fault(box.write(params, DisplayName="Now it is right")) == (400, "6240")
    assert fault(box.write({"requestid": "x" * 51}, DisplayName="Z")) == (400, "2130")


def test_names_in_any_script_survive(box: Box) -> None:
    name = "Žofie Ñandú 山本 \\ 'quoted' \"twice\" & 50% + #1 🌻"
    number = box.customer(DisplayName=name)["Id"]
    assert box.read(number)["DisplayName"] == name
    assert json.loads(box.api("GET", f"customer/{number}").content)["Customer"]["Id"] == number
