"""How every connected company is doing: for people, and as JSON for monitoring."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.models import Case, Comparison
from wagtail_qbo_sync.sync.access import schedule, usage
from wagtail_qbo_sync.sync.records import status

from ._terminal import moment


class Command(BaseCommand):
    help = "Shows the state of each connected company and of the worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        companies = [_facts(item) for item in status.all_statuses()]
        seen, tick = status.heartbeat(), schedule.tick()
        silent = status.is_silent(seen)
        if options["json"]:
            facts = {
                "worker_silent": silent,
                "heartbeat_at": seen.isoformat() if seen else None,
                "schedule": str(tick),
                "webhooks_refused": status.webhooks_refused(),
                "reads_this_month": usage.this_month(),
                "reads_budget": settings.API_READS_A_MONTH,
            }
            self.stdout.write(json.dumps({**facts, "companies": companies}, indent=2))
            return
        if silent:
            self.stdout.write(self.style.WARNING("No worker. Start one: manage.py qbo_worker"))
        if tick is schedule.Tick.MISSING:
            self.stdout.write(self.style.WARNING("No schedule. Make it: manage.py qbo_schedule"))
        if not companies:
            self.stdout.write("No company is connected. Connect one: manage.py qbo_connect")
        for company in companies:
            self._show(company)
        share = settings.API_READS_A_MONTH
        self.stdout.write(f"Reads this month: {intcomma(usage.this_month())} of {intcomma(share)}")

    def _show(self, company: dict[str, Any]) -> None:
        state = status.ConnectionState(company["state"]).label
        self.stdout.write(self.style.MIGRATE_HEADING(f"{company['company']}: {state}"))
        synced = moment(company["synced_at"]) if company["synced_at"] else "never"
        self.stdout.write(f"  last synced: {synced}")
        if compared := company["comparison"]:
            equal, among = intcomma(compared["equal"]), intcomma(compared["compared"])
            at = moment(compared["finished_at"])
            self.stdout.write(f"  last full comparison: {equal} of {among} equal, {at}")
        if company["reconnect_by"]:
            self.stdout.write(f"  to be reconnected by: {moment(company['reconnect_by'])}")
        if company["notified_at"]:
            self.stdout.write(f"  last notice from QuickBooks: {moment(company['notified_at'])}")
        if company["plan_waits"]:
            self.stdout.write(self.style.WARNING("  a plan waits for approval"))
        if company["trouble"]:
            self.stdout.write(self.style.ERROR(f"  {gettext(company['trouble']['message'])}"))
            if company["trouble"]["next_try"]:
                self.stdout.write(f"  tried again at: {moment(company['trouble']['next_try'])}")
        for name, count in company["counts"].items():
            self.stdout.write(f"  {status.CustomerStatus(name).label!s:22} {intcomma(count):>7}")
        for name, count in company["problems"].items():
            if count:
                label = Case.Kind(name).label
                self.stdout.write(self.style.WARNING(f"  {label!s:22} {intcomma(count):>7}"))


def _comparison(last: Comparison | None) -> dict[str, Any] | None:
    if last is None or last.finished_at is None:
        return None
    numbers = ("compared", "equal", "different", "missing", "resting")
    at = last.finished_at.isoformat()
    return {"finished_at": at} | {name: getattr(last, name) for name in numbers}


def _reconnect_by(item: status.Status) -> str | None:
    token = item.token
    return token.reconnect_by.isoformat() if token else None


def _facts(item: status.Status) -> dict[str, Any]:
    sync = item.sync
    return {
        "company": item.connection.company_name,
        "realm_id": item.connection.realm_id,
        "environment": item.connection.environment,
        "state": str(item.state),
        "phase": sync.phase,
        "done": sync.done,
        "total": sync.total,
        "synced_at": sync.synced_at.isoformat() if sync.synced_at else None,
        "reconnect_by": _reconnect_by(item),
        "comparison": _comparison(item.last_comparison),
        "pulled_at": sync.pulled_at.isoformat() if sync.pulled_at else None,
        "pushed_at": sync.pushed_at.isoformat() if sync.pushed_at else None,
        "notified_at": sync.notified_at.isoformat() if sync.notified_at else None,
        "plan_waits": item.waiting_run is not None,
        "trouble": sync.trouble,
        "counts": {str(name): count for name, count in item.counts.items()},
        "problems": {str(kind): count for kind, count in item.problems_by_kind.items()},
    }
