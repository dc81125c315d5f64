"""The settings, typed and with their defaults (docs/reference/settings.md).

Read them as `conf.settings.API_URL`. They are read again when Django says that a setting
has changed, as tests do. Everything per company lives on the Connection instead.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_type_hints

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

CLIENT_MODEL_SETTING = "WAGTAIL_QBO_SYNC_CLIENT_MODEL"
NAME = "WAGTAIL_QBO_SYNC"

Environment = Literal["production", "sandbox"]

API_URLS: dict[Environment, str] = {
    "production": "https://quickbooks.api.intuit.com",
    "sandbox": "https://sandbox-quickbooks.api.intuit.com",
}
DISCOVERY_URLS: dict[Environment, str] = {
    "production": "https://developer.intuit.com/.well-known/openid_configuration/",
    "sandbox": "https://developer.intuit.com/.well-known/openid_sandbox_configuration/",
}


@dataclass(frozen=True)
class Settings:
    """What stands in `WAGTAIL_QBO_SYNC`. Every key has a default; `problems` names wrong ones."""

    ADAPTER: str = "wagtail_qbo_sync.host.adapter.ClientAdapter"
    """Dotted path of the host's subclass of ClientAdapter."""
    CLIENT_MODEL_MIGRATION: str = ""
    """Name of the migration that creates the client model; "" finds it by looking."""
    ENVIRONMENT: Environment = "production"
    """Which of Intuit's worlds the keys belong to."""
    API_URL: str = ""
    """Base of the accounting API; "" means the environment's own."""
    DISCOVERY_URL: str = ""
    """The OAuth discovery document; "" means the environment's own."""
    CLIENT_ID: str = ""
    CLIENT_SECRET: str = field(default="", repr=False)
    REDIRECT_URI: str = ""
    """As registered at Intuit; "" builds it from the request or WAGTAILADMIN_BASE_URL."""
    WEBHOOK_VERIFIER_TOKEN: str = field(default="", repr=False)
    ENCRYPTION_KEYS: tuple[str, ...] = field(default=(), repr=False)
    """Fernet keys for stored tokens: the first seals, all open (`qbo_rotate_keys`)."""
    INSTALLATION: str = ""
    """A name for this installation; a copy of the database elsewhere is told by it (U18)."""
    PAUSED: bool = False
    """No call to QuickBooks at all (U18); or by QBO_SYNC_PAUSED=1 in the environment."""
    LEASE_SECONDS: int = 150
    """How long a worker that went silent keeps a company to itself (rule 10)."""
    CALL_SECONDS: int = 60
    """How long QuickBooks may be silent within a call, and take for the whole of an answer."""
    TICK_SECONDS: int = 150
    """How long without a heartbeat until `qbo_worker` asks for one out of turn."""
    SILENCE_SECONDS: int = 300
    """How long without a heartbeat until `qbo_worker` takes its cluster for hanging."""
    JOURNAL_DAYS: int = 400
    """How long what was written is kept, and can be undone; 0: for ever (U17)."""
    HISTORY_DAYS: int = 30
    """How long runs that wrote nothing, webhooks, sent batches and so on are kept; 0: for ever."""
    API_READS_A_MONTH: int = 500_000
    """This site's share of the reads that Intuit allows; `qbo_doctor` warns at 80 % (U14)."""
    PATCH_CLIENT_VIEWS: bool = False
    """Add the sync to the host's listing of clients without its code (admin/auto_patch.py)."""

    @property
    def is_paused(self) -> bool:
        """Whether it is, by either."""
        said = os.environ.get("QBO_SYNC_PAUSED", "").strip().lower()
        return self.PAUSED or said in {"1", "true", "yes", "on"}

    @property
    def api_url(self) -> str:
        """Base of the accounting API, without a trailing slash."""
        return (self.API_URL or API_URLS[self.ENVIRONMENT]).rstrip("/")

    @property
    def discovery_url(self) -> str:
        """Address of the OAuth discovery document."""
        return self.DISCOVERY_URL or DISCOVERY_URLS[self.ENVIRONMENT]


def problems(raw: Any) -> list[str]:
    """What is wrong with the value of `WAGTAIL_QBO_SYNC`, one sentence each."""
    if not isinstance(raw, dict):
        return [f"{NAME} must be a dict, not {type(raw).__name__}."]
    known = {item.name: hint for item, hint in _hints()}
    found = [
        f"{NAME}[{key!r}] is not a setting. Known: {', '.join(known)}."
        for key in raw
        if key not in known
    ]
    found += [
        f"{NAME}[{key!r}] must be {_described(known[key])}, not {value!r:.60}."
        for key, value in raw.items()
        if key in known and not _fits(value, known[key])
    ]
    return found


def _hints() -> list[tuple[Any, Any]]:
    hints = get_type_hints(Settings)
    return [(item, hints[item.name]) for item in fields(Settings)]


def _fits(value: Any, hint: Any) -> bool:
    if hint is bool or hint is int:
        return type(value) is hint
    if hint is str:
        return isinstance(value, str)
    if choices := [choice for choice in get_args(hint) if isinstance(choice, str)]:
        return value in choices
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _described(hint: Any) -> str:
    plain = {bool: "True or False", int: "a whole number", str: "a text"}
    if hint in plain:
        return plain[hint]
    if choices := [repr(choice) for choice in get_args(hint) if isinstance(choice, str)]:
        return " or ".join(choices)
    return "a list of texts"


class _Live:
    """The present settings; built when first asked for, dropped when a setting changes."""

    def __init__(self) -> None:
        self._built: Settings | None = None

    def __getattr__(self, name: str) -> Any:
        if self._built is None:
            raw = getattr(django_settings, NAME, {})
            if problems(raw):  # the system check names them; what is right still counts
                raw = raw if isinstance(raw, dict) else {}
                raw = {key: raw[key] for key, hint in _valid(raw)}
            if "ENCRYPTION_KEYS" in raw:
                raw = {**raw, "ENCRYPTION_KEYS": tuple(raw["ENCRYPTION_KEYS"])}
            self._built = Settings(**raw)
        return getattr(self._built, name)

    def forget(self) -> None:
        self._built = None


def _valid(raw: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(i.name, hint) for i, hint in _hints() if i.name in raw and _fits(raw[i.name], hint)]


settings: Settings = _Live()  # type: ignore[assignment]


def client_model() -> str:
    """The host's client model as "app_label.ModelName".

    Raises ImproperlyConfigured when the setting is missing: no model of ours can exist
    without it.
    """
    label = getattr(django_settings, CLIENT_MODEL_SETTING, None)
    if not isinstance(label, str) or label.count(".") != 1:
        raise ImproperlyConfigured(
            f'Set {CLIENT_MODEL_SETTING} to your client model, as in "crm.Client" '
            f"(it is {label!r})."
        )
    return label


def _reload(*, setting: str, **kwargs: Any) -> None:
    if setting == NAME:
        settings.forget()  # type: ignore[attr-defined]


setting_changed.connect(_reload)
