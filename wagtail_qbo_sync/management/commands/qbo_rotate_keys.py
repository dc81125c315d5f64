"""Seal stored tokens anew under the first of ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_qbo_sync.models import Token, TokenUnreadable
from wagtail_qbo_sync.models.seal import reseal


class Command(BaseCommand):
    help = (
        "After a new key was put first into ENCRYPTION_KEYS: seals every stored token with it. "
        "Then the old key can be removed."
    )

    requires_system_checks: list[str] = []  # which ask for the key that --new-key makes

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--new-key", action="store_true", help="print a new key, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new_key"]:
            self.stdout.write(Fernet.generate_key().decode())
            return
        unreadable = [token for token in Token.objects.all() if not self._rotate(token)]
        self.stdout.write(f"{Token.objects.count() - len(unreadable)} tokens are sealed anew.")
        if unreadable:
            names = ", ".join(token.connection.company_name for token in unreadable)
            raise CommandError(f"No key opens the tokens of: {names}. Reconnect them.")

    def _rotate(self, token: Token) -> bool:
        """Seal one anew, unless it was refreshed this very moment: then look again."""
        while True:
            try:
                sealed = reseal(token.sealed)
            except TokenUnreadable:
                return False
            # The version stays: a refresh that is under way still finds its row.
            if Token.objects.filter(pk=token.pk, sealed=token.sealed).update(sealed=sealed):
                return True
            token.refresh_from_db()
