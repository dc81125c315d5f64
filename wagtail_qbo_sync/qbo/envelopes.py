"""The shapes in which Intuit reports faults, read into one (docs/quickbooks.md, envelopes).

A: JSON with "Fault"; B: JSON of the gateway with "fault"; C: XML, even where JSON was asked
for; and the OAuth server's {"error", "error_description"}. What is read is foreign: nothing
here raises, texts are cut to a sensible length, and tokens are struck out of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

MASK = "[redacted]"

_MAX_TEXT = 500
_MAX_CODE = 40
_MAX_ITEMS = 50
_MAX_XML = 100_000

_TOKENS = (
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{16,}"),
    re.compile(r"\beyJ[\w.=-]+"),
    re.compile(r"\b(?:AB\d\d|RT1-)[\w.-]{8,}"),
    re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{32,}"),
    re.compile(r"(?i)(?<=token expired: )\S+|(?<=token revoked: )\S+"),
)
"""What a token looks like, wherever it stands."""

_CODE = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_CODE_IN_MESSAGE = re.compile(r"\berrorCode=(\d+)")


@dataclass(frozen=True, slots=True)
class Item:
    """One error of a fault; several may come together."""

    code: str = ""
    message: str = ""
    detail: str = ""
    element: str = ""


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """The text without the given secrets and without anything that looks like a token."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    for shape in _TOKENS:
        text = shape.sub(MASK, text)
    return text


def plain_code(code: Any) -> str:
    """A fault code without leading zeros ("003001" -> "3001"); "" for what is none."""
    if isinstance(code, bool) or not isinstance(code, int | str):
        return ""
    text = str(code).strip()
    if len(text) > _MAX_CODE or not is_code(text):
        return ""
    return text.lstrip("0") if text.isdigit() else text


def is_code(value: Any) -> bool:
    """Whether it looks like a code, the path of a property or the number of a call, which may be
    logged, rather than like a sentence, which repeats what was sent."""
    return _CODE.fullmatch(str(value or "")) is not None


def has_fault(document: Any) -> bool:
    """Whether a JSON document, or an item of a batch, reports a fault."""
    return _fault(document) is not None


def items(body: bytes, secrets: Collection[str] = ()) -> tuple[Item, ...]:
    """The errors in a body of any envelope; () when it is none of them."""
    document = load_json(body)
    if document is not None:
        return items_of(document, secrets)
    return tuple(_from_xml(body, secrets))


def items_of(document: Any, secrets: Collection[str] = ()) -> tuple[Item, ...]:
    """The errors in a JSON document of envelope A or B."""
    fault = _fault(document)
    if not isinstance(fault, Mapping):
        return ()
    errors = _first(fault, "Error", "error")
    rows = errors if isinstance(errors, list) else [errors]
    return tuple(_item(row, secrets) for row in rows[:_MAX_ITEMS] if isinstance(row, Mapping))


def oauth_item(body: bytes, secrets: Collection[str] = ()) -> Item:
    """The error in an answer of the OAuth server; an empty one when there is none."""
    document = load_json(body)
    if not isinstance(document, Mapping):
        return Item()
    return Item(
        code=redact(plain_code(document.get("error")), secrets),
        message=_text(document.get("error_description"), secrets),
    )


def load_json(body: bytes) -> Any:
    """The JSON document in a body, or None when it is not JSON (half of one, HTML, nothing)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _fault(document: Any) -> Any:
    return _first(document, "Fault", "fault") if isinstance(document, Mapping) else None


def _first(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _item(row: Mapping[str, Any], secrets: Collection[str]) -> Item:
    message = _text(_first(row, "Message", "message"), secrets)
    return Item(
        code=redact(plain_code(row.get("code")), secrets) or _code_in(message),
        message=message,
        detail=_text(_first(row, "Detail", "detail"), secrets),
        element=_text(row.get("element"), secrets),
    )


def _code_in(message: str) -> str:
    found = _CODE_IN_MESSAGE.search(message)
    return plain_code(found.group(1)) if found else ""


def _text(value: Any, secrets: Collection[str]) -> str:
    if not isinstance(value, str):
        return ""
    return redact(value[: 10 * _MAX_TEXT], secrets)[:_MAX_TEXT].strip()


def _from_xml(body: bytes, secrets: Collection[str]) -> Iterator[Item]:
    if b"<Fault" not in body or b"<!" in body or len(body) > _MAX_XML:
        return  # no document type: an honest fault has none, and entities can explode
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 (no document type, bounded)
    except (ElementTree.ParseError, ValueError, LookupError):
        return
    for error in [node for node in root.iter() if _tag(node) == "Error"][:_MAX_ITEMS]:
        texts = {_tag(child): child.text or "" for child in error}
        yield _item({**error.attrib, **texts}, secrets)


def _tag(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]
