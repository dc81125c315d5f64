"""What can go wrong at QuickBooks and what to do about it: one table, closed by default.

A fault that no row knows is a bug of ours: it is never swallowed and never tried again.
The HTTP status decides first, then the fault code; the wording never does. Each row names
the section of docs/quickbooks.md that says where it comes from.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.qbo.envelopes import plain_code

SECONDS_PER_HOUR = 3600.0


class Action(StrEnum):
    """What the caller does about a fault."""

    BACK_OFF = "back_off"  # leave the company alone for `retry_after` seconds
    REREAD = "reread"  # read the record again and compute anew
    CASE = "case"  # a person must look at this record; the others go on
    RECONNECT = "reconnect"  # a person must connect the company again
    OPERATOR = "operator"  # whoever runs the site must change something
    BUG = "bug"  # ours or Intuit's; never tried again by machine


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. `statuses` or `codes` empty means any."""

    section: str
    action: Action
    sentence: str | Promise
    codes: frozenset[str] = frozenset()
    statuses: Collection[int] = ()
    wait: float | None = None
    """Seconds to leave the company alone, where Intuit does not say."""
    pull_goes_on: bool = False
    """Whether reading may go on although this call failed."""
    unknown_outcome: bool = False
    """Whether a write may have been done all the same."""

    def fits(self, status: int | None, code: str) -> bool:
        """Whether this row speaks of that fault."""
        return (not self.statuses or status in self.statuses) and (
            not self.codes or code in self.codes
        )


def _row(section: str, action: Action, sentence: Promise, codes: str = "", **options: Any) -> Fault:
    return Fault(section, action, sentence, frozenset(codes.split()), **options)


_RECORD: dict[str, Any] = {"pull_goes_on": True}

