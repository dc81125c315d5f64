"""What of a step is new to people, given what they were asked already.

What they have been asked is not asked again, what they were told of is not tried again until a side
moves, and a question that no step asks any more is closed (rule 11, rule 15).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from .plan import Ask, Kind, Party, Step, seen

NOT_SENT = (Ask.UNSENDABLE, Ask.NOT_TAKEN)
"""What QuickBooks did not take: their facts say `fields`, and by field the `untaken`
values."""

Asked: TypeAlias = Mapping[Ask, Mapping[str, Any]]
"""The questions that are open about one customer, with the facts people were shown."""


def news(
    step: Step | None, customer: Party, asked: Asked, stands: frozenset[Ask] = frozenset()
) -> Step | None:
    """What of `step` is new to people; it also says which open questions it `closes`.

    None when there is nothing to do, or when they were asked just this already. What the site
    refused is not tried again until a side moves, nor is a value that QuickBooks did not take until
    it moves (rule 11). `stands`: questions that stay open although no step asks them.
    """
    if step is not None:
        stands = (stands | _asks(step) | _not_taken(step, asked)) - _agreed(step, asked)
        if Ask.REFUSED in asked and asked[Ask.REFUSED].get("seen") == step.data["seen"]:
            stands |= {Ask.REFUSED}
            step = _without_untaken(step, asked[Ask.REFUSED])
    if step is not None:
        step = _without_refused(step, asked)
    if step is not None and _is_known(step, asked):
        step = None
    answered = sorted(asked.keys() - stands)
    if not answered:
        return step
    step = step or Step(Kind.CLOSE, customer.key, data=seen(customer))
    return replace(step, data={**step.data, "closes": answered})


def _asks(step: Step) -> frozenset[Ask]:
    """The questions that a step leaves behind."""
    found = {Ask.REVIEW} if step.kind is Kind.REVIEW else set()
    if step.kind is Kind.SLEEP and step.data["asks"]:
        found = {Ask(step.data["asks"])}
    return frozenset(found | {Ask.CONFLICT} if "conflicts" in step.data else found)


def _not_taken(step: Step, asked: Asked) -> frozenset[Ask]:
    """The questions about values that QuickBooks did not take, and is still to take."""
    to_qbo = step.data.get("to_qbo", {}).keys()
    return frozenset(ask for ask in NOT_SENT if to_qbo & asked.get(ask, {}).get("fields", ()))


def _agreed(step: Step, asked: Asked) -> frozenset[Ask]:
    """What QuickBooks kept instead is no question once the field was agreed anew."""
    agreed = {*step.data.get("values", ()), *step.data.get("settle", ())}
    is_answered = agreed.intersection(asked.get(Ask.KEPT, {}).get("fields", ()))
    return frozenset({Ask.KEPT} if is_answered else ())


def _without_untaken(step: Step, facts: Mapping[str, Any]) -> Step | None:
    """The step without the values that the site refused, of which it tells; None if the whole
    record was refused, or if nothing else is to be done."""
    untaken = facts.get("untaken", {})
    if not untaken:
        return None
    values = {
        name: value
        for name, value in step.data.get("values", {}).items()
        if name not in untaken or value[1] != untaken[name]
    }
    refused = {name: facts.get(name, "") for name in ("field", "holder")}
    left = {"untaken": untaken, "why": facts["message"], "refused": refused}
    data = {**step.data, "values": values, **left}
    if values or step.kind is not Kind.UPDATE:
        return replace(step, data=data)
    return _without_values(step, data)


def _without_values(step: Step, data: dict[str, Any]) -> Step | None:
    """The step of a linked pair, where nothing is written to the site any more."""
    if data.get("to_qbo"):
        return replace(step, kind=Kind.PUSH, data=data)
    if "conflicts" in data:
        return replace(step, kind=Kind.CONFLICT, data=data)
    return replace(step, kind=Kind.AGREE, data=data) if data["settle"] else None


def _without_refused(step: Step, asked: Asked) -> Step | None:
    """The step without the values that QuickBooks refused together, while all are the same;
    what else was edited travels."""
    to_qbo = step.data.get("to_qbo", {})
    left = dict(to_qbo)
    for ask in NOT_SENT:
        refused = asked.get(ask, {}).get("untaken", {})
        if all(name in to_qbo and to_qbo[name][1] == new for name, new in refused.items()):
            left = {name: value for name, value in left.items() if name not in refused}
    if left == to_qbo:
        return step
    data = {name: value for name, value in step.data.items() if name != "to_qbo"}
    if left:
        data["to_qbo"] = left
    if left or step.kind is not Kind.PUSH:
        return replace(step, data=data)
    return _without_values(step, data)


def _is_known(step: Step, asked: Asked) -> bool:
    """Whether the step does nothing but ask what has been asked already."""
    told = {
        Kind.REVIEW: (Ask.REVIEW, "candidates"),
        Kind.CONFLICT: (Ask.CONFLICT, "conflicts"),
        Kind.SLEEP: (Ask.MERGED, "merged"),
    }
    if step.kind not in told:
        return False
    question, fact = told[step.kind]
    return question in asked and fact in step.data and asked[question].get(fact) == step.data[fact]
