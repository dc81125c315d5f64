"""What people decide, as Wagtail's log names it: action, label, sentence."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.log_actions import LogFormatter

ACTIONS: tuple[tuple[str, Promise, Promise], ...] = (
    ("connect", _("Connect to QuickBooks"), _("Connected to QuickBooks")),
    ("disconnect", _("Disconnect from QuickBooks"), _("Disconnected from QuickBooks")),
    ("approve", _("Approve a sync plan"), _("Sync plan approved")),
    ("discard", _("Discard a sync plan"), _("Sync plan discarded")),
    (
        "release",
        _("Release customers excluded by policy"),
        _("Customers that the policy had excluded take part again"),
    ),
    ("live_site", _("Declare this the live site"), _("Declared to be the live site")),
    ("copy", _("Declare this a copy"), _("Declared to be a copy: its login was forgotten")),
    ("map", _("Map a customer"), _("Customer mapped to a client")),
    ("move", _("Move a mapping"), _("Customer mapped to another client than before")),
    ("create", _("Create a client"), _("Client created from a customer")),
    (
        "create_customer",
        _("Create a customer in QuickBooks"),
        _("A customer is made of the client in QuickBooks"),
    ),
    (
        "cancel_creation",
        _("Take back the creation of a customer"),
        _("No customer is made of the client in QuickBooks"),
    ),
    (
        "plan_creation",
        _("Plan to create customers in QuickBooks"),
        _("Creation of customers from existing clients planned"),
    ),
    ("remove_match", _("Remove a match"), _("Match removed")),
    ("put_match_back", _("Put a match back"), _("Match put back")),
    ("undo_run", _("Plan an undo"), _("Undo of a sync run planned")),
    ("undo", _("Undo a mapping"), _("Mapping undone")),
    ("exclude_customer", _("Exclude a customer"), _("Customer excluded from syncing")),
    ("erase", _("Erase a customer"), _("Customer erased from mirror and history")),
    ("include_customer", _("Include a customer again"), _("Customer included again")),
    ("exclude_client", _("Exclude a client"), _("Client excluded from mapping")),
    ("include_client", _("Include a client again"), _("Client included again")),
    ("disconnect_client", _("Disconnect a client"), _("Client disconnected from QuickBooks")),
    ("reconnect_client", _("Connect a client again"), _("Client connected again")),
    (
        "deleted_reattach",
        _("Attach clients again after many were deleted"),
        _("Clients of the same name and e-mail took the place of deleted ones"),
    ),
    (
        "deleted_leave",
        _("Leave many customers without their deleted clients"),
        _("Customers were left without their deleted clients"),
    ),
    (
        "keep_deleted",
        _("Leave a customer without its deleted client"),
        _("Customer left without its deleted client"),
    ),
    (
        "ask_again",
        _("Ask again about a deleted client"),
        _("A person is asked about the deleted client again"),
    ),
    (
        "reset_go_on",
        _("Go on with a company that was reset"),
        _("The company was reset in QuickBooks; what it has now is taken over by a plan"),
    ),
    (
        "restored",
        _("Look first after a restored backup"),
        _("The database was restored; a person looks at what would be sent"),
    ),
    ("import_types", _("Import Contact Types"), _("Contact Type changed by a file")),
    (
        "undo_import",
        _("Undo an import of Contact Types"),
        _("Contact Type put back: the import of a file was undone"),
    ),
    ("settle", _("Settle a conflict"), _("Conflict settled")),
    ("reopen", _("Reopen a conflict"), _("Conflict opened again")),
    (
        "rename",
        _("Choose another name"),
        _("Another name was chosen, as QuickBooks refused the first"),
    ),
    (
        "leave_name",
        _("Leave a refused name"),
        _("A name that QuickBooks refused was left as it is"),
    ),
    (
        "ask_name",
        _("Ask again about a refused name"),
        _("A person is asked about the refused name again"),
    ),
    ("set_aside", _("Ignore a problem"), _("Problem ignored")),
    ("open_again", _("Open a problem again"), _("Problem opened again")),
    ("settings", _("Change sync settings"), _("Sync settings changed")),
)


class DecisionFormatter(LogFormatter):
    """One of ACTIONS; in a client's own history it says in which company."""

    def format_message(self, log_entry: Any) -> str:
        company = log_entry.data.get("in_company")
        if not company:
            return str(self.message)
        words = {"what": self.message, "company": company}
        return gettext("%(what)s (%(company)s)") % words


def register(actions: Any) -> None:
    """Tell Wagtail's registry of ours."""
    for action, label, message in ACTIONS:
        attributes = {"label": label, "message": message}
        formatter = type("DecisionFormatter", (DecisionFormatter,), attributes)
        actions.register_action(f"wagtail_qbo_sync.{action}")(formatter)
