"""python-quickbooks and intuit-oauth as they are can work with the sandbox."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from quickbooks import QuickBooks
from quickbooks.exceptions import QuickbooksException
from quickbooks.objects import Address, Customer, EmailAddress

from .conftest import BASIC, CLIENT, REDIRECT, Box


@pytest.fixture
def auth(box: Box, monkeypatch: pytest.MonkeyPatch) -> AuthClient:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    discovery = f"{box.url}/.well-known/openid_sandbox_configuration/"
    client = AuthClient(*BASIC, REDIRECT, discovery, state_token="s1")
    url = client.get_authorization_url([Scopes.ACCOUNTING])
    redirect = box.control("consent", {"url": url, "realm": "client"})["redirect"]
    found = {key: value for key, [value] in parse_qs(urlsplit(redirect).query).items()}
    client.get_bearer_token(found["code"], found["realmId"])
    return client


@pytest.fixture
def books(box: Box, auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> QuickBooks:
    monkeypatch.setattr(QuickBooks, "api_url_v3", f"{box.url}/v3")
    return QuickBooks(auth_client=auth, refresh_token=auth.refresh_token, company_id=auth.realm_id)


def test_it_connects_creates_reads_and_updates(books: QuickBooks) -> None:
    assert books.company_id == CLIENT
    made = Customer()
    made.DisplayName = "O'Foreign & Sons"
    made.PrimaryEmailAddr = EmailAddress()
    made.PrimaryEmailAddr.Address = "foreign@sons.example"
    made.BillAddr = Address()
    made.BillAddr.Line1 = "1 Elm St"
    made.save(qb=books)
    [found] = Customer.filter(DisplayName="O'Foreign & Sons", qb=books)
    assert (found.Id, found.PrimaryEmailAddr.Address) == (made.Id, "foreign@sons.example")
    found.CompanyName = "Foreign"
    found.save(qb=books)
    again = Customer.get(found.Id, qb=books)
    assert (again.CompanyName, again.SyncToken) == ("Foreign", "1")
    assert again.BillAddr.Line1 == "1 Elm St"
    with pytest.raises(QuickbooksException) as stale:
        found.save(qb=books)
    assert stale.value.error_code == 5010


def test_it_queries_and_counts(books: QuickBooks) -> None:
    assert len(Customer.all(qb=books)) == 100
    assert Customer.count("Active = false", qb=books) == 1
    ordered = Customer.where("Active IN (true, false)", order_by="Id", max_results=3, qb=books)
    assert [each.Id for each in ordered] == sorted((each.Id for each in ordered), key=int)


def test_it_refreshes_and_revokes(auth: AuthClient) -> None:
    before = auth.access_token
    auth.refresh()
    assert auth.access_token != before
    assert auth.revoke() is True
    with pytest.raises(AuthClientError) as dead:
        auth.refresh()
    assert dead.value.status_code == 400
