"""What the QBO user does on the pages: search, add, edit, deactivate, reactivate, merge.

A person's edits obey the same rules as an app's, and collide with them in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from . import faults, pages, webhook_pages
from .company import Company
from .faults import Fault
from .merge import merge
from .webhooks import Webhooks
from .wire import Json, Request, Response, html_response, redirect

ROWS = 50
PATH = re.compile(r"/company/(?P<realm>\d+)(?P<rest>/.*)?")
Act = Callable[[Company, Json, Mapping[str, str]], Json]
CUSTOMER = re.compile(r"/customer/(?P<number>\d+)(?P<act>/active|/merge)?")


class Screens:
    def __init__(self, companies: Mapping[str, Company], webhooks: Webhooks) -> None:
        self._companies = companies
        self._webhooks = webhooks

    def answer(self, request: Request) -> Response:
        if request.path == "/":
            return html_response(pages.home(self._companies.values()))
        if request.path == "/webhooks":
            return self._hooks(request)
        match = PATH.fullmatch(request.path.rstrip("/"))
        company = self._companies.get(match["realm"]) if match else None
        if match is None or company is None:
            return _missing()
        rest = match["rest"] or ""
        if rest == "":
            return self._list(company, request.params)
        if rest == "/new":
            return self._save(company, {}, request)
        found = CUSTOMER.fullmatch(rest)
        if found is None or found["number"] not in company.customers:
            return _missing()
        record = company.read(found["number"])
        if found["act"]:
            act = self._switch if found["act"] == "/active" else self._merge
            return self._act(company, record, request, act)
        return self._save(company, record, request)

    def _list(self, company: Company, asked: dict[str, str]) -> Response:
        found = sorted(
            (each for each in company.customers.values() if _wanted(each, asked)),
            key=lambda each: each["FullyQualifiedName"].casefold(),
        )
        last = max(1, -(-len(found) // ROWS))
        chosen = asked.get("page", "1")
        number = min(max(int(chosen) if chosen.isdecimal() else 1, 1), last)
        rows = found[(number - 1) * ROWS : number * ROWS]
        return html_response(pages.customers(company, rows, len(found), number, last, asked))

    def _save(self, company: Company, record: Json, request: Request) -> Response:
        if request.method != "POST":
            return html_response(pages.form(company, record, _flat(record)))
        form = request.form
        body = _changed(record, form)
        if record:
            body |= {"Id": record["Id"], "SyncToken": form.get("SyncToken", ""), "sparse": True}
        try:
            saved = company.write(body)
        except Fault as fault:
            problem = f"{fault.message}. {fault.detail or ''}"
            return html_response(pages.form(company, record, form, problem), 400)
        return redirect(f"/company/{company.realm}/customer/{saved['Id']}")

    def _act(self, company: Company, record: Json, request: Request, act: Act) -> Response:
        """A button on the customer's page; then the page of whom it was about."""
        number = record["Id"]
        if request.method == "POST":
            try:
                number = act(company, record, request.form)["Id"]
            except Fault as fault:
                problem = f"{fault.message}. {fault.detail or ''}"
                return html_response(pages.form(company, record, _flat(record), problem), 400)
        return redirect(f"/company/{company.realm}/customer/{number}")

    def _switch(self, company: Company, record: Json, form: Mapping[str, str]) -> Json:
        return company.edit({"Id": record["Id"], "Active": form.get("active") == "1"})

    def _merge(self, company: Company, record: Json, form: Mapping[str, str]) -> Json:
        stays = company.named(form.get("into", ""))
        if stays is None:
            raise faults.business("There is no customer of this name")
        return merge(company, stays, record["Id"])

    def _hooks(self, request: Request) -> Response:
        if request.method != "POST":
            return html_response(webhook_pages.webhooks(self._webhooks))
        url = request.form.get("url", "").strip()
        try:
            if url != self._webhooks.url:
                self._webhooks.register(url)
        except ValueError as error:
            shown = webhook_pages.webhooks(self._webhooks, url, str(error))
            return html_response(shown, 400)
        if "test" in request.form:
            self._webhooks.test()
        return redirect("/webhooks")


def _missing() -> Response:
    return html_response(pages.page("Not found", "<h1>There is no such page</h1>"), 404)


def _wanted(record: Json, asked: Mapping[str, str]) -> bool:
    if not record["Active"] and asked.get("inactive") != "1":
        return False
    searched = (
        record["FullyQualifiedName"],
        record.get("PrimaryEmailAddr", {}).get("Address", ""),
        record.get("PrimaryPhone", {}).get("FreeFormNumber", ""),
    )
    return asked.get("find", "").strip().casefold() in " ".join(searched).casefold()


def _flat(record: Json) -> dict[str, str]:
    """The record as the form shows it: `PrimaryPhone.FreeFormNumber` -> "…"."""
    return {name: _at(record, name) for name in pages.FIELDS}


def _at(record: Json, name: str) -> str:
    top, _, below = name.partition(".")
    value = record.get(top, {} if below else "")
    return str(value.get(below, "") if below else value)


def _changed(record: Json, form: Mapping[str, str]) -> Json:
    """What the person typed that differs, as a body. An address goes out whole."""
    body: dict[str, Any] = {}
    for name in pages.FIELDS:
        top, _, below = name.partition(".")
        typed = form.get(name, "").replace("\r\n", "\n").strip()
        if typed == _at(record, name):
            continue
        if not below:
            body[top] = typed
            continue
        before = {key: value for key, value in record.get(top, {}).items() if key != "Id"}
        body[top] = {**before, **body.get(top, {}), below: typed}
    return body
