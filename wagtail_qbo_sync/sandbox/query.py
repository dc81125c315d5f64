"""The query language: text -> tokens -> Query. No OR, NOT, JOIN or parentheses around conditions.

A string is in single quotes; an apostrophe or a backslash in it is escaped by a backslash
(docs/quickbooks.md, "Queries"). Running a query is in `search.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .faults import Fault, query_invalid, query_unparsed

DEFAULT_ROWS = 100
MOST_ROWS = 1000

TOKEN = re.compile(
    r"(?P<BLANK>\s+)"
    r"|(?P<STRING>'(?:[^'\\]|\\.)*')"
    r"|(?P<NUMBER>-?\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<IDENTIFIER>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<OPERATOR><=|>=|<|>|=)"
    r"|(?P<MARK>[(),*])",
    re.DOTALL,
)
KEYWORDS = {
    "SELECT", "FROM", "WHERE", "AND", "ORDERBY", "ORDER", "BY", "ASC", "DESC",
    "STARTPOSITION", "MAXRESULTS", "IN", "LIKE",
}  # fmt: skip
Operator = Literal["=", "<", ">", "<=", ">=", "IN", "LIKE"]


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    column: int

    @property
    def upper(self) -> str:
        return self.text.upper()


@dataclass(frozen=True)
class Value:
    """A literal as written: a quoted string, a bare number or a bare word (true, false)."""

    kind: Literal["string", "number", "word"]
    text: str


@dataclass(frozen=True)
class Condition:
    name: str
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Query:
    """`fields` is empty for `*` and for a count."""

    entity: str
    fields: tuple[str, ...] = ()
    counting: bool = False
    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    start: int = 1
    most: int = DEFAULT_ROWS


def quote(text: str) -> str:
    """A string as it is written in a query."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def unquote(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1], flags=re.DOTALL)


def tokens(text: str) -> Iterator[Token]:
    place = 0
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None:
            raise _unexpected("ERROR", text[place], place + 1)
        kind = str(match.lastgroup)
        if kind != "BLANK":
            yield Token(kind, match.group(), place + 1)
        place = match.end()
    yield Token("EOF", "<EOF>", place + 1)


def _unexpected(kind: str, text: str, column: int) -> Fault:
    shown = '"<EOF>"' if kind == "EOF" else f'" <{kind}> "{text} ""'
    return query_unparsed(f"Encountered {shown} at line 1, column {column}.")


def parse(text: str) -> Query:
    """Faults 4000 (it is no sentence) and 4001 (a page that cannot be)."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._place = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self, kind: str | None = None) -> Token:
        token = self._next
        if kind and token.kind != kind:
            raise _unexpected(token.kind, token.text, token.column)
        self._place += 1
        return token

    def _word(self, *words: str) -> bool:
        """Take the words if they come next."""
        ahead = self._tokens[self._place : self._place + len(words)]
        if [token.upper for token in ahead] != list(words):
            return False
        self._place += len(words)
        return True

    def _need(self, *words: str) -> None:
        if not self._word(*words):
            token = self._next
            raise _unexpected(token.kind, token.text, token.column)

    def query(self) -> Query:
        self._need("SELECT")
        counting = self._word("COUNT", "(", "*", ")")
        fields = () if counting or self._word("*") else tuple(self._list())
        self._need("FROM")
        entity = self._name()
        conditions = tuple(self._conditions()) if self._word("WHERE") else ()
        order: tuple[tuple[str, bool], ...] = ()
        if self._word("ORDERBY") or self._word("ORDER", "BY"):
            order = tuple(self._order())
        start, most = self._page()
        self._take("EOF")
        return Query(entity, fields, counting, conditions, order, start, most)

    def _name(self) -> str:
        token = self._take("IDENTIFIER")
        if token.upper in KEYWORDS:
            raise _unexpected(token.kind, token.text, token.column)
        return token.text

    def _list(self) -> Iterator[str]:
        yield self._name()
        while self._word(","):
            yield self._name()

    def _conditions(self) -> Iterator[Condition]:
        yield self._condition()
        while self._word("AND"):
            yield self._condition()

    def _condition(self) -> Condition:
        name = self._name()
        if self._word("IN"):
            self._need("(")
            values = [self._value()]
            while self._word(","):
                values.append(self._value())
            self._need(")")
            return Condition(name, "IN", tuple(values))
        if self._word("LIKE"):
            return Condition(name, "LIKE", (self._value(),))
        operator = self._take("OPERATOR").text
        return Condition(name, operator, (self._value(),))  # type: ignore[arg-type]

    def _value(self) -> Value:
        token = self._take()
        if token.kind == "STRING":
            return Value("string", unquote(token.text))
        if token.kind == "NUMBER":
            return Value("number", token.text)
        if token.upper in ("TRUE", "FALSE", "CURRENT_DATE"):
            return Value("word", token.upper)
        raise _unexpected(token.kind, token.text, token.column)

    def _order(self) -> Iterator[tuple[str, bool]]:
        while True:
            name = self._name()
            falling = self._word("DESC")
            if not falling:
                self._word("ASC")
            yield name, falling
            if not self._word(","):
                return

    def _page(self) -> tuple[int, int]:
        """STARTPOSITION and MAXRESULTS, in either order."""
        start, most = 1, DEFAULT_ROWS
        for _ in range(2):
            if self._word("STARTPOSITION"):
                start = self._whole()
            elif self._word("MAXRESULTS"):
                most = self._whole()
        if most < 1:
            raise query_invalid(f"value {most} is too small. Min allowed value is 1")
        if most > MOST_ROWS:
            detail = f"value {most} is too large. Max allowed value is {MOST_ROWS}"
            raise query_invalid(detail)
        return start, most

    def _whole(self) -> int:
        token = self._take("NUMBER")
        if not token.text.isdecimal():
            raise _unexpected(token.kind, token.text, token.column)
        return int(token.text)
