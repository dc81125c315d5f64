"""A language made for tests: what went through gettext is written in letters of its own.

What is left in plain letters is a value that somebody typed, or a text that nobody can translate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.apps import apps
from django.utils import translation
from django.utils.safestring import SafeData, mark_safe

PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
OTHER = str.maketrans(PLAIN, "".join(chr(0xFEE0 + ord(letter)) for letter in PLAIN))
"""Letters as wide as Chinese ones, which nobody here types."""
NO_TEXT = re.compile(r"(%\(\w+\)[sd]|%[sd%]|\{\w*\}|<[^>]*>|&\w+;|python manage\.py \w+)")
"""What a translator leaves: places for values, tags, entities, commands."""
WORD = re.compile(r"[A-Za-z]{2,}")
SHOWN = {"alt", "aria-label", "placeholder", "title", "data-label"}
UNSEEN = {"script", "style", "svg"}
SCRIPTS_NAME = re.compile(r"<dt>[a-z]+</dt>")
"""By which a script of ours finds its words on the page."""
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "use", "wbr"}


def otherwise(text: str) -> str:
    """The text in letters of its own."""
    said = "".join(
        part if NO_TEXT.fullmatch(part) else part.translate(OTHER) for part in NO_TEXT.split(text)
    )
    return mark_safe(said) if isinstance(text, SafeData) else said


@pytest.fixture
def in_other_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever language is asked for."""

    def changed(translate: Callable[..., str]) -> Callable[..., str]:
        return lambda *arguments: otherwise(translate(*arguments))

    trans: Any = translation._trans  # type: ignore[attr-defined]
    for name in ("gettext", "ngettext", "pgettext", "npgettext"):
        monkeypatch.setattr(trans, name, changed(getattr(trans, name)))


class Seen(HTMLParser):
    """What is read of the page's main part, also by a screen reader."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: text or "" for name, text in attrs}
        is_read = tag == "main" or (self._is_read and tag not in UNSEEN)
        is_read &= "qbo-differs" not in given.get("class", "").split()
        if is_read:
            self.texts += [given.get(name, "") for name in SHOWN]
            self.texts += [given.get("value", "")] if given.get("type") == "submit" else []
        if tag not in VOID:
            self._open.append((tag, is_read))

    def handle_endtag(self, tag: str) -> None:
        if tag in dict(self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._is_read:
            self.texts.append(data)

    @property
    def _is_read(self) -> bool:
        return bool(self._open) and self._open[-1][1]


def seen(page: str) -> list[str]:
    reader = Seen()
    reader.feed(SCRIPTS_NAME.sub("", page))
    return [" ".join(text.split()) for text in reader.texts if text.strip()]


def typed() -> set[str]:
    """Words of what is stored: what people and QuickBooks wrote."""

    def leaves(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, tuple)):
            for each in value:
                yield from leaves(each)
        elif isinstance(value, dict):
            yield from leaves(list(value.values()))

    rows = (row for model in apps.get_models() for row in model._base_manager.all())
    words: set[str] = set()
    for row in rows:
        for field in row._meta.concrete_fields:
            if not field.choices:
                words.update(*map(WORD.findall, leaves(getattr(row, field.attname))))
    return words


def plain(texts: Iterable[str], known: set[str]) -> list[str]:
    """The texts with a word in plain letters that nobody typed."""
    return [text for text in texts if {*WORD.findall(NO_TEXT.sub(" ", text))} - known]
