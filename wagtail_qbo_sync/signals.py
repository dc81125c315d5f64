"""The signals that a host may listen to. Receivers get keyword arguments only."""

from __future__ import annotations

from django.dispatch import Signal

run_finished = Signal()
"""A run has ended. Arguments: `run` (models.Run)."""

attention_needed = Signal()
"""A person is needed: at once when a sync fails, else once for each thing and again after a
week, as the e-mail is sent. Arguments: `connection`, `reason` (text, a line each)."""
