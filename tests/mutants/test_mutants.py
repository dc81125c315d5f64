"""The mutants fit the code, and what runs them believes neither a survivor nor a typing error.

Whether each is killed is for the stage `mutants` to say: `python -m tests.mutants`.
"""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest
from django.db import connection

from wagtail_qbo_sync import contact
from wagtail_qbo_sync.contact import match_key

from . import MUTANTS
from .mutant import ROOT, Mutant, TableMutant, Unfit
from .plugin import is_killed

OF_CODE = [one for one in MUTANTS if isinstance(one, Mutant)]
OF_TABLES = [one for one in MUTANTS if isinstance(one, TableMutant)]
NAMELESS = Mutant(
    name="nameless",
    breaks="rule 9",
    module="contact",
    old="    plain = normalised(name)\n    while",
    new='    plain = normalised("")\n    while',
    killed_by="none",
)


def named(mutant: Mutant | TableMutant) -> str:
    return mutant.name


def test_names_are_unique() -> None:
    assert len({one.name for one in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", OF_CODE, ids=named)
def test_it_fits_the_code(mutant: Mutant) -> None:
    assert mutant.definitions()


@pytest.mark.parametrize("mutant", OF_TABLES, ids=named)
def test_it_fits_its_table(mutant: TableMutant, db: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("The stage runs on SQLite")
    with mutant.on():
        pass


@pytest.mark.parametrize("mutant", MUTANTS, ids=named)
def test_what_kills_it_is_a_test(mutant: Mutant | TableMutant) -> None:
    path, _, name = mutant.killed_by.partition("[")[0].partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_code_is_wrong_while_it_is_on_wherever_it_was_imported_to() -> None:
    right = match_key("Anna")
    with NAMELESS.on():
        assert match_key("Anna") == contact.match_key("Bo") != right
    assert match_key("Anna") == contact.match_key("Anna") == right


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("no such text", "", "0 times instead of once"),
        ("def ", "", r"\d\d times instead of once"),
        ("def match_key(name: str)", "def other_key(name: str)", "not what there is"),
        ("def match_key(name: str)", "def match_key(name: str, more: int = 0)", "how it is called"),
        ("# Equality that finds pairs", "# Another comment", "nothing that can be changed"),
    ],
)
def test_one_that_does_not_fit_says_so(old: str, new: str, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        replace(NAMELESS, old=old, new=new).definitions()


def test_only_an_assertion_or_the_named_error_kills() -> None:
    by_error = replace(NAMELESS, raises="ValueError")
    assert is_killed(NAMELESS, AssertionError()) and is_killed(by_error, ValueError())
    assert is_killed(NAMELESS, pytest.fail.Exception("DID NOT RAISE"))
    for error in (NameError(), ImportError(), AttributeError(), ValueError(), Unfit()):
        assert not is_killed(NAMELESS, error)
    assert not is_killed(by_error, NameError()) and not is_killed(by_error, AssertionError())
