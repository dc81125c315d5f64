"""System checks (docs/reference/checks.md).

Errors, which also stop `migrate`, only where nothing can work: the client model, the adapter,
settings that do not exist, plain http to the outside. What is missing for syncing is a
Warning; `check --deploy` makes it an Error, and the commands that need it refuse (`qbo_connect`,
`qbo_worker`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from typing import Any

from cryptography.fernet import Fernet
from django.apps import AppConfig, apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, router
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from . import conf
from .host.adapter import ClientAdapter, get_adapter
from .host.swappable import client_names, creates_client_model
from .qbo.faults import QboError
from .qbo.transport import check_url

TAG = "wagtail_qbo_sync"
CREDENTIALS = "qbo_credentials"
WORKER = "qbo_worker"
"""Tags of their own for what commands look at before they start."""
READ_COMMITTED = "read committed"
"""Django's isolation level for MariaDB, unless the settings name another."""
LEASE_RANGE = range(30, 3601)
"""Seconds: longer than the work between two renewals (a call prolongs the lease by itself to
as long as it may take), shorter than anybody wants to wait for a worker that was killed."""
CALL_RANGE = range(20, 121)
"""Seconds: Intuit gives up on a request of its own after 120."""
TICK_RANGE = range(60, 601)
"""Seconds: not before the schedule, which rings each minute, had its turn."""
SILENCE_RANGE = range(120, 3601)
"""Seconds: longer than a piece of work takes in which no task of another kind gets a turn."""

AppConfigs = Sequence[AppConfig] | None


