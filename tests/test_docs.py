"""The docs keep in step with the code: what they name is there, and what is there is named."""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import tomllib
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import BaseCommand, load_command_class

from tests.mutants import MUTANTS
from tools import module_map
from tools.pictures import LARGEST
from wagtail_qbo_sync import checks, conf
from wagtail_qbo_sync.contact import PATHS
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.host.description import ClientDescription
from wagtail_qbo_sync.qbo import webhook
from wagtail_qbo_sync.sync.telling.health import Finding, Level
from wagtail_qbo_sync.testing import AdapterContract

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "wagtail_qbo_sync"
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
PAGES = [*sorted(DOCS.glob("**/*.md")), *sorted(ROOT.glob("*.md"))]
ROOMS = ("wagtail_qbo_sync", "example_project", "tests", "tools", "benchmarks")
CODE = sorted(path for room in ROOMS for path in (ROOT / room).glob("**/*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def code_in(page: Path) -> list[str]:
    """What stands in backticks, in indented lines and in blocks of sh, as in a terminal."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [
        *re.findall(r"`([^`\n]+)`", text),
        *re.findall(r"^ {4,}(.+)", text, re.MULTILINE),
        *(line for language, block in fenced if language == "sh" for line in block.splitlines()),
    ]


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


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them; those of MkDocs are looked at when it builds."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).strip().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_headings(page: Path) -> None:
    found = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text())
    assert [
        (path, anchor)
        for path, anchor in found
        if anchor not in anchors((page.parent / path) if path else page)
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_in_the_docs_is_python(page: Path) -> None:
    for block in python_blocks(page):
        compile(block, page, "exec")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_the_docs_import_of_ours_is_there(page: Path) -> None:
    for node in (node for block in python_blocks(page) for node in ast.walk(ast.parse(block))):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("wagtail_qbo_sync."):
            module = import_module(str(node.module))
            for name in node.names:
                if not hasattr(module, name.name):
                    import_module(f"{node.module}.{name.name}")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_of_a_file_of_ours_is_what_stands_there(page: Path) -> None:
    """So that it runs: the hosts in tests/hosts and example_project are tested."""
    for block in python_blocks(page):
        if (first := re.match(r"# ((?:tests|example_project)/\S+\.py)\n+", block)) is not None:
            assert block.removeprefix(first[0]) in (ROOT / first[1]).read_text(), first[1]


def test_pictures_are_shown_and_small() -> None:
    """By the README too; tools/pictures.py makes them."""
    pictures = sorted((DOCS / "pictures").iterdir())
    shown = re.findall(
        r"!\[[^\]]{20,}\]\(docs/pictures/([\w.-]+)\)", (ROOT / "README.md").read_text()
    )
    assert sorted(shown) == [path.name for path in pictures]
    assert [path.name for path in pictures if path.stat().st_size > LARGEST] == []


def test_the_first_page_leads_to_every_other_and_so_does_the_nav() -> None:
    pages = {str(path.relative_to(DOCS)) for path in DOCS.glob("**/*.md")} - {"index.md"}
    linked = set(re.findall(r"\]\(([\w/-]+\.md)\)", (DOCS / "index.md").read_text()))
    nav = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert pages == linked
    assert sorted([*pages, "index.md", module_map.PAGE]) == sorted(nav)


def test_the_map_of_the_code_says_what_each_module_is_for() -> None:
    page = module_map.page()
    for room in module_map.rooms():
        assert room == PACKAGE or module_map.first_sentence(room / "__init__.py"), room
        for path in {*room.glob("*.py")} - {room / "__init__.py"}:
            sentence = module_map.first_sentence(path)
            assert sentence.endswith((".", "?")), path
            assert f"| `{path.name}` | {sentence} |" in page


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


NO_COMMANDS = {"qbo_id", "qbo_rendered"}
"""What begins like a command, and is a name in Python."""


def options_of(command: str) -> set[str]:
    """A command's own options, with those of its acts (`qbo_types import --dry-run`)."""
    parser = load_command_class("wagtail_qbo_sync", command).create_parser("manage.py", command)
    parsers = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            parsers += action.choices.values()
    options = {text for each in parsers for one in each._actions for text in one.option_strings}
    of_all = BaseCommand().create_parser("manage.py", command)._actions
    return options - {text for one in of_all for text in one.option_strings}


@pytest.mark.parametrize("page", [*PAGES, *FORMS], ids=name_of)
def test_commands_in_the_docs_exist_with_their_options(page: Path) -> None:
    commands = {path.stem for path in (PACKAGE / "management/commands").glob("qbo_*.py")}
    for code in code_in(page):
        called = re.match(r"(?:(?:\S*python )?(?:\S*/)?manage\.py )?(qbo_\w+)(?![\w.])(.*)", code)
        if called is None or called[1] in NO_COMMANDS:
            continue
        assert called[1] in commands, code
        assert set(re.findall(r"--[a-z-]+", called[2])) <= options_of(called[1]), code


@pytest.mark.parametrize("form", FORMS, ids=name_of)
def test_a_form_for_an_issue_leads_to_the_docs_and_asks(form: Path) -> None:
    """What GitHub takes as a form; a page that has the answer often saves the issue."""
    yaml = pytest.importorskip("yaml", reason="only the development environment has it")
    asked = yaml.safe_load(form.read_text())
    assert asked.keys() == {"name", "description", "labels", "body"}
    assert {field["type"] for field in asked["body"]} <= {
        "markdown",
        "textarea",
        "input",
        "dropdown",
    }
    assert any(field.get("validations", {}).get("required") for field in asked["body"])
    pages = [code for code in code_in(form) if code.startswith("docs/")]
    assert pages and all((ROOT / page).is_file() for page in pages)


def test_commands_page_names_each_option() -> None:
    _, *sections = re.split(r"^## ", (DOCS / "reference/commands.md").read_text(), flags=re.M)
    for name, _, text in (section.partition("\n") for section in sections):
        if name.startswith("qbo_"):
            assert options_of(name) <= set(re.findall(r"--[a-z-]+", text)), name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_settings_and_targets_in_the_docs_exist(page: Path) -> None:
    text = page.read_text()
    settings = set(re.findall(r"WAGTAIL_QBO_SYNC\[\"(\w+)\"\]", text))
    assert settings <= {item.name for item in fields(conf.Settings)}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", "\n".join(code_in(page)))) <= targets


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


def test_signals_page_names_each_signal_and_its_arguments() -> None:
    """The arguments as the docstrings below the signals name them."""
    page = (DOCS / "reference/signals.md").read_text()
    source = (PACKAGE / "signals.py").read_text()
    said = dict(re.findall(r'^(\w+) = Signal\(\)\n"""(.*?)"""', source, re.M | re.S))
    assert set(first_cells("reference/signals.md")) == set(said)
    for name, text in said.items():
        arguments = set(re.findall(r"`(\w+)`", text.partition("Arguments: ")[2]))
        (cells,) = re.findall(rf"^\| `{name}` \|.*\|([^|]+)\|$", page, re.MULTILINE)
        assert arguments and arguments <= set(re.findall(r"`(\w+)`", cells))


def test_adapter_page_names_all_that_there_is() -> None:
    page = (DOCS / "reference/adapter.md").read_text()
    parts = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    told = [set(re.findall(r"^\| `([\w.]+)", text, re.M)) for _, text in parts]
    attributes, paths, overridden, follows, tests = told
    assert paths == set(PATHS)
    assert attributes == set(ClientDescription.__annotations__)
    names = {name for name in vars(ClientDescription) if not name.startswith("_")}
    assert overridden | follows == names - attributes
    assert not overridden & follows
    assert tests <= set(vars(AdapterContract))


def test_events_page_names_each_operation() -> None:
    assert first_cells("reference/events.md") == list(webhook._OPERATIONS.values())


@pytest.mark.django_db
def test_health_page_shows_what_the_doctor_prints() -> None:
    page = DOCS / "how-to/health.md"
    for block in python_blocks(page):
        exec(block, {})
    (shown,) = re.findall(r"^```json\n(.*?)^```", page.read_text(), re.M | re.S)
    told = json.loads(shown)
    assert list(told) == ["ok", "findings"]
    for found in told["findings"]:
        assert list(found) == [field.name for field in fields(Finding)]
    assert [found["level"] for found in told["findings"]] == list(Level)


def test_upgrade_page_has_notes_for_each_version() -> None:
    released = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    notes = (DOCS / "how-to/upgrade.md").read_text().partition("## Notes for each version")[2]
    assert re.findall(r"^### (\S+)", notes, re.MULTILINE) == released


def assigned(name: str) -> list[ast.expr]:
    """What the Python in the docs assigns to this name."""
    blocks = [block for page in PAGES for block in python_blocks(page)]
    nodes = [node for block in blocks for node in ast.parse(block).body]
    plain = [node for node in nodes if isinstance(node, ast.Assign)]
    return [node.value for node in plain if ast.unparse(node.targets[0]) == name]


def test_settings_shown_have_keys_that_are_there() -> None:
    shown = assigned(conf.NAME)
    assert len(shown) >= 2
    for value in shown:
        assert isinstance(value, ast.Dict)
        keys = {key.value for key in value.keys if isinstance(key, ast.Constant)}
        assert keys and keys <= {item.name for item in fields(conf.Settings)}


def test_worker_settings_shown_please_the_checks(settings: Any) -> None:
    shown = assigned("Q_CLUSTER")
    assert shown
    for value in shown:
        settings.Q_CLUSTER = ast.literal_eval(value)
        assert checks.check_worker(None) == []


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


def test_readme_supports_what_the_package_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    rows = dict(
        re.findall(r"^\| (\w+) \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    row_of = {"Python": "Programming Language :: Python", "Django": "Framework :: Django"}
    for name, kind in row_of.items():
        found = [re.match(rf"{kind} :: (\d\.\d+)$", each) for each in project["classifiers"]]
        named = [one[1] for one in found if one]
        assert named and set(named) <= set(re.findall(r"\d+\.\d+", rows[name])), name
    for name in ("django", "wagtail"):
        (least,) = re.findall(rf"^{name}>=([\d.]+)", "\n".join(project["dependencies"]), re.M)
        assert least in rows[name.title()].replace(")", " ").replace(",", " ").split(), name


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
