"""Loaded by CI only (`-p tests.plugins.required`): a missing service fails its test.

A test marked `browser`, `postgres`, `server`, `redis` or `gettext` skips itself on a machine
without Chromium, PostgreSQL, any database server, Redis, or xgettext. In CI all are there, so such
a skip would hide that nothing was tested.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

REQUIRED = ("browser", "postgres", "server", "redis", "gettext")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    needs = [name for name in REQUIRED if item.get_closest_marker(name)]
    if report.skipped and needs and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI has what {needs[0]!r} tests need, yet this one said: {reason}"
    return report
