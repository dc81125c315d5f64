"""What is installed is what was locked: from PyPI only, each file by its hash (SECURITY.md)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PYPI = "https://pypi.org/simple"
FILES = "https://files.pythonhosted.org/packages/"
HASH = re.compile(r"sha256:[0-9a-f]{64}")


def locked() -> list[dict[str, Any]]:
    """Every package of the lock but ourselves."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    packages: list[dict[str, Any]] = lock["package"]
    ours = [each for each in packages if each["source"] == {"editable": "."}]
    assert [each["name"] for each in ours] == ["wagtail-qbo-sync"]
    return [each for each in packages if each not in ours]


def test_everything_comes_from_pypi() -> None:
    """Neither from an address nor from somebody's repository or folder."""
    packages = locked()
    assert len(packages) > 50
    assert [each["name"] for each in packages if each["source"] != {"registry": PYPI}] == []


def test_every_file_has_its_hash() -> None:
    for each in locked():
        files = [*each.get("wheels", []), *([each["sdist"]] if "sdist" in each else [])]
        assert files, each["name"]
        for file in files:
            assert file["url"].startswith(FILES), each["name"]
            assert HASH.fullmatch(file["hash"]), each["name"]


def test_we_ask_for_nothing_by_address() -> None:
    """In pyproject.toml: no `package @ https://...`, no git, no index or source of our own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *[each for extra in project["project"]["optional-dependencies"].values() for each in extra],
        *[each for group in project["dependency-groups"].values() for each in group],
    ]
    texts = [each for each in wanted if isinstance(each, str)]
    assert len(texts) > 20
    assert [each for each in texts if re.search(r"@|://|^-", each)] == []
    assert not {"sources", "index", "index-url", "find-links"} & project["tool"]["uv"].keys()
