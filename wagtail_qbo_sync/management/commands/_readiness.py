"""Commands that do not start while something that they need is missing."""

from __future__ import annotations

from django.core.checks import run_checks
from django.core.management.base import CommandError


def refuse_unless_ready(*tags: str) -> None:
    """Raises CommandError with every finding of our checks of these tags, and its cure."""
    checks = run_checks(tags=tags, include_deployment_checks=False)
    if found := [one for one in checks if not one.is_silenced()]:
        raise CommandError("\n".join(f"{one.msg} {one.hint or ''}".strip() for one in found))
