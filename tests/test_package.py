"""What is built for others holds what they need, and nothing of ours."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "wagtail_qbo_sync"
SUFFIXES = {".py", ".typed", ".html", ".svg", ".css", ".js", ".po", ".mo"}
"""Code, templates, static files and translations: no pictures, no databases, no data of tests."""
BESIDE = {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore"}
"""What the archive of sources holds beside the package; hatchling builds by .gitignore too."""


def build(tree: Path, target: str, folder: Path) -> Path:
    """What hatchling makes of a tree."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target]
    done = subprocess.run(
        [*command, "--directory", folder], cwd=tree, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the archive of sources unpacks to."""
    built = build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(built) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    return unpacked


def kept() -> set[str]:
    """Every file of the package that git keeps, or would."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", PACKAGE]
    found = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in found.split("\0") if name and (ROOT / name).is_file()}


def held(wheel: Path) -> dict[str, int]:
    """The files in a wheel, each with its checksum."""
    with zipfile.ZipFile(wheel) as archive:
        return {each.filename: each.CRC for each in archive.infolist()}


def test_wheel_holds_the_package_and_its_licence(wheel: Path) -> None:
    about = f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info"
    papers = {"METADATA", "RECORD", "WHEEL", "licenses/LICENSE"}
    assert held(wheel).keys() == kept() | {f"{about}/{name}" for name in papers}


def test_the_package_holds_nothing_but_itself() -> None:
    names = kept()
    assert {f"{PACKAGE}/py.typed", f"{PACKAGE}/migrations/0001_initial.py"} <= names
    for room in ("templates", "static"):
        assert any(name.startswith(f"{PACKAGE}/{room}/{PACKAGE}/") for name in names)
    assert {Path(name).suffix for name in names} <= SUFFIXES
    assert [name for name in names if Path(name).name.startswith(("test_", "conftest"))] == []


def test_sources_hold_the_package_and_what_builds_it(sources: Path) -> None:
    names = {str(path.relative_to(sources)) for path in sources.rglob("*") if path.is_file()}
    assert names == kept() | BESIDE


def test_sources_build_the_same_wheel(
    sources: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert held(build(sources, "wheel", tmp_path_factory.mktemp("again"))) == held(wheel)
