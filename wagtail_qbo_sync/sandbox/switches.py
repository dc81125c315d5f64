"""The points on which nobody outside Intuit knows how QBO behaves: each can be set either way.

Also the few house switches (throttle, environment clash, lapsed subscription).
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

# name: the allowed values, the default first. `int` allows any whole number from 0.
CHOICES: dict[str, tuple[Any, ...]] = {
    # What clears a value in a sparse update: "", null, or either.
    "clear_by": ("empty", "null", "both"),
    # An address in a sparse update replaces the stored one, or only the parts that are sent.
    "address_update": ("replace", "merge"),
    # Whether " (deleted)" goes away by itself when Active becomes true and no name is sent.
    "reactivation_suffix": ("strip", "keep"),
    # The same requestid with another body: the first answer again, or fault 600.
    "requestid_other_body": ("replay", "fault"),
    # How many seconds a requestid is remembered.
    "requestid_retention": (86400, int),
    # What a requestid on a batch stands for: the batch as a whole, or each item with its bId.
    "batch_requestid": ("batch", "item"),
    # The order of the answers in a batch.
    "batch_order": ("reversed", "given"),
    # Changes of more than 30 days ago: fault 500, or an answer as the sandbox of 2020 gave.
    "cdc_look_back": ("refuse", "answer"),
    # How an inactive customer comes among the changes: whole, or as deleted transactions do.
    "cdc_inactive": ("whole", "stub"),
    # The form of a 429, and its Retry-After in seconds (0: no such header).
    "throttle_body": ("json", "xml"),
    "retry_after": (0, int),
    # Several addresses in one e-mail field, when written.
    "several_emails": ("refuse", "accept"),
    # A colon, tab or newline in a name.
    "bad_name_code": ("2040", "6000"),
    # A SyncToken that is higher than the stored one.
    "higher_sync_token": ("5010", "2030"),
    # The tail of the duplicate-name fault: "null", a sentence, or the other record's id.
    "duplicate_detail": ("null", "sentence", "id"),
    # The envelope of validation faults (the lower-case one has been seen now and then).
    "validation_envelope": ("service", "gateway"),
    # The default order of a query: by full name without or with case.
    "default_order": ("nocase", "case"),
    "startposition_zero": ("accept", "refuse"),
    # What happens to the sub-customers of a deactivated customer.
    "deactivate_parent": ("cascade", "leave", "refuse"),
    # HTTP status of fault 6190.
    "lapsed_status": (400, 200),
    # Seconds that an old refresh token still works after the roll, and the age of the roll.
    "refresh_grace": (0, int),
    "refresh_roll": (86400, int),
    # A second consent for the same app and company ends the first one's tokens, or not.
    "second_consent": ("replaces", "keeps"),
    # No JSON in the Accept header: answer in XML as QBO does, or refuse with 406.
    "missing_accept": ("xml", "refuse"),
    # The body of a webhook, and what it calls a customer that was made inactive.
    "webhook_format": ("cloudevents", "legacy"),
    "deactivation_event": ("Update", "Delete", "both"),
    # What may befall webhooks: kept back, lost, sent twice, the latest event first.
    "webhook_hold": (False, True),
    "webhook_loss": (False, True),
    "webhook_twice": (False, True),
    "webhook_order": ("given", "reversed"),
    # House switches.
    "throttle": (True, False),
    "environment_clash": (False, True),
    "lapsed": (False, True),
}


class Switches:
    """The switches of one sandbox. `switches["clear_by"]` reads, `set` checks and writes.

    `throttle` is what that one stands at until somebody sets it.
    """

    def __init__(self, table: MutableMapping[str, Any], throttle: bool = True) -> None:
        self._table = table
        self._defaults = {name: choices[0] for name, choices in CHOICES.items()}
        self._defaults["throttle"] = throttle

    def __getitem__(self, name: str) -> Any:
        return self._table.get(name, self._defaults[name])

    def set(self, name: str, value: Any) -> None:
        """Raises ValueError for an unknown switch or value."""
        if name not in CHOICES:
            raise ValueError(f"Unknown switch {name!r}. Known: {', '.join(sorted(CHOICES))}")
        choices = CHOICES[name]
        if int in choices:
            if type(value) is not int or value < 0:
                raise ValueError(f"{name} takes a whole number from 0")
        elif not any(value == choice and type(value) is type(choice) for choice in choices):
            raise ValueError(f"{name} takes one of {choices}")
        self._table[name] = value

    def all(self) -> dict[str, Any]:
        return {name: self[name] for name in CHOICES}
