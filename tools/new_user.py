"""What docs/how-to/install.md and uninstall.md say, done as by a new user, in an empty folder.

    python -m tools.new_user

The pages are read (tools/walkthrough.py), so that they cannot rot. What people do in a browser is
done over HTTP, before the rest of a step, by what HANDS has for it.
"""

from __future__ import annotations

import html
import re
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import requests

from tools.stages import clock
from tools.walkthrough import (
    PATIENCE,
    USER,
    Place,
    Step,
    Wrong,
    browser,
    empty_folder,
    steps,
    until,
)

PAGES = ("docs/how-to/install.md", "docs/how-to/uninstall.md")
COMPANY = "Harbor & Pine Accounting LLP"
CLIENT = "Omar P. Nelson"
IN_QUICKBOOKS, ON_THE_SITE = "978-555-0100", "978-555-0101"
"""The phone numbers that the client is given there, and then here."""


class Person:
    """Somebody who has logged in to the site's admin."""

    def __init__(self, place: Place) -> None:
        self.admin = f"{place.site}/admin"
        self.session = browser()
        self.look("/login/")
        self.send("/login/", **USER)

    def look(self, path: str) -> str:
        """A page. Raises Wrong if there is none."""
        return _read(self.session.get(self.admin + path, timeout=PATIENCE)).text

    def send(self, path: str, **values: str) -> requests.Response:
        """Press a button, or send a form; the page that it leads to. Raises Wrong."""
        headers = {"X-CSRFToken": self.session.cookies["csrftoken"]}
        url = self.admin + path
        return _read(self.session.post(url, data=values, headers=headers, timeout=PATIENCE))

    def find(self, path: str, pattern: str) -> str:
        """What the pattern's group finds on a page, below the admin's address. Raises Wrong."""
        if (found := re.search(pattern, self.look(path))) is None:
            raise Wrong(f"There is nothing like {pattern} on {path}.")
        return html.unescape(found[1]).removeprefix("/admin")


def quickbooks(place: Place, path: str, body: Any = None) -> Any:
    """What the sandbox's control API answers, or is told."""
    url = f"{place.sandbox}/_control/{path}"
    if body is None:
        return _read(browser().get(url, timeout=PATIENCE)).json()
    return _read(browser().post(url, json=body, timeout=PATIENCE)).json()


def _read(answer: requests.Response) -> requests.Response:
    if not answer.ok:
        raise Wrong(f"{answer.url} answered with {answer.status_code}.")
    return answer


def add_clients(place: Place, step: Step) -> None:
    """Those of the table on the page."""
    person = Person(place)
    rows = re.findall(r"^\| ([^|-]+) \| ([^| ]+@[^| ]+) \|$", step.text, re.MULTILINE)
    for name, email in rows:
        page = person.send("/snippets/crm/client/add/", name=name, email=email, phone="")
        if f"{name}&#x27; created." not in page.text:
            raise Wrong(f"{name} was not added.")


def connect(place: Place, step: Step) -> None:
    """From the button over the consent page, and back to the site."""
    person = Person(place)
    button = r'data-w-action-url-value="([^"]+)">\s*<svg.*?</svg>\s*Connect to QuickBooks'
    consent = person.send(person.find("/qbo/connected-apps/", button))
    choice = rf'value="(\d+)" required>\s*<span><strong>{html.escape(COMPANY)}'
    found = re.search(choice, consent.text)
    if found is None or COMPANY not in step.text:
        raise Wrong(f"{COMPANY} was not offered at {consent.url}.")
    back = person.session.post(consent.url, data={"realm": found[1]}, timeout=PATIENCE)
    if "is connected. Nothing has been read yet." not in back.text:
        raise Wrong(f"The company is not connected: {back.url}")


def change_both_sides(place: Place, step: Step) -> None:
    """A phone number in QuickBooks, and then on the site."""
    person = Person(place)
    edit = client_form(person)

    def customer() -> dict[str, Any]:
        every = quickbooks(place, "customers?realm=firm")
        return next(each for each in every if each["DisplayName"] == CLIENT)

    phone = {"PrimaryPhone": {"FreeFormNumber": IN_QUICKBOOKS}}
    quickbooks(place, "customer", {"realm": "firm", "values": {"Id": customer()["Id"], **phone}})
    until(
        "the customer's number on the client",
        lambda: field_of(person, edit, "phone") == IN_QUICKBOOKS,
    )
    values = {name: field_of(person, edit, name) for name in ("name", "email", "qbo_rendered")}
    person.send(edit, **values, phone=ON_THE_SITE)
    until(
        "the client's number on the customer",
        lambda: customer()["PrimaryPhone"]["FreeFormNumber"] == ON_THE_SITE,
    )


def client_form(person: Person) -> str:
    """Where the client's page is."""
    listing, name = "/snippets/crm/client/", re.escape(CLIENT)
    return person.find(listing, rf'<a href="([^"]+/edit/[^"]+)">\s*<span[^>]*>{name}<')


def field_of(person: Person, path: str, name: str) -> str:
    """What a field of the form holds."""
    (shown,) = re.findall(rf'<input[^>]* name="{name}"[^>]*>', person.look(path))
    found = re.search(r' value="([^"]*)"', shown)
    return html.unescape(found[1]) if found else ""


def disconnect(place: Place, step: Step) -> None:
    """Its dialog's button; the login ends at the other side too."""
    person = Person(place)
    person.send(person.find("/qbo/connected-apps/", r'<form action="([^"]+/disconnect/\d+/)"'))
    until("no login any more at Intuit", lambda: quickbooks(place, "")["grants"] == [])


def stop(place: Place, step: Step) -> None:
    place.stop()


def look_at_what_is_left(place: Place, step: Step) -> None:
    """The site without us, its clients with what a sync has written to them."""
    person = Person(place)
    for path in ("/", "/snippets/crm/client/", "/reports/site-history/"):
        person.look(path)
    edit = client_form(person)
    if field_of(person, edit, "phone") != ON_THE_SITE:
        raise Wrong(f"{CLIENT} is not as it was.")
    if "QuickBooks" in person.look(edit):
        raise Wrong("Something of ours is still on the client's page.")


HANDS: dict[str, Callable[[Place, Step], None]] = {
    "10. Two clients": add_clients,
    "11. Connect": connect,
    "13. From now on": change_both_sides,
    "1. Disconnect": disconnect,
    "2. Drop the tables": stop,
    "6. Look": look_at_what_is_left,
}
"""What people do by hand in a step, by its title."""


def follow(page: str, place: Place, hands: dict[str, Callable[[Place, Step], None]]) -> None:
    """All steps of a page; those of `hands` that belong to them are taken out. Raises Wrong."""
    print(page, flush=True)
    for step in steps(page):
        began = time.monotonic()
        print(f"  {step.title:26}", end="", flush=True)
        if by_hand := hands.pop(step.title, None):
            by_hand(place, step)
        for kind, text in step.blocks:
            place.do(kind, text)
        print(f"{clock(time.monotonic() - began):>12}", flush=True)


def main() -> int:
    hands = dict(HANDS)
    with empty_folder() as place:
        try:
            for page in PAGES:
                follow(page, place, hands)
            if hands:
                raise Wrong(f"No step is called {', '.join(hands)}.")
        except Wrong as wrong:
            print(f"\n{wrong}\n{place.log()}")
            return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
