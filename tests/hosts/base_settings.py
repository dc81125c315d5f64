"""The tests' settings with another host app in the place of crm."""

from typing import Any

from tests import settings


def host_settings(app: str, model: str, adapter: str) -> dict[str, Any]:
    """All settings for a host app of tests/hosts."""
    found = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
    database = dict(found["DATABASES"]["default"])
    if database["NAME"] != ":memory:":
        database["NAME"] += f"_{app}"
    apps = [f"tests.hosts.{app}", *(name for name in found["INSTALLED_APPS"] if name != "crm")]
    return found | {
        "DATABASES": {"default": database},
        "INSTALLED_APPS": apps,
        "SILENCED_SYSTEM_CHECKS": [],
        "WAGTAIL_QBO_SYNC_CLIENT_MODEL": f"{app}.{model}",
        "WAGTAIL_QBO_SYNC": found["WAGTAIL_QBO_SYNC"]
        | {"ADAPTER": f"tests.hosts.{app}.adapter.{adapter}"},
    }
