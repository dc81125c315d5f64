"""What translators start from holds what the code says: `make messages` brings it up to date."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "wagtail_qbo_sync"
CATALOGUE = Path("locale/en/LC_MESSAGES/django.po")
MAKE = ("-m", "django", "makemessages", "--locale=en")
KNOWN = re.compile(r"_|n?p?gettext(_lazy|_noop)?")
"""The names by which `makemessages` knows a text that is to be translated."""


def entries(catalogue: Path) -> set[str]:
    """Each text with its context and its plural, however the lines are broken."""
    texts = catalogue.read_text().replace('"\n"', "").split("\n\n")[1:]
    return {re.sub(r"^(#.*|msgstr.*)\n?", "", each, flags=re.MULTILINE) for each in texts}


@pytest.mark.gettext
def test_the_catalogue_holds_each_text_and_no_other(tmp_path: Path) -> None:
    if shutil.which("xgettext") is None:
        pytest.skip("There is no xgettext. On Debian: apt-get install gettext")
    copy = tmp_path / "package"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("locale", "static", "__pycache__"))
    (copy / "locale").mkdir()
    env = {key: text for key, text in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    subprocess.run([sys.executable, *MAKE], cwd=copy, env=env, check=True, capture_output=True)
    assert len(entries(PACKAGE / CATALOGUE)) > 1000
    assert entries(copy / CATALOGUE) == entries(PACKAGE / CATALOGUE)


def test_translating_is_called_by_names_that_makemessages_knows() -> None:
    unknown = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
                unknown += [
                    (str(path.relative_to(PACKAGE)), each.asname)
                    for each in node.names
                    if "gettext" in each.name and not KNOWN.fullmatch(each.asname or each.name)
                ]
    assert unknown == []
