"""The package has the rooms that docs/architecture.md draws, and they import as it says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "wagtail_qbo_sync"
LINES = 50
"""Of a function, at most."""
NOT_DRAWN = {"__init__.py", "__pycache__", "py.typed"}


@pytest.mark.parametrize("room", [PACKAGE, PACKAGE / "sync"], ids=lambda room: room.name)
def test_rooms_are_those_of_the_drawing(room: Path) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    drawing = re.search(rf"^{room.relative_to(ROOT)}/\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert drawing
    drawn = set(re.findall(r"^  ([\w.]+/?)", drawing[1], re.MULTILINE))
    files = [path for path in room.rglob("*") if path.is_file()]
    tops = {path.relative_to(room).parts[0] for path in files} - NOT_DRAWN
    assert drawn == {name + "/" * (room / name).is_dir() for name in tops}


def test_package_imports_nothing_by_itself() -> None:
    assert (PACKAGE / "__init__.py").read_text().strip() == ""


def test_every_function_fits_on_a_screen() -> None:
    rooms = (PACKAGE, ROOT / "tests", ROOT / "benchmarks", ROOT / "tools", ROOT / "example_project")
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for room in rooms
        for path in sorted(room.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LINES
    ]
    assert long == []


def test_imports_point_inwards() -> None:
    pytest.importorskip("importlinter", reason="only the development environment has it")
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout
