"""Every supported version: `make versions`, or one by its name (`nox --list` says them).

    nox -s "versions(django52-wagtail74-postgres)" -- tests/admin

Each session is a stage as tools/stages.py knows them: it makes the database, the environment with
those versions, and counts. What stands after `--` is for pytest, in place of the whole suite.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent))

from tools import stages
from tools.stages import Place

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "none"  # tools/stages.py makes the environments, from the lock

MINUTES = 45
NEWEST = ("--upgrade", stages.OURS)
"""What pyproject.toml asks for, as new as it allows."""


def of(django: str, wagtail: str) -> tuple[str, str]:
    return f"django~={django}.0", f"wagtail~={wagtail}.0"


VERSIONS: Mapping[str, tuple[str, Sequence[str], str]] = {
    "lowest-sqlite": ("3.11", stages.LOWEST, "sqlite"),
    "django52-wagtail74-postgres": ("3.11", of("5.2", "7.4"), "postgres"),
    "django52-wagtail80-mariadb": ("3.11", of("5.2", "8.0"), "mariadb"),
    "django60-wagtail74-mariadb": ("3.12", of("6.0", "7.4"), "mariadb"),
    "django60-wagtail80-sqlite": ("3.12", of("6.0", "8.0"), "sqlite"),
    "django61-wagtail80-postgres": ("3.13", of("6.1", "8.0"), "postgres"),
    "newest-sqlite": ("3.13", NEWEST, "sqlite"),
}
"""Python, packages and database: each supported version, each with each where they are made for
each other (Wagtail 7.4 is not for Django 6.1). `make test` runs 3.11 and 3.13 with the lock's."""

NEXT: Mapping[str, str] = {
    "wagtail": "git+https://github.com/wagtail/wagtail.git@main",
    "django": "git+https://github.com/django/django.git@main",
}

DATABASES: Mapping[str, tuple[Place, Sequence[str], Sequence[str]]] = {
    "sqlite": (stages.plain, ("-m", stages.ON_SQLITE), ()),
    "postgres": (stages.postgres, ("-m", "not browser"), ()),
    "mariadb": (stages.mariadb, (*stages.ON_MARIADB, "-m", stages.OF_MARIADB), ("mariadb",)),
}
"""Its place, the tests that are run on it, and the group with its driver."""


def test(
    session: nox.Session, name: str, python: str, packages: Sequence[str], database: str
) -> None:
    place, tests, groups = DATABASES[database]
    stage = stages.Stage(
        name,
        MINUTES,
        stages.versions_then_pytest(*stages.PARALLEL, *(session.posargs or tests)),
        stages.together(
            place, stages.other_versions(name, python=python, packages=packages, groups=groups)
        ),
    )
    outcome = stages.run(stage, MINUTES * 60)
    for broken in outcome.broken:
        session.log(broken)
    if outcome.state == "skipped":
        session.skip("What this needs is not on this machine.")
    if outcome.state == "failed":
        session.error(f"{outcome.failed} tests failed.")


@nox.session
@nox.parametrize("name", list(VERSIONS), ids=list(VERSIONS))
def versions(session: nox.Session, name: str) -> None:
    """A combination of supported versions."""
    test(session, name, *VERSIONS[name])


@nox.session(default=False)
@nox.parametrize("package", list(NEXT), ids=list(NEXT))
def next_release(session: nox.Session, package: str) -> None:
    """What will break next: the main branch of Wagtail or Django. Allowed to fail."""
    test(session, f"next-{package}", "3.13", [NEXT[package]], "sqlite")
