"""The settings of a company, shown or changed (U15)."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.people import settings

from ._companies import add_company_argument, chosen_companies


class Command(BaseCommand):
    help = "Shows what is set for a company, or changes it: qbo_settings on_conflict=site"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "settings",
            nargs="*",
            metavar="NAME=VALUE",
            help=f"{', '.join(settings.SET)}; lists by commas, pushed_types=Client,Prospect and "
            "field_directions=phone:pull",
        )
        add_company_argument(parser, "which company; needed to change where there are several")

    def handle(self, *args: Any, **options: Any) -> None:
        companies = chosen_companies(options["company"])
        if not options["settings"]:
            for company in companies:
                self._show(company)
            return
        if len(companies) != 1:
            raise CommandError("Say which company: --company, with an ID or an exact name.")
        self._change(companies[0], dict(map(_pair, options["settings"])))

    def _show(self, company: Connection) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(company.company_name))
        for name in settings.SET:
            self.stdout.write(f"  {name}={_written(name, getattr(company, name))}")

    def _change(self, company: Connection, texts: dict[str, str]) -> None:
        values = {name: _read(name, text) for name, text in texts.items()}
        try:
            changed = settings.change(company, None, **values)
        except ValidationError as error:
            said = [f"{name}: {' '.join(why)}" for name, why in error.message_dict.items()]
            raise CommandError("\n".join(["Nothing was changed.", *said])) from error
        for name, (before, now) in changed.items():
            self.stdout.write(f"{name}: {_written(name, before)} -> {_written(name, now)}")
        if not changed:
            self.stdout.write("Nothing to change: it is set so.")


def _pair(argument: str) -> tuple[str, str]:
    name, sign, text = argument.partition("=")
    if not sign:
        raise CommandError(f"{argument!r} is no NAME=VALUE.")
    return name, text.strip()


def _read(name: str, text: str) -> Any:
    """A setting as it is stored. Contact Types by key or label."""
    listed = [one.strip() for one in text.split(",") if one.strip()]
    keys = {label: key for key, label in get_adapter().contact_type_choices()}
    if name == "contact_type":
        return keys.get(text, text)
    if name == "pushed_types":
        return [keys.get(one, one) for one in listed]
    if name == "field_directions":
        return {field: way for field, _sign, way in (one.partition(":") for one in listed)}
    return text


def _written(name: str, value: Any) -> str:
    labels = dict(get_adapter().contact_type_choices())
    if name == "contact_type":
        return str(labels.get(value, value))
    if name == "pushed_types":
        return ",".join(labels.get(one, one) for one in value)
    if name == "field_directions":
        return ",".join(f"{field}:{way}" for field, way in value.items())
    return str(value)
