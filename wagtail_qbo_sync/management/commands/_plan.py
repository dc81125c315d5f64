"""A plan as text: its counts, then each step with each field, old and new (U3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext

from wagtail_qbo_sync.admin.labels import field_label, value_lines
from wagtail_qbo_sync.models import Change, Run, Step
from wagtail_qbo_sync.sync.people.ticks import touched_fields
from wagtail_qbo_sync.sync.records.runs import ACTIVE

CHUNK = 500
"""Steps that are read at a time."""
NOTHING = "Nothing of it is to be taken back."
"""Of an undo that has come to nothing."""
FIELDS = (("overwritten", "Overwrites", "over"), ("sent", "Sends", "qbo"))


def count_line(label: Any, count: int) -> str:
    """A number, in a column of numbers."""
    return f"  {label!s:30} {intcomma(count):>7}"


def counts(run: Run) -> Iterator[str]:
    """How many of each kind, then by field what is overwritten and what is sent."""
    unticked = touched_fields(run, Step.State.UNTICKED)
    steps = run.steps.filter(state=Step.State.PLANNED)
    for kind in Step.Kind:
        if number := steps.filter(kind=kind).count():
            yield count_line(kind.label, number)
    if left := run.steps.filter(state=Step.State.UNTICKED).count():
        yield count_line(Step.State.UNTICKED.label, left)
    for key, verb, side in FIELDS:
        for name, number in sorted(run.counts.get(key, {}).items()):
            if ticked := number - unticked[side].get(name, 0):
                yield count_line(f"{verb} {name.replace('_', ' ')}", ticked)


def waits(run: Run) -> str:
    """How it is applied later."""
    return f"Plan {run.pk} waits. To apply it: manage.py qbo_sync --approve {run.pk}"


def steps(run: Run) -> Iterator[str]:
    """Each step, and what it writes where."""
    for step in run.steps.order_by("pk").iterator(CHUNK):
        names = " = ".join(filter(None, [step.data.get("customer"), step.data.get("client")]))
        yield f"{step.label}: {names or step.qbo_id}{_mark(step)}"
        yield from _fields(Change.Side.SITE.label, step.data.get("values", {}))
        yield from _fields(Change.Side.QBO.label, step.data.get("to_qbo", {}))
        if ACTIVE in step.data:
            active = step.data[ACTIVE]
            yield from _fields(Change.Side.QBO.label, {ACTIVE: [not active, active]})


def _mark(step: Step) -> str:
    """What is not done of a plan."""
    if step.state == Step.State.UNTICKED:
        return " (unticked)"
    why = step.data.get("why") if step.state == Step.State.LEFT else ""
    return f" ({step.get_state_display()}: {gettext(why)})" if why else ""


def _fields(side: Any, values: dict[str, list[Any]]) -> Iterator[str]:
    for name, (before, after) in values.items():
        yield f"  {side}, {field_label(name)}: {_text(name, before)} -> {_text(name, after)}"


def _text(name: str, value: Any) -> str:
    return " / ".join(value_lines(name, value)) or "(empty)"
