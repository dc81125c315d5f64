"""The firm's 300 clients, many of whom are in QuickBooks too."""

import json
from pathlib import Path

from django.core.management.base import BaseCommand
from django.db import transaction

from crm.models import Client, ContactType

FIRM = Path(__file__).resolve().parents[2] / "firm.json"


class Command(BaseCommand):
    help = "Load the demo's clients, unless there are clients already."

    @transaction.atomic
    def handle(self, **options: object) -> None:
        if Client.objects.exists():
            self.stdout.write(f"There are {Client.objects.count()} clients already; none loaded.")
            return
        types = {
            name: ContactType.objects.get_or_create(name=name)[0]
            for name in ("Client", "Prospect", "Vendor contact")
        }
        rows = json.loads(FIRM.read_text(encoding="utf-8"))
        clients = [
            Client(**{**row, "contact_type": types[row.get("contact_type", "Client")]})
            for row in rows
        ]
        Client.objects.bulk_create(clients)
        self.stdout.write(f"Loaded {len(clients)} clients.")
