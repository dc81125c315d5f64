"""A reply as XML: what QBO sends to clients that do not ask for JSON."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from .faults import NAMESPACE, XML_HEAD
from .wire import Json

ATTRIBUTES = ("domain", "sparse", "startPosition", "maxResults", "totalCount")


def reply(document: Json) -> str:
    """`{"Customer": {…}, "time": …}` as an IntuitResponse."""
    inside = "".join(_element(k, v) for k, v in document.items() if k != "time")
    time = quoteattr(document["time"])
    return f'{XML_HEAD}<IntuitResponse xmlns="{NAMESPACE}" time={time}>{inside}</IntuitResponse>'


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, dict):
        own = {key: each for key, each in value.items() if key in ATTRIBUTES}
        attributes = "".join(f" {key}={quoteattr(_text(each))}" for key, each in own.items())
        inside = "".join(_element(k, v) for k, v in value.items() if k not in own)
        return f"<{name}{attributes}>{inside}</{name}>"
    return f"<{name}>{escape(_text(value))}</{name}>"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
