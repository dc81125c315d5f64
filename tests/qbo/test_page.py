"""docs/quickbooks.md keeps in step: each weakness of a library names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_weakness_names_its_module_and_its_tests() -> None:
    page = (ROOT / "docs" / "quickbooks.md").read_text()
    table = page.partition("| weakness |")[2]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) > 30
    for weakness, module, tests in rows:
        assert (ROOT / "wagtail_qbo_sync" / "qbo" / f"{module.strip('`')}.py").exists(), weakness
        named = re.findall(r"`(\w+\.py)::(\w+)`", tests)
        assert named, weakness
        for file, test in named:
            assert test in functions_of(Path(__file__).parent / file), f"{weakness}: {test}"


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
