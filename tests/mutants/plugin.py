"""Runs the tests that kill mutants, each with its mutant on: `python -m tests.mutants`.

Such a test passes where it fails by an assertion (or the error that the mutant names). One that
passes all the same, or fails by something else, such as a missing name, has not seen the mutant.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from . import MUTANTS
from .mutant import AnyMutant

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
BY_ASSERTION = (AssertionError, pytest.fail.Exception)


@pytest.fixture
def mutant(request: pytest.FixtureRequest) -> str:
    """The name of the mutant that is on while the test is called."""
    return str(request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test once for each mutant that it kills."""
    node = metafunc.definition.nodeid
    names = [one.name for one in MUTANTS if one.killed_by.partition("[")[0] == node]
    if names:
        metafunc.fixturenames.append("mutant")
        metafunc.parametrize("mutant", names, indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the other examples of a test that kills with one of them."""
    kept = [item for item in items if _kills(item)]
    if unseen := BY_NAME.keys() - {mutant.name for item in kept if (mutant := mutant_of(item))}:
        raise pytest.UsageError(f"No such test: {BY_NAME[min(unseen)].killed_by}")
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _kills(item: pytest.Item) -> bool:
    mutant = mutant_of(item)
    if mutant is None:
        return False
    path, _, examples = item.nodeid.partition("[")
    others = [each for each in examples.removesuffix("]").split("-") if each != mutant.name]
    return mutant.killed_by == (f"{path}[{'-'.join(others)}]" if others else path)


def mutant_of(item: pytest.Item) -> AnyMutant | None:
    """The mutant with which a test is run."""
    callspec = getattr(item, "callspec", None)
    return BY_NAME.get(callspec.params.get("mutant", "")) if callspec else None


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """The test itself, turned round."""
    mutant = mutant_of(pyfuncitem)
    assert mutant is not None
    try:
        with mutant.on():
            yield
    except BaseException as error:
        if is_killed(mutant, error):
            return True
        raise
    pytest.fail(f"The mutant “{mutant.name}”, which breaks {mutant.breaks}, is not noticed.")


def is_killed(mutant: AnyMutant, error: BaseException) -> bool:
    """Whether a test that fails by this error has seen the mutant."""
    if mutant.raises:
        return type(error).__name__ == mutant.raises
    return isinstance(error, BY_ASSERTION)
