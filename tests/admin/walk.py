"""All that the site answers to somebody who goes everywhere and tries everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.test import Client as Browser

from tests.screens import Shown
from wagtail_qbo_sync.admin.base import url


def answers(browser: Browser, shown: Shown, typed: str) -> Iterator[tuple[str, Any]]:
    """Every page, what an act upon it answers, and the message that this leaves.

    `typed`: what stands in the fields that take words.
    """
    for name, address in {**shown.pages(), **shown.pages_of_the_host()}.items():
        yield name, browser.get(address)
    chosen = dict.fromkeys(("client", "client_pk", "pk", "choice"), str(shown.client.pk))
    for name, address in {**shown.addresses(), **shown.bulk_actions()}.items():
        with transaction.atomic():
            response: Any = browser.post(address, {**chosen, "name": typed, "q": typed})
            yield name, response
            if response.wsgi_request._messages.added_new:
                yield f"message of {name}", browser.get(url("connections"))
            transaction.set_rollback(True)
