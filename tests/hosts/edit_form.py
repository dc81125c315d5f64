"""Somebody who has a client's form open, in a host of any shape."""

from __future__ import annotations

from typing import Any

from django.test import Client as Browser


class EditForm:
    """The form at `address` as a browser shows it and sends it back."""

    def __init__(self, browser: Browser, address: str, form: str = "form") -> None:
        self.browser, self.address = browser, address
        response = browser.get(address)
        assert response.status_code == 200
        self.page = response.content.decode()
        self.data = self._shown(response, form)

    def _shown(self, response: Any, form: str) -> dict[str, str]:
        context = response.context
        bound = context["adminform"].form if form == "adminform" else context[form]
        return {field.html_name: str(field.value() or "") for field in bound}

    def saves(self, **typed: str) -> Any:
        self.data |= typed
        response: Any = self.browser.post(self.address, self.data)
        if response.status_code == 200:
            name = "adminform" if "adminform" in response.context else "form"
            self.data = self._shown(response, name)
        return response
