"""The docs keep in step with the code: what they name is there, and what is there is named."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from tests.mutants import MUTANTS
from wagtail_qbo_sync import conf
from wagtail_qbo_sync.contact import PATHS
from wagtail_qbo_sync.host.adapter import ClientAdapter

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "wagtail_qbo_sync"
PAGES = [*sorted(DOCS.glob("**/*.md")), *sorted(ROOT.glob("*.md"))]
ROOMS = ("wagtail_qbo_sync", "example_project", "tests", "tools", "benchmarks")
CODE = sorted(path for room in ROOMS for path in (ROOT / room).glob("**/*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def first_cells(page: str) -> list[str]:
    """What stands in backticks in the first column of the page's tables."""
    return re.findall(r"^\| `([^`]+)` \|", (DOCS / page).read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    dead = [
        link for link in links if "://" not in link and not (page.parent / link).resolve().exists()
    ]
    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_in_the_docs_is_python(page: Path) -> None:
    for block in python_blocks(page):
        ast.parse(block)


def test_code_cites_pages_requirements_and_rules_that_exist() -> None:
    rows = set(re.findall(r"^\| ([KCU]\d+) \|", (DOCS / "requirements.md").read_text(), re.M))
    rules = set(re.findall(r"^(\d+)\. \*\*", (DOCS / "architecture.md").read_text(), re.M))
    unknown = set()
    for path in CODE:
        text = path.read_text()
        for page in re.findall(r"\bdocs/[\w/-]+\.md", text):
            if not (ROOT / page).exists():
                unknown.add((name_of(path), page))
        # "K4" or "U18" in prose and comments; not "U1" in a name or a made-up id.
        cited = set(re.findall(r"(?<![\w\"'#-])[KCU]\d{1,2}(?![\w\"'-])", text)) - rows
        cited |= {f"rule {rule}" for rule in set(re.findall(r"\brules? (\d+)", text)) - rules}
        unknown |= {(name_of(path), each) for each in cited}
    assert sorted(unknown) == []


def test_settings_page_names_each_setting_and_its_default() -> None:
    table = re.findall(
        r"^\| `([A-Z_]+)` \| `([^`]+)` \|", (DOCS / "reference/settings.md").read_text(), re.M
    )
    defaults = conf.Settings(PAUSED=False)
    documented = {name: ast.literal_eval(default) for name, default in table}
    assert documented == {item.name: getattr(defaults, item.name) for item in fields(defaults)}


def test_commands_page_names_each_command() -> None:
    headings = re.findall(r"^## (qbo_\w+)", (DOCS / "reference/commands.md").read_text(), re.M)
    commands = (PACKAGE / "management/commands").glob("qbo_*.py")
    assert sorted(headings) == sorted(path.stem for path in commands)


def test_architecture_names_each_model() -> None:
    stored = (DOCS / "architecture.md").read_text().partition("## What is stored")[2]
    rows = re.findall(r"^\| ([A-Z][A-Za-z, ]+) \|", stored, re.MULTILINE)
    models = apps.get_app_config("wagtail_qbo_sync").get_models()
    assert sorted(", ".join(rows).split(", ")) == sorted(model.__name__ for model in models)


def test_permissions_page_names_each_permission() -> None:
    permissions = {
        codename
        for model in apps.get_app_config("wagtail_qbo_sync").get_models()
        for codename in (
            *(f"{action}_{model._meta.model_name}" for action in model._meta.default_permissions),
            *(codename for codename, _ in model._meta.permissions),
        )
    }
    assert set(first_cells("reference/permissions.md")) == permissions


def test_checks_page_names_each_check() -> None:
    ids = {
        found
        for path in PACKAGE.glob("**/*.py")
        for found in re.findall(r"(?:wagtail_qbo_sync|\{TAG\})\.([EWI]\d{3})\b", path.read_text())
    }
    assert {text.rpartition(".")[2] for text in first_cells("reference/checks.md")} == ids


def test_adapters_in_the_docs_fit_the_real_one() -> None:
    written = [block for block in python_blocks(DOCS / "how-to/adapter.md") if "fields = " in block]
    assert len(written) == 2
    for block in written:
        namespace: dict[str, Any] = {}
        exec(block, namespace)
        adapter = next(
            found
            for found in namespace.values()
            if isinstance(found, type) and issubclass(found, ClientAdapter)
            if found is not ClientAdapter
        )
        assert {*adapter.fields, *adapter.computed} <= set(PATHS)
        added = {name for name in vars(adapter) if not name.startswith("__")}
        assert added <= set(dir(ClientAdapter))
    assert set(first_cells("how-to/adapter.md")) <= set(dir(ClientAdapter))


def held() -> dict[str, str]:
    """docs/explanation/invariants.md: "S1" and so on -> what stands there, "" for the rest."""
    page = (DOCS / "explanation/invariants.md").read_text()
    _, *parts = re.split(r"^### ", page.partition("## Mutants of rules")[0], flags=re.MULTILINE)
    sections = {part.partition(":")[0]: part for part in parts}
    return {**sections, "": page.partition("## Mutants of rules")[2]}


@pytest.mark.parametrize(
    "name", [*(f"S{number}" for number in range(1, 17)), *(f"L{number}" for number in range(1, 9))]
)
def test_each_promise_is_held_by_tests_and_mutants_that_exist(name: str) -> None:
    section = held()[name]
    tests = re.findall(r"^- `(tests/[^:`]+)::(\w+)`$", section, re.MULTILINE)
    assert len(tests) >= 2 and len(tests) == section.count("\n- ")
    for path, test in tests:
        assert f"\ndef {test}(" in (ROOT / path).read_text(), (path, test)
    named = re.search(r"^Mutants: (.+)$", section, re.MULTILINE)
    assert named is not None
    mutants = {one.name for one in MUTANTS if one.breaks == name}
    assert set(re.findall(r"`(\w+)`", named.group(1))) == mutants != set()


def test_every_other_mutant_is_named_by_what_it_breaks() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (`.+) \|$", held()[""], re.MULTILINE)
    found = {(name, of) for of, cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert found == {(one.name, one.breaks) for one in MUTANTS if one.breaks not in held()}


def test_readme_commands_can_be_made() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b", (ROOT / "README.md").read_text()))
    assert {"demo", "test"} <= named <= targets


def api() -> dict[str, Any]:
    """The functions of docs/reference/python.md: how each is called there -> the function."""
    found = {}
    for call in first_cells("reference/python.md"):
        module, _, name = call.partition("(")[0].rpartition(".")
        found[call] = getattr(import_module(f"wagtail_qbo_sync.sync.{module}"), name)
    return found


def test_the_python_that_is_documented_is_there() -> None:
    """U15: each function, with its parameters, all of them typed; and each command."""
    for call, function in api().items():
        parameters = inspect.signature(function).parameters
        assert call.partition("(")[2] == f"{', '.join(parameters)})", call
        annotated = [one.annotation is not inspect.Parameter.empty for one in parameters.values()]
        assert all(annotated), call
    commands = re.findall(r"`(qbo_\w+)[^`]*` \|$", (DOCS / "reference/python.md").read_text(), re.M)
    there = {path.stem for path in (PACKAGE / "management" / "commands").glob("qbo_*.py")}
    assert set(commands) and set(commands) <= there


def test_no_screen_does_what_python_cannot() -> None:
    """U15: what is behind each button upon a customer, a client or a problem is documented."""
    from wagtail_qbo_sync.admin.acts import ACTS
    from wagtail_qbo_sync.admin.client_acts import CLIENT_ACTS
    from wagtail_qbo_sync.admin.views.problem_acts import ACTS as PROBLEM_ACTS

    buttons = [act.does for act in (*ACTS.values(), *CLIENT_ACTS.values())]
    buttons += [act.do for act in PROBLEM_ACTS.values()]
    ours = [each for each in buttons if each.__module__.startswith("wagtail_qbo_sync.sync.")]
    assert {each.__name__ for each in ours} <= {each.__name__ for each in api().values()}
    assert set(ours) <= set(api().values())
