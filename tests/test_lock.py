"""What is installed is what was locked: from PyPI only, each file by its hash (SECURITY.md)."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PYPI = "https://pypi.org/simple"
FILES = "https://files.pythonhosted.org/packages/"
HASH = re.compile(r"sha256:[0-9a-f]{64}")


SECRETS = re.compile(
    r"\beyJ[\w-]{20,}\.[\w-]*\.[\w.-]{20,}|\b(?:AB\d\d|RT1-)[\w-]{30,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_\w{30,}|\bAKIA[0-9A-Z]{16}\b"
)
"""What Intuit's tokens, private keys and the keys of well-known services look like."""
MADE_UP = {"tests/qbo/test_faults.py"}
"""Where tokens stand that never were any, to be struck out."""


def test_nothing_that_is_kept_here_holds_a_live_secret() -> None:
    """No fixture, recording or setting: everything that git keeps, by its look."""
    listed = ["git", "ls-files", "-z"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in found.split("\0") if name and (ROOT / name).is_file()]
    texts = {name: (ROOT / name).read_text(errors="ignore") for name in names}
    assert len(texts) > 300
    assert {name for name, text in texts.items() if SECRETS.search(text)} == MADE_UP


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
