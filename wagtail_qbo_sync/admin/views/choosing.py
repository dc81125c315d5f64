"""Choosing the other half of a pair by hand: search, see what would be overwritten, map (C14).

`map_one` chooses the client of a customer, `map_client` the customer of a client.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.functional import Promise
from wagtail.admin import messages

from wagtail_qbo_sync.admin.base import QboAdminView, typed
from wagtail_qbo_sync.contact import Contact

LIMIT = 20
"""So many are shown at once; more are found by typing more."""


class Choosing(QboAdminView):
    """The page, and by itself the list that a search fetches (`results_only`)."""

    permission_required = "map"
    results_only = False
    results_template_name: str
    asked_for: str
    """What the form calls the one that is chosen."""
    gone: str | Promise
    """Said where that one is there no more."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if problem := self.problem():
            messages.warning(request, problem)
            return redirect(self.next_url)
        context = self.get_context_data()
        if self.results_only:
            self.template_name = self.results_template_name
        response: HttpResponse = self.render_to_response(context)
        return response

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Who is taken already is moved only by the button that says so."""
        act = "move" if "move" in request.POST else "map"
        chosen = self.chosen(request.POST.get("move") or request.POST.get(self.asked_for, ""))
        if chosen is None:
            messages.error(request, self.gone)
        elif self.decide(act, chosen):
            return redirect(self.next_url)
        return redirect(request.get_full_path())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        text, found = self.search()
        return super().get_context_data(
            found=found,
            text=text,
            is_cut=len(found) == LIMIT,
            next_url=self.next_url,
            **kwargs,
        )

    def search(self) -> tuple[str, list[Any]]:
        """What is searched for, and who is found. At first that is the one's own name."""
        if "q" in self.request.GET:
            text = typed(self.request.GET, "q")
            return text, self.find(text)
        found = self.find(self.contact.name)
        return (self.contact.name, found) if found else ("", self.find(""))

    # What each of the two ways has of its own -------------------------------------------------

    def problem(self) -> str:
        """Why nobody can be chosen, "" if somebody can."""
        return ""

    @property
    def next_url(self) -> str:
        """Where the page leads back to."""
        raise NotImplementedError

    @property
    def contact(self) -> Contact:
        """The one whose other half is chosen."""
        raise NotImplementedError

    def find(self, text: str) -> list[Any]:
        """The first that match, in a constant number of queries."""
        raise NotImplementedError

    def chosen(self, key: str) -> Any:
        """The one of this key that the person may choose, None for nobody."""
        raise NotImplementedError

    def decide(self, act: str, chosen: Any) -> bool:
        """Map, or move a mapping; whether that was done, else why not has been said."""
        raise NotImplementedError


def about(contact: Contact) -> str:
    """What tells those of one name apart."""
    return ", ".join(filter(None, [contact.email, contact.phone]))