@register(TAG)
def check_settings(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Unknown or mistyped keys, and addresses that would send tokens in the clear."""
    raw = getattr(django_settings, conf.NAME, {})
    found: list[CheckMessage] = [
        Error(problem, hint=_("Correct %s in your settings.") % conf.NAME, id=f"{TAG}.E010")
        for problem in conf.problems(raw)
    ]
    found += [
        Error(
            _("%(setting)s[%(key)r] is no address that tokens may be sent to.")
            % {"setting": conf.NAME, "key": key},
            hint=_("Use https, without a password; plain http is only for this machine."),
            id=f"{TAG}.E011",
        )
        for key, url in (
            ("API_URL", conf.settings.api_url),
            ("DISCOVERY_URL", conf.settings.discovery_url),
        )
        if not _is_safe(url)
    ]
    return found


@register(TAG)
def check_client_model(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """The client model is there, in the default database like ours."""
    try:
        label = conf.client_model()
    except ImproperlyConfigured as error:
        return [_no_client_model(str(error))]
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError) as error:
        return [_no_client_model(f"{conf.CLIENT_MODEL_SETTING} = {label!r}: {error}")]
    if model._meta.proxy:
        return [_no_client_model(_("%s is a proxy: it has no table of its own.") % label)]
    theirs = router.db_for_write(model)
    ours = router.db_for_write(apps.get_model(TAG, "Connection"))
    if theirs == ours == DEFAULT_DB_ALIAS:
        return []
    return [
        Error(
            _("%(model)s is in the database %(theirs)r, QuickBooks' tables are in %(ours)r.")
            % {"model": label, "theirs": theirs, "ours": ours},
            hint=_("Route both to %r in DATABASE_ROUTERS: they are written in one transaction.")
            % DEFAULT_DB_ALIAS,
            id=f"{TAG}.E003",
        )
    ]


@register(TAG)
def check_client_key(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Whatever key a client may have can be kept in our tables, and told from others there."""
    if check_client_model(app_configs):
        return []  # said already
    field = apps.get_model(conf.client_model())._meta.pk
    while field.is_relation:  # of a row that extends another model's
        field = field.target_field
    return [*_long_key(field), *_exact_key(field)]


def _long_key(field: Any) -> Iterator[CheckMessage]:
    longest = apps.get_model(TAG, "Mapping")._meta.get_field("client_pk").max_length
    if (field.max_length or 0) > longest:
        yield Warning(
            _("A key of %(model)s may have %(length)s characters; %(longest)s can be kept.")
            % {"model": conf.client_model(), "length": field.max_length, "longest": longest},
            hint=_("A client with a longer key cannot be mapped. Shorten the key's field."),
            id=f"{TAG}.W021",
        )


def _exact_key(field: Any) -> Iterator[CheckMessage]:
    """MariaDB compares texts without capitals, unless a column or its database says otherwise."""
    collation = getattr(field, "db_collation", None) or ""
    is_exact = collation.endswith(("_bin", "_cs"))
    if is_exact and connections[DEFAULT_DB_ALIAS].vendor == "mysql":
        yield Warning(
            _("Keys of %(model)s may differ in capitals alone (%(collation)s).")
            % {"model": conf.client_model(), "collation": collation},
            hint=_(
                "Our tables compare them as the database does by itself; unless that tells "
                "capitals apart too, such clients are mixed up. Make keys that differ otherwise."
            ),
            id=f"{TAG}.W023",
        )


@register(TAG)
def check_adapter(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """The adapter can be imported and its fields are the model's."""
    path = conf.settings.ADAPTER
    hint = _("Name a subclass of wagtail_qbo_sync.host.adapter.ClientAdapter in %s['ADAPTER'].")
    try:
        found = import_string(path)
    except ImportError as error:
        return [Error(str(error), hint=hint % conf.NAME, id=f"{TAG}.E005")]
    if not (isinstance(found, type) and issubclass(found, ClientAdapter)):
        problem = _("%s is not a ClientAdapter.") % path
        return [Error(problem, hint=hint % conf.NAME, id=f"{TAG}.E005")]
    if check_client_model(app_configs):
        return []  # said already
    return get_adapter().check()


@register(TAG, Tags.database)
def check_client_migration(
    app_configs: AppConfigs, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """A migration creates the client model; looked at only when a database is."""
    if not databases or check_client_model(app_configs) or creates_client_model():
        return []
    return [
        Error(
            _("No migration creates the client model %s.") % conf.client_model(),
            hint=_(
                "Run manage.py makemigrations. If something else than CreateModel makes it, set "
                '%s["CLIENT_MODEL_MIGRATION"] to the migration after which it is there.'
            )
            % conf.NAME,
            id=f"{TAG}.E002",
        )
    ]


@register(TAG, Tags.database)
def check_client_model_kept(
    app_configs: AppConfigs, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """The client model is still the one that the tables were made for, if by another name."""
    now = str(getattr(django_settings, conf.CLIENT_MODEL_SETTING, ""))
    names = {now} if check_client_model(app_configs) else set(client_names())
    stored = {alias: _stored_client_model(alias) for alias in databases or ()}
    return [
        Error(
            _("The tables were made for the client model %(before)s; %(setting)s is now %(now)r.")
            % {"before": before, "setting": conf.CLIENT_MODEL_SETTING, "now": now},
            hint=_(
                "Set it back. To start over with the new model, which forgets all connections "
                "and mappings: with the old setting, manage.py migrate wagtail_qbo_sync zero; "
                "with the new one, manage.py migrate."
            ),
            id=f"{TAG}.E004",
        )
        for before in stored.values()
        if before and before.lower() not in map(str.lower, names)
    ]


@register(TAG, CREDENTIALS)
def check_credentials(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """What connecting a company needs, as Warnings; `qbo_connect` refuses on them."""
    return list(_credentials())


@register(TAG, WORKER)
def check_worker(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """What would make the worker stumble, as Warnings; `qbo_worker` refuses on them."""
    return list(_worker())


@register(TAG)
def check_advice(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """What works, but not as well as it could, as Warnings."""
    return list(_advice())


@register(TAG, Tags.security, deploy=True)
def check_deployment(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """The same as Errors, for `check --deploy`; advice stays a Warning."""
    return [Error(one.msg, hint=one.hint, id=one.id) for one in (*_credentials(), *_worker())]


def _no_client_model(problem: str) -> CheckMessage:
    return Error(
        problem,
        hint=_('Set %s = "app_label.ModelName", a model of an installed app.')
        % conf.CLIENT_MODEL_SETTING,
        id=f"{TAG}.E001",
    )


def _stored_client_model(alias: str) -> str:
    """What `migrate` noted in this database; "" before the first one."""
    state = apps.get_model(TAG, "SiteState")
    if not router.allow_migrate_model(alias, state):
        return ""
    connection = connections[alias]
    try:
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)
        if state._meta.db_table not in tables:
            return ""
        row = state._base_manager.using(alias).values_list("client_model", flat=True).first()
    except DatabaseError:
        return ""
    return row or ""


# Credentials -----------------------------------------------------------------------------


def _credentials() -> Iterator[CheckMessage]:
    missing = [key for key in ("CLIENT_ID", "CLIENT_SECRET") if not getattr(conf.settings, key)]
    if missing:
        yield Warning(
            _("%(setting)s has no %(keys)s.")
            % {"setting": conf.NAME, "keys": _(" and no ").join(missing)},
            hint=_("Copy the keys of your app from developer.intuit.com into it."),
            id=f"{TAG}.W001",
        )
    yield from _encryption_keys()
    yield from _redirect_uri()


def _encryption_keys() -> Iterator[CheckMessage]:
    keys = conf.settings.ENCRYPTION_KEYS
    hint = _("Make one with manage.py qbo_rotate_keys --new-key and keep it out of the repository.")
    if not keys and not django_settings.DEBUG:  # while developing, SECRET_KEY stands in
        yield Warning(
            _("%s has no ENCRYPTION_KEYS: tokens cannot be stored.") % conf.NAME,
            hint=hint,
            id=f"{TAG}.W002",
        )
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key.encode())
        except ValueError:
            yield Warning(
                _("Number %(number)s in %(setting)s['ENCRYPTION_KEYS'] is no Fernet key.")
                % {"number": number, "setting": conf.NAME},
                hint=hint,
                id=f"{TAG}.W002",
            )


def _redirect_uri() -> Iterator[CheckMessage]:
    key = f"{conf.NAME}['REDIRECT_URI']"
    uri: str | None = conf.settings.REDIRECT_URI
    if not uri:
        key, uri = "WAGTAILADMIN_BASE_URL", getattr(django_settings, "WAGTAILADMIN_BASE_URL", None)
    if not uri:
        yield Warning(
            _("Intuit must be told where to send people back to: there is no redirect URI."),
            hint=_("Set %s['REDIRECT_URI'] or WAGTAILADMIN_BASE_URL.") % conf.NAME,
            id=f"{TAG}.W003",
        )
    elif not _is_safe(uri):
        yield Warning(
            _("%(key)s is %(uri)s: Intuit sends people back only to https.")
            % {"key": key, "uri": uri},
            hint=_("Use the https address of this site; plain http only for localhost."),
            id=f"{TAG}.W003",
        )


def _is_safe(url: str) -> bool:
    """Encrypted, or within this machine."""
    try:
        return bool(check_url(url))
    except QboError:
        return False


# The worker ------------------------------------------------------------------------------


def _worker() -> Iterator[CheckMessage]:
    if not apps.is_installed("django_q"):
        yield Warning(
            _("django_q is not in INSTALLED_APPS: nothing would run in the background."),
            hint=_('Add "django_q" to INSTALLED_APPS and Q_CLUSTER to your settings.'),
            id=f"{TAG}.W010",
        )
        return
    yield from _timing(_cluster())
    yield from _broker(_cluster())
    yield from _sqlite()
    yield from _isolation()
    yield from _seconds("LEASE_SECONDS", LEASE_RANGE)
    yield from _seconds("CALL_SECONDS", CALL_RANGE)
    yield from _seconds("TICK_SECONDS", TICK_RANGE)
    yield from _seconds("SILENCE_SECONDS", SILENCE_RANGE)


def _seconds(key: str, allowed: range) -> Iterator[CheckMessage]:
    """A time that is too short or too long to work with."""
    if getattr(conf.settings, key) not in allowed:
        yield Warning(
            _("%(setting)s['%(key)s'] is %(value)s.")
            % {"setting": conf.NAME, "key": key, "value": getattr(conf.settings, key)},
            hint=_("Use %(least)s to %(most)s; %(usual)s is right for most.")
            % {
                "least": allowed[0],
                "most": allowed[-1],
                "usual": getattr(conf.Settings, key),
            },
            id=f"{TAG}.W018",
        )


def _cluster() -> dict[str, Any]:
    found = getattr(django_settings, "Q_CLUSTER", None)
    return found if isinstance(found, dict) else {}


def _timing(cluster: dict[str, Any]) -> Iterator[CheckMessage]:
    timeout = cluster.get("timeout")
    if not timeout:
        yield Warning(
            _("Q_CLUSTER has no timeout: a task that hangs holds its worker for ever."),
            hint=_('Set "timeout": 300.'),
            id=f"{TAG}.W011",
        )
        return
    if cluster.get("catch_up", True):
        yield Warning(
            _("Q_CLUSTER['catch_up'] is on: after a pause each missed tick would run."),
            hint=_('Set "catch_up": False.'),
            id=f"{TAG}.W013",
        )
    from django_q.conf import Conf

    workers = int(cluster.get("workers") or Conf.WORKERS)
    queue_limit = int(cluster.get("queue_limit") or workers**2)
    least = timeout * (1 + ceil((queue_limit + 1) / workers))
    if cluster.get("retry", 60) <= least:
        yield Warning(
            _("Q_CLUSTER['retry'] is %(retry)s: tasks that wait in the queue would run twice.")
            % {"retry": cluster.get("retry", 60)},
            hint=_(
                "Set it to more than %(least)s: timeout x (1 + (queue_limit + 1) / workers), "
                "or lower queue_limit."
            )
            % {"least": least},
            id=f"{TAG}.W012",
        )


def _broker(cluster: dict[str, Any]) -> Iterator[CheckMessage]:
    alias = cluster.get("orm")
    if not alias:
        return
    from django_q.models import Schedule

    if alias != router.db_for_write(Schedule):
        yield Warning(
            _("Q_CLUSTER['orm'] is %(alias)r, schedules are kept in %(schedules)r.")
            % {"alias": alias, "schedules": router.db_for_write(Schedule)},
            hint=_("Use one database for both, or each schedule runs again and again."),
            id=f"{TAG}.W014",
        )


def _sqlite() -> Iterator[CheckMessage]:
    for alias in connections:
        database = connections[alias].settings_dict
        mode = str(database.get("OPTIONS", {}).get("transaction_mode", "")).upper()
        if connections[alias].vendor == "sqlite" and mode not in {"IMMEDIATE", "EXCLUSIVE"}:
            yield Warning(
                _("The SQLite database %r starts transactions without the right to write.") % alias,
                hint=_(
                    'Set its OPTIONS to {"transaction_mode": "IMMEDIATE", "timeout": 20, '
                    '"init_command": "PRAGMA journal_mode=WAL;"}, or web and worker will meet '
                    '"database is locked".'
                ),
                id=f"{TAG}.W015",
            )


def _isolation() -> Iterator[CheckMessage]:
    """What is read once a row is locked has to be what the others left there (rule 10)."""
    for alias in connections:
        options = connections[alias].settings_dict.get("OPTIONS", {})
        level = str(options.get("isolation_level", READ_COMMITTED)).lower()
        if connections[alias].vendor == "mysql" and level != READ_COMMITTED:
            yield Warning(
                _("The database %(alias)r is read at the isolation level %(level)r.")
                % {"alias": alias, "level": level},
                hint=_(
                    "Take isolation_level out of its OPTIONS; Django then uses “read committed”. "
                    "At another level a decision would be made on what stood there before."
                ),
                id=f"{TAG}.W022",
            )


def _advice() -> Iterator[CheckMessage]:
    yield from _webhooks()
    cluster = _cluster()
    alias = cluster.get("orm")
    if "redis" in cluster:
        yield Warning(
            _("Q_CLUSTER uses Redis, which forgets tasks when a worker is killed."),
            hint=_("Nothing is lost: the next tick rings again within a minute."),
            id=f"{TAG}.W016",
        )
    elif alias in list(connections) and _reconnects(alias):
        yield Warning(
            _("The database %r closes its connection after each task.") % alias,
            hint=_('Set "CONN_MAX_AGE": 60; the queue is then some ten times as fast.'),
            id=f"{TAG}.W017",
        )


def _webhooks() -> Iterator[CheckMessage]:
    if not conf.settings.WEBHOOK_VERIFIER_TOKEN:
        yield Warning(
            _("%s has no WEBHOOK_VERIFIER_TOKEN: changes in QuickBooks are noticed late.")
            % conf.NAME,
            hint=_("Copy the verifier token from the webhooks of your app at Intuit into it."),
            id=f"{TAG}.W019",
        )
        return
    try:
        reverse("qbo_webhooks")
    except NoReverseMatch:
        yield Warning(
            _("No URL of this site takes the webhooks of QuickBooks."),
            hint=_('Include "wagtail_qbo_sync.webhooks" in your URLconf.'),
            id=f"{TAG}.W020",
        )


def _reconnects(alias: str) -> bool:
    """Whether each look into the queue logs in anew, which PostgreSQL takes its time for."""
    connection = connections[alias]
    return connection.vendor == "postgresql" and connection.settings_dict["CONN_MAX_AGE"] == 0
