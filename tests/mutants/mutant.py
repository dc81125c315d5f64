"""A wrong engine, made at run time: one piece of source text, or of a table, is another.

The text that is replaced must be there exactly once, so a mutant whose code has moved says so
instead of quietly changing nothing. The file stays as it is: the changed functions are compiled
and their code is put into the living ones, wherever these have been imported to; what is
assigned in a module or a class is assigned anew there.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

PACKAGE = "wagtail_qbo_sync"
ROOT = Path(__file__).parent.parent.parent
WRAPPED_AS = ("__wrapped__", "__func__", "fget", "func")
"""Where decorators keep the function: of functools, static and class methods, properties."""


class Unfit(Exception):
    """The mutant does not fit the code any more: it is to be brought after it."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """Wrong code."""

    name: str
    breaks: str
    """What it violates: S1 to S16 and L1 to L8 of docs/explanation/invariants.md, or a rule."""
    module: str
    """Below the package: "sync.pull"."""
    old: str
    new: str
    killed_by: str
    """Node id of the test that fails with it."""
    raises: str = ""
    """Class of the error by which that test fails, where it is not an assertion of its own."""

    def on(self) -> AbstractContextManager[None]:
        """Within, the engine is this one. Raises Unfit."""
        return _rewritten(self)

    def definitions(self) -> dict[str, Definition]:
        """Qualified name -> what is written there now. Raises Unfit."""
        before, after = (definitions(ast.parse(text)) for text in self.texts())
        if before.keys() != after.keys():
            raise Unfit(f"{self.name}: it may change what is defined, but not what there is")
        changed = {name: after[name] for name in after if not _equal(before[name], after[name])}
        if not all(_are_called_alike(before[name], after[name]) for name in changed):
            raise Unfit(f"{self.name}: it may change what a function does, not how it is called")
        if not changed:
            raise Unfit(f"{self.name}: nothing that can be changed at run time is another")
        return changed

    def texts(self) -> tuple[str, str]:
        """The module's source, and how it is to be. Raises Unfit."""
        text = self.path.read_text()
        return text, once(self.name, self.module, text, self.old, self.new)

    @property
    def path(self) -> Path:
        """Of the module."""
        return ROOT / PACKAGE / f"{self.module.replace('.', '/')}.py"


@dataclass(frozen=True, slots=True)
class TableMutant:
    """A table that lacks something, in SQLite and while it is empty; the test's end undoes it."""

    name: str
    breaks: str
    table: str
    old: str
    new: str
    killed_by: str
    raises: str = ""

    def on(self) -> AbstractContextManager[None]:
        """The table is made anew. Raises Unfit."""
        return _remade(self)


AnyMutant = Mutant | TableMutant
Definition = ast.FunctionDef | ast.Assign | ast.AnnAssign


def once(name: str, where: str, text: str, old: str, new: str) -> str:
    """The text with `new` in place of `old`. Raises Unfit unless that is there exactly once."""
    found = text.count(old)
    if found != 1:
        raise Unfit(f"{name}: {where} holds this {found} times instead of once:\n{old}")
    return text.replace(old, new)


def definitions(tree: ast.Module) -> dict[str, Definition]:
    """The functions and values of a module and of its classes, by qualified name."""

    def of(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Definition]]:
        for node in body:
            match node:
                case ast.ClassDef():
                    yield from of(node.body, f"{prefix}{node.name}.")
                case ast.FunctionDef():
                    yield f"{prefix}{node.name}", node
                case (
                    ast.Assign(targets=[ast.Name(id=name)])
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr())
                ):
                    yield f"{prefix}{name}", node

    return dict(of(tree.body, ""))


def _equal(one: Definition, other: Definition) -> bool:
    return ast.dump(one) == ast.dump(other)


def _are_called_alike(one: Definition, other: Definition) -> bool:
    """Whether two functions differ in nothing but their bodies; of values, always."""
    if not (isinstance(one, ast.FunctionDef) and isinstance(other, ast.FunctionDef)):
        return type(one) is type(other)
    around = [[each.args, *each.decorator_list] for each in (one, other)]
    return [*map(ast.dump, around[0])] == [*map(ast.dump, around[1])]


# Wrong code -------------------------------------------------------------------------------------


@contextmanager
def _rewritten(mutant: Mutant) -> Iterator[None]:
    module = import_module(f"{PACKAGE}.{mutant.module}")
    _, text = mutant.texts()
    code = compile(text, str(mutant.path), "exec", dont_inherit=True)
    with ExitStack() as undo:
        for name, node in mutant.definitions().items():
            *path, last = name.split(".")
            holder = functools.reduce(getattr, path, module)
            if isinstance(node, ast.FunctionDef):
                function = _function(vars(holder)[last])
                undo.callback(setattr, function, "__code__", function.__code__)
                function.__code__ = _code(code, name)
            else:
                undo.callback(setattr, holder, last, vars(holder)[last])
                setattr(holder, last, _value(node, vars(module)))
        yield


def _function(found: Any) -> FunctionType:
    """What stands behind decorators."""
    for name in WRAPPED_AS:
        if (inner := getattr(found, name, None)) is not None:
            return _function(inner)
    assert isinstance(found, FunctionType)
    return found


def _code(code: CodeType, name: str) -> CodeType:
    """The code of the function of this qualified name."""
    for found in (const for const in code.co_consts if isinstance(const, CodeType)):
        if found.co_qualname == name:
            return found
        if name.startswith(f"{found.co_qualname}."):
            return _code(found, name)
    raise Unfit(f"No code of {name}")


def _value(node: ast.Assign | ast.AnnAssign, names: dict[str, Any]) -> Any:
    assert node.value is not None
    return eval(compile(ast.Expression(node.value), "<mutant>", "eval"), names)


# Wrong tables -----------------------------------------------------------------------------------


@contextmanager
def _remade(mutant: TableMutant) -> Iterator[None]:
    from django.db import connection

    assert connection.vendor == "sqlite" and connection.in_atomic_block
    with connection.cursor() as cursor:
        about = "FROM sqlite_master WHERE tbl_name = %s AND type = %s AND sql IS NOT NULL"
        cursor.execute(f"SELECT sql {about}", [mutant.table, "table"])
        (made,) = cursor.fetchone()
        cursor.execute(f"SELECT sql {about}", [mutant.table, "index"])
        indexes = [sql for (sql,) in cursor.fetchall()]
        cursor.execute(f'SELECT count(*) FROM "{mutant.table}"')
        assert cursor.fetchone() == (0,), f"{mutant.table} is not empty"
        cursor.execute(f'DROP TABLE "{mutant.table}"')
        for sql in (once(mutant.name, mutant.table, made, mutant.old, mutant.new), *indexes):
            cursor.execute(sql)
    yield