TABLE: tuple[Fault, ...] = (
    # The HTTP status alone decides.
    _row(
        "throttling",
        Action.BACK_OFF,
        _("QuickBooks is limiting how often we may call."),
        statuses={429},
        wait=60,
    ),
    _row(
        "server-errors",
        Action.BACK_OFF,
        _("QuickBooks has a problem of its own. Nothing is to be done here."),
        statuses={408, *range(500, 600)},
        wait=60,
        unknown_outcome=True,
    ),
    _row(
        "service-addresses",
        Action.OPERATOR,
        _(
            "The address for QuickBooks sends us on to another one, which we do not follow. "
            "Check API_URL and DISCOVERY_URL in the settings."
        ),
        statuses=range(300, 400),
    ),
    # Codes that mean the same under any other status.
    _row(
        "throttling",
        Action.BACK_OFF,
        _("QuickBooks is limiting how often we may call."),
        "3001",
        wait=60,
    ),
    _row(
        "wrong-environment",
        Action.OPERATOR,
        _(
            "This company belongs to Intuit's other environment (sandbox or production). "
            "Use the keys and the API address of the same environment."
        ),
        "130",
    ),
    _row(
        "lost-rights",
        Action.RECONNECT,
        _(
            "The person who connected this company may no longer use it in QuickBooks. "
            "Ask a company administrator to connect it again."
        ),
        "100 110 120 140 150 5020",
    ),
    _row(
        "access-tokens",
        Action.RECONNECT,
        _("QuickBooks no longer accepts our access to this company. Please connect it again."),
        "3200",
    ),
    _row(
        "wrong-company",
        Action.RECONNECT,
        _(
            "Our access does not cover this company. Please connect it again; if that does not "
            "help, the keys in the settings belong to another app or environment."
        ),
        "3100",
    ),
    _row(
        "subscription-lapsed",
        Action.BACK_OFF,
        _(
            "The QuickBooks subscription of this company has ended or has a billing problem. "
            "Nothing is sent to it until it is renewed there; we read what QuickBooks lets us."
        ),
        "6190",
        wait=SECONDS_PER_HOUR,
        pull_goes_on=True,
    ),
    _row(
        "stale-records",
        Action.REREAD,
        _("Somebody changed this customer in QuickBooks just now. We look again by ourselves."),
        "5010",
        **_RECORD,
    ),
    _row(
        "request-ids",
        Action.REREAD,
        _("QuickBooks says that it has had this change already. We look at what it did."),
        "600",
        unknown_outcome=True,
        **_RECORD,
    ),
    _row(
        "duplicate-names",
        Action.CASE,
        _(
            "Another customer, vendor or employee in QuickBooks has this name already. "
            "Map to it, choose another name, or leave it."
        ),
        "6240",
        **_RECORD,
    ),
    _row(
        "missing-records",
        Action.CASE,
        _(
            "QuickBooks does not find this record, or it has been made inactive. "
            "Look for it in QuickBooks, or remove the match."
        ),
        "610 2500",
        **_RECORD,
    ),
    _row(
        "refused-values",
        Action.CASE,
        _("A value is too long or too short for QuickBooks. Please change it."),
        "2050",
        **_RECORD,
    ),
    _row(
        "refused-values",
        Action.CASE,
        _("A value has characters that QuickBooks does not take. Please change it."),
        "2040",
        **_RECORD,
    ),
    _row(
        "refused-values",
        Action.CASE,
        _("QuickBooks does not accept this e-mail address. Please correct it."),
        "2210",
        **_RECORD,
    ),
    _row(
        "refused-values",
        Action.CASE,
        _("QuickBooks needs a name for this customer. Please enter one."),
        "6080",
        **_RECORD,
    ),
    _row(
        "refused-values",
        Action.CASE,
        _("This customer wants its invoices by e-mail, so QuickBooks needs an e-mail address."),
        "6420",
        **_RECORD,
    ),
    _row(
        "business-rules",
        Action.CASE,
        _(
            "The customer has an open balance, so QuickBooks does not make it inactive. Settle the "
            "balance in QuickBooks first, or leave the customer active."
        ),
        "6220",
        **_RECORD,
    ),
    _row(
        "business-rules",
        Action.CASE,
        _("A rule of QuickBooks forbids this change. Please make it in QuickBooks, or undo it."),
        "700 900 6000 6150 6180 6280",
        **_RECORD,
    ),
    _row(
        "system-faults",
        Action.BACK_OFF,
        _("QuickBooks has a problem of its own. Nothing is to be done here."),
        "10000",
        wait=300,
        unknown_outcome=True,
    ),
    _row(
        "company-reset",
        Action.OPERATOR,
        _(
            "The data of this company have been reset in QuickBooks. "
            "Disconnect it and decide what is to become of its mappings."
        ),
        "10200",
    ),
    _row(
        "our-mistakes",
        Action.BUG,
        _("We asked QuickBooks something that it does not understand. Please report this."),
        "500 1040 2010 2020 2030 2130 2170 4000 4001 4002 10100",
    ),
    # OAuth.
    _row(
        "refused-grants",
        Action.RECONNECT,
        _("QuickBooks has ended our access to this company. Please connect it again."),
        "invalid_grant",
    ),
    _row(
        "refused-grants",
        Action.RECONNECT,
        _("Access was refused at QuickBooks. Nothing has changed; you can connect again."),
        "access_denied",
    ),
    _row(
        "app-keys",
        Action.OPERATOR,
        _(
            "Intuit does not accept the app's keys. Check CLIENT_ID and CLIENT_SECRET in the "
            "settings; the connection itself is still good."
        ),
        "invalid_client unauthorized_client invalid_scope",
    ),
    _row(
        "stored-logins",
        Action.OPERATOR,
        _(
            "The keys in the settings do not open the stored login. Put the former key back "
            "among ENCRYPTION_KEYS, or connect this company again."
        ),
        "encryption_keys",
    ),
    _row(
        "our-mistakes",
        Action.BUG,
        _("We asked Intuit for access in a way that it does not understand. Please report this."),
        "invalid_request unsupported_grant_type unsupported_response_type token_answer",
    ),
    # The way to QuickBooks.
    _row(
        "network",
        Action.BACK_OFF,
        _("QuickBooks cannot be reached from this server. We try again by ourselves."),
        "unreachable",
        wait=60,
    ),
    _row(
        "network",
        Action.BACK_OFF,
        _("The connection to QuickBooks broke off. We try again by ourselves."),
        "cut timeout",
        wait=60,
        unknown_outcome=True,
    ),
    _row(
        "network",
        Action.BACK_OFF,
        _("Something answered in place of QuickBooks. We try again by ourselves."),
        "not_json",
        wait=60,
        unknown_outcome=True,
    ),
    _row(
        "odd-answers",
        Action.BACK_OFF,
        _("QuickBooks gave fewer customers than it had counted. We read again by ourselves."),
        "short",
        wait=60,
    ),
    _row(
        "network",
        Action.OPERATOR,
        _(
            "The server at the address for QuickBooks cannot prove who it is. "
            "Check this server's certificates, proxy and clock."
        ),
        "certificate",
    ),
    _row(
        "service-addresses",
        Action.OPERATOR,
        _(
            "An address for QuickBooks is not usable: it must begin with https://, or with "
            "http:// for this very machine. Check API_URL and DISCOVERY_URL in the settings."
        ),
        "address",
    ),
    _row(
        "service-addresses",
        Action.OPERATOR,
        _("DISCOVERY_URL does not lead to Intuit's list of addresses. Check the settings."),
        "discovery",
    ),
    _row(
        "odd-answers",
        Action.BUG,
        _("QuickBooks gave an answer that we do not understand. Please report this."),
        "shape too_large",
        unknown_outcome=True,
    ),
    _row(
        "odd-answers",
        Action.CASE,
        _("QuickBooks sent this customer in a form that we cannot read. Please look at it there."),
        "malformed",
        **_RECORD,
    ),
    # What is left of a status when no code is known.
    _row(
        "access-tokens",
        Action.RECONNECT,
        _("QuickBooks no longer accepts our access to this company. Please connect it again."),
        statuses={401},
    ),
)

NO_CODE: tuple[Fault, ...] = (
    _row(
        "service-addresses",
        Action.OPERATOR,
        _(
            "Something between this server and QuickBooks refuses our calls, or the address is "
            "wrong. Check the proxy, the firewall and API_URL in the settings."
        ),
        statuses={403, 404, 407},
    ),
)
"""Rows for answers without any fault code, such as a firewall's page."""

UNKNOWN = _row(
    "unknown-faults",
    Action.BUG,
    _("QuickBooks refused this for a reason that we do not know. Please report this."),
    unknown_outcome=True,
)


def lookup(status: int | None, code: str) -> Fault:
    """The row for an HTTP status (None: no answer) and a fault code ("" none)."""
    code = plain_code(code)
    rows = TABLE if code else TABLE + NO_CODE
    return next((row for row in rows if row.fits(status, code)), UNKNOWN)
