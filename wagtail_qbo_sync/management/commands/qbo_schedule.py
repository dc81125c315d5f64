"""Repairs the schedule that makes everything happen which nobody asks for."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from wagtail_qbo_sync.sync.access import schedule


class Command(BaseCommand):
    help = "Sees to it that django-q2 runs our tick each minute; harmless at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        found = schedule.tick()
        if schedule.repair():
            said = f"The schedule of the tick was {found.label.lower()}. It is repaired."
        else:
            said = "The schedule of the tick is as it should be."
        self.stdout.write(said)
        self.stdout.write("A worker runs it each minute: manage.py qbo_worker")
