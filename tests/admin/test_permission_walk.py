"""Every door, tried by everybody: by GET and by POST, with each right alone.

Which right opens which address stands in test_permissions.py; here nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.core import serializers
from django.test import Client as Browser
from django.urls import Resolver404, URLPattern, get_resolver, resolve

from tests import factories, screens
from wagtail_qbo_sync import models
from wagtail_qbo_sync.admin.base import RIGHTS
from wagtail_qbo_sync.models import Connection

from .test_permissions import GET, POST, SCREENS, is_refused

WEBHOOK = "wagtail_qbo_sync.webhooks"


def views_of_ours() -> Iterator[tuple[str, Any]]:
    """(where its code stands, view) of every address of the site that is answered by our code."""
    todo = list(get_resolver().url_patterns)
    while todo:
        item = todo.pop()
        if not isinstance(item, URLPattern):
            todo += item.url_patterns
            continue
        view: Any = item.callback
        code = getattr(view, "view_class", view).__module__
        if code.startswith(f"{screens.OURS}."):
            yield code, view


def test_the_walk_misses_no_view_of_ours() -> None:
    """Whatever its name or namespace: all are in the table of rights but the webhook, and the
    site's own list of clients, which asks for the site's own rights."""
    walked = {id(pattern.callback) for _name, pattern in screens.patterns()}
    missed = {code for code, view in views_of_ours() if id(view) not in walked}
    assert missed == {WEBHOOK, "wagtail_qbo_sync.admin.client_list"}
    assert len(walked) == len(SCREENS)


def test_only_the_webhook_needs_no_token_of_a_form() -> None:
    exempt = {code for code, view in views_of_ours() if getattr(view, "csrf_exempt", False)}
    assert exempt == {WEBHOOK}


def test_every_post_needs_the_token_of_its_form(company: Connection, admin_user: Any) -> None:
    """Of somebody who may do everything; that of another session does not do."""
    shown = screens.small(company)
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    before = everything()
    addresses = {**shown.addresses(), **shown.bulk_actions()}
    for forged in ({}, {"csrfmiddlewaretoken": "x" * 64}):
        answers = {name: strict.post(each, forged) for name, each in addresses.items()}
        assert {name for name, each in answers.items() if each.status_code != 403} == set()
    assert everything() == before


def everything() -> str:
    """All that we keep, as text."""
    kept = [getattr(models, name) for name in models.__all__]
    rows = [each._base_manager.order_by("pk") for each in kept if hasattr(each, "_base_manager")]
    return "".join(serializers.serialize("json", each) for each in rows)


@pytest.mark.parametrize("right", [*RIGHTS, "clients"])
@pytest.mark.parametrize("method", [GET, POST])
def test_no_other_method_opens_more(method: str, right: str, company: Connection) -> None:
    """ "clients": the site's own right to change clients, without any of ours."""
    addresses = screens.small(company).addresses()
    browser = Browser()
    browser.force_login(factories.user(RIGHTS.get(right, "crm.change_client")))
    opened = set()
    for name, address in addresses.items():
        answer = getattr(browser, method)(address)
        if answer.status_code < 400 and not is_refused(answer):
            opened.add(name)
    mine = {name for name, (_, rights) in SCREENS.items() if right in rights}
    if right == "clients":  # the line stands on the site's list of clients, too
        mine = {f"{screens.OURS}:sync_line"}
    assert opened <= mine
    assert opened or method == POST or right == "clients"


@pytest.mark.parametrize("right", ["", *(each for each in RIGHTS if each != "map")])
def test_without_the_right_to_map_no_bulk_action_does_anything(
    right: str, company: Connection
) -> None:
    shown = screens.small(company)
    browser = Browser()
    ours = [RIGHTS[right]] if right else []
    browser.force_login(factories.user(*ours, "crm.view_client", "crm.change_client"))
    before = everything()
    for name, address in shown.bulk_actions().items():
        answers = [browser.get(address), browser.post(address, {"about": "x"})]
        assert all(is_refused(each) for each in answers), name
    assert everything() == before


# What is offered ---------------------------------------------------------------------------------

OFFERS = re.compile(r'(?:href|action|formaction|data-[\w-]*url[\w-]*|data-href)="([^"]*)"')


def offered(page: str, at: str) -> set[str]:
    """The names of the addresses of ours that a page leads, or posts, to."""
    found = set()
    for address in map(unescape, OFFERS.findall(page)):
        try:
            match = resolve(urlsplit(urljoin(at, address)).path)
        except Resolver404:
            continue
        if match.namespace.startswith(screens.OURS):
            found.add(match.view_name)
    return found


@pytest.mark.parametrize("right", RIGHTS)
def test_nothing_is_offered_that_would_be_refused(right: str, company: Connection) -> None:
    """No button in a header, row, menu or message, to who has this right alone."""
    shown = screens.furnish(company)
    browser = Browser()
    browser.force_login(factories.user(RIGHTS[right], "crm.view_client", "crm.change_client"))
    mine = {name for name, (_, rights) in SCREENS.items() if right in rights}
    mine |= {name for name, (_, rights) in SCREENS.items() if not rights and right == "map"}
    excess, offers = {}, 0
    for name, address in {**shown.pages(), **shown.pages_of_the_host()}.items():
        answer = browser.get(address.partition("&next=")[0])  # which would be offered as it is
        if answer.status_code != 200:
            continue
        found = offered(answer.content.decode(), address)
        offers += len(found)
        if found - mine:
            excess[name] = found - mine
    assert excess == {}, excess
    assert offers > 3
