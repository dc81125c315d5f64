"""Which connected companies a command is about."""

from __future__ import annotations

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q

from wagtail_qbo_sync.models import Connection


def add_company_argument(parser: CommandParser, help_text: str) -> None:
    """The option --company: a company's ID or its exact name."""
    parser.add_argument("--company", default="", metavar="ID or name", help=help_text)


def chosen_companies(company: str) -> list[Connection]:
    """That company, or all. Raises CommandError if there is none or if a name is shared."""
    connections = Connection.objects.order_by("company_name", "pk")
    if not company:
        return list(connections)
    found = list(connections.filter(Q(realm_id=company) | Q(company_name__iexact=company)))
    if len(found) == 1:
        return found
    known = ", ".join(f"{c.company_name} ({c.realm_id})" for c in found or connections)
    problem = "Several companies are called" if found else "No connected company is called"
    raise CommandError(f"{problem} {company!r}. Known: {known or 'none, see qbo_connect'}.")
