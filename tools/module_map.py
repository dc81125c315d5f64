"""A page of the docs: each module of the package, and the first sentence that it says of itself.

A hook of MkDocs (mkdocs.yml): made when the docs are built, so that it is always true.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "wagtail_qbo_sync"
PAGE = "modules.md"
HEAD = """# Modules

Each module of the package, and the first sentence that it says of itself.
[Architecture](architecture.md) says what the rooms are for, and which may import which.
"""


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Called by MkDocs with the pages that it has found."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """The page as Markdown: a section for each room."""
    return "\n".join([HEAD, *(line for room in rooms() for line in section(room))])


def rooms() -> list[Path]:
    """The package, and each folder in it that has modules; migrations speak for themselves."""
    found = {path.parent for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}
    return sorted(room for room in found if room.name != "migrations")


def section(room: Path) -> Iterator[str]:
    yield f"\n## {room.relative_to(ROOT)}/\n"
    if said := first_sentence(room / "__init__.py"):
        yield f"{said}\n"
    modules = [path for path in sorted(room.glob("*.py")) if path.name != "__init__.py"]
    if modules:
        yield "| module | |\n|---|---|"
    for path in modules:
        yield f"| `{path.name}` | {first_sentence(path)} |"


def first_sentence(path: Path) -> str:
    """Of the module's docstring, in one line; "" without one."""
    said = ast.get_docstring(ast.parse(path.read_text())) if path.exists() else None
    paragraph = " ".join((said or "").partition("\n\n")[0].split())
    sentence, stop, _rest = paragraph.partition(". ")
    return f"{sentence}." if stop else paragraph


if __name__ == "__main__":
    print(page())
