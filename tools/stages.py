"""The stages of `make test`: each under a time limit, its minutes printed.

    tools/stages.py            every stage
    tools/stages.py lint types those

A stage whose service is missing on this machine is skipped with a sentence. Under CI=true that
is a failure, and so is a test that skips itself for want of a browser, a database server or
Redis (tests/plugins/required.py). The last line counts the tests,
and each stage without tests as one: "N passed, N failed, N skipped".
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit, urlunsplit
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
IN_CI = os.environ.get("CI") == "true"
ALL_MINUTES = 80
"""What the stages may take together, installation apart."""
CHROMIUM = "/usr/bin/chromium"
POSTGRES_URL = os.environ.get("POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
MARIADB_URL = os.environ.get("MARIADB_URL", "mysql://root@127.0.0.1:3306/")
"""The servers to test on; only databases made here are touched there."""
PARALLEL = ("-n", "auto", "--maxprocesses=4")
"""For tests that keep both cores busy; those of a browser have one to themselves."""
AGAIN = ("--reruns=2", "--reruns-delay=3", "-rfER")
"""Browsers, processes and busy machines have moods that are not ours: a failed test is tried twice
more, and named for it."""
SEED = "20261122"
"""Of the engine's examples, so that two runs of one commit try the same ones."""

Environment: TypeAlias = dict[str, str]
Command: TypeAlias = list[str]
Place: TypeAlias = Callable[[], AbstractContextManager[Environment]]


class Unavailable(Exception):
    """What a stage needs is not on this machine; the text is a sentence for a person."""


@dataclass
class Outcome:
    """How a stage ended: its state, its seconds, and the tests that it counted."""

    name: str
    state: str
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    broken: list[str] = field(default_factory=list)
    """The tests that failed, each with the first line of why."""


# Places: what a stage needs around it -------------------------------------------------------


def clean_environment() -> Environment:
    """Ours without what would point the tests at some other database or company."""
    strange = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV", "QBO_")
    kept = {key: text for key, text in os.environ.items() if not key.startswith(strange)}
    return {**kept, "PATH": f"{BIN}{os.pathsep}{kept.get('PATH', '')}"}


@contextmanager
def plain() -> Iterator[Environment]:
    """SQLite and nothing else."""
    yield clean_environment()


@contextmanager
def postgres() -> Iterator[Environment]:
    """A new database of a name that nobody else uses; it and what tests made of it are dropped."""
    import psycopg
    from psycopg import sql

    name = f"qbo_sync_{uuid.uuid4().hex[:12]}"
    try:
        server = psycopg.connect(POSTGRES_URL, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        shown = urlsplit(POSTGRES_URL)
        raise Unavailable(
            f"No PostgreSQL at {shown.hostname}:{shown.port or 5432} "
            f"({str(error).splitlines()[0]}). POSTGRES_URL names another one."
        ) from None
    with server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            url = urlunsplit(urlsplit(POSTGRES_URL)._replace(path=f"/{name}"))
            yield {**clean_environment(), "DATABASE_URL": url}
        finally:
            ours = "SELECT datname FROM pg_database WHERE position(%s in datname) > 0"
            for (each,) in server.execute(ours, [name]).fetchall():
                drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                server.execute(drop.format(sql.Identifier(each)))


def ask_mariadb(statement: str) -> list[str]:
    """The first column of what MariaDB answers. Raises Unavailable."""
    server = urlsplit(MARIADB_URL)
    command = ["mariadb", "--batch", "--skip-column-names", "--connect-timeout=5"]
    command += [f"--host={server.hostname}", f"--port={server.port or 3306}"]
    command += [f"--user={unquote(server.username or '')}", f"--execute={statement}"]
    env = {**os.environ, "MYSQL_PWD": unquote(server.password or "")}
    try:
        said = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Unavailable(
            "There is no `mariadb`. On Debian: apt-get install mariadb-client"
        ) from None
    if said.returncode:
        raise Unavailable(
            f"No MariaDB at {server.hostname}:{server.port or 3306} ({said.stderr.strip()}). "
            "MARIADB_URL names another one."
        )
    return said.stdout.splitlines()


@contextmanager
def mariadb() -> Iterator[Environment]:
    """The same on MariaDB; only for a place with the group of its driver, which is compiled."""
    name = f"qbo_sync_{uuid.uuid4().hex[:12]}"
    ask_mariadb(f"CREATE DATABASE {name}")
    try:
        if shutil.which("mariadb_config") is None:
            needed = "libmariadb-dev pkg-config gcc"
            raise Unavailable(f"MariaDB's driver cannot be compiled: apt-get install {needed}")
        url = urlunsplit(urlsplit(MARIADB_URL)._replace(path=f"/{name}"))
        yield {**clean_environment(), "DATABASE_URL": url}
    finally:
        for each in ask_mariadb(f"SHOW DATABASES LIKE '%{name}%'"):
            ask_mariadb(f"DROP DATABASE {each}")


@contextmanager
def browser() -> Iterator[Environment]:
    """A machine with Chromium, and PostgreSQL if there is one.

    With SQLite in memory the live server's threads share the test's own connection; a test that
    syncs while a page asks for news can then wait for ever.
    """
    if not Path(CHROMIUM).exists():
        raise Unavailable(f"There is no {CHROMIUM}. On Debian: apt-get install chromium")
    with ExitStack() as stack:
        try:
            environment = stack.enter_context(postgres())
        except Unavailable:
            environment = clean_environment()
        yield environment


def interpreter(uv: str, version: str) -> str:
    """A Python of this version, on the PATH or kept by pyenv. Raises Unavailable."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    kept = [str(folder) for folder in pyenv.glob(f"versions/{version}.*/bin")]
    env = {**os.environ, "PATH": os.pathsep.join([*kept, os.environ["PATH"]])}
    command = [uv, "python", "find", "--no-project", "--no-python-downloads", version]
    found = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if found.returncode:
        raise Unavailable(f"There is no Python {version} on this machine.")
    return found.stdout.strip()


def other_versions(
    name: str, *, python: str = "", packages: Sequence[str] = (), groups: Sequence[str] = ()
) -> Place:
    """A place with another Python (default: ours), with other packages than the lock's (as `uv pip
    install` takes them), or with more groups of it."""

    @contextmanager
    def place() -> Iterator[Environment]:
        uv = shutil.which("uv") or shutil.which("uv", path=str(BIN))
        if uv is None:
            raise Unavailable("uv is needed to install other versions beside ours.")
        found = interpreter(uv, python or ".".join(map(str, sys.version_info[:2])))
        where = ROOT / f".venv-{name}"
        env = {
            **clean_environment(),
            "UV_PROJECT_ENVIRONMENT": str(where),
            "PATH": f"{where / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        sync = [uv, "sync", "--locked", "--quiet", "--no-default-groups", "--python", found]
        chosen = [f"--group={group}" for group in ("test", *groups)]
        subprocess.run([*sync, *chosen], cwd=ROOT, env=env, check=True)
        if packages:
            add = [uv, "pip", "install", "--quiet", "--python", str(where), *packages]
            subprocess.run(add, cwd=ROOT, env=env, check=True)
        yield env

    return place


def together(*places: Place) -> Place:
    """All of them; what a later one says counts."""

    @contextmanager
    def place() -> Iterator[Environment]:
        with ExitStack() as stack:
            environment: Environment = {}
            for each in places:
                environment |= stack.enter_context(each())
            yield environment

    return place


@contextmanager
def newest_on_postgres() -> Iterator[Environment]:
    """PostgreSQL, and the newest supported versions where this machine has a Python for them.

    One stage for both, as each costs minutes; `sqlite` tells a failure of the one from the other.
    """
    with ExitStack() as stack:
        environment = stack.enter_context(postgres())
        try:
            newest = stack.enter_context(other_versions("newest", python="3.13")())
        except Unavailable as missing:
            print(missing, "So PostgreSQL is tested with our own versions.")
            newest = {}
        yield {**environment, **newest}


# Stages -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """Commands that all have to succeed within `minutes`, in the place made for them."""

    name: str
    minutes: float
    commands: Callable[[], list[Command]]
    place: Place = plain


def lint() -> list[Command]:
    pages = sorted(
        str(page.relative_to(ROOT))
        for room in ("wagtail_qbo_sync", "example_project")
        for page in (ROOT / room).glob("**/templates/**/*.html")
    )
    about_pages = [["djhtml", "--check", *pages], ["curlylint", "--quiet", *pages]]
    return [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        *(about_pages if pages else []),
    ]


def pytest(*arguments: str) -> Callable[[], list[Command]]:
    """One run of pytest; in CI a test that finds its service missing fails."""
    required = ["-p", "tests.plugins.required"] if IN_CI else []
    return lambda: [["python", "-m", "pytest", "-q", *AGAIN, *required, *arguments]]


def versions_then_pytest(*arguments: str) -> Callable[[], list[Command]]:
    """The same, saying first on what it runs."""
    said = "import platform as p, django as d, wagtail as w; print('Python', p.python_version(),"
    said += " 'Django', d.__version__, 'Wagtail', w.__version__)"
    return lambda: [["python", "-c", said], *pytest(*arguments)()]


OURS = "--editable=.[fuzzy,postgres,redis]"
LOWEST = ("--upgrade", "--resolution=lowest-direct", OURS)
"""What pyproject.toml asks for, at its lower bounds."""

MIGRATIONS = ["python", "example_project/manage.py", "makemigrations", "--check", "--dry-run"]
ENGINE = ("tests/engine", "--hypothesis-profile=thorough", f"--hypothesis-seed={SEED}")
ROOMS_BELOW = ("engine", "mutants", "qbo", "sandbox", "simulation", "sync")
KNOWS_NO_WAGTAIL = [f"--ignore=tests/{room}" for room in ROOMS_BELOW]
"""Rooms in which an older Wagtail makes no difference; `make versions` runs them as well."""
ON_SQLITE = "not browser and not postgres and not server"
OF_MARIADB = "not browser and not postgres"
STORED = ("sync", "host", "admin/test_deadlock.py")
ON_MARIADB = tuple(f"tests/{room}" for room in STORED)
"""Rooms whose tests store, lock and ask; screens ask nothing of a database that these do not."""

STAGES = (
    Stage("lint", 2, lint),
    Stage("types", 6, lambda: [["mypy"]]),
    Stage("layers", 2, lambda: [["lint-imports", "--no-cache"]]),
    Stage("migrations", 2, lambda: [MIGRATIONS]),
    Stage("docs", 2, lambda: [["mkdocs", "build", "--clean"]]),
    Stage("sqlite", 30, versions_then_pytest(*PARALLEL, "-m", ON_SQLITE)),
    Stage("postgres", 35, versions_then_pytest(*PARALLEL, "-m", "not browser"), newest_on_postgres),
    Stage(
        "mariadb",
        20,
        versions_then_pytest(*PARALLEL, *ON_MARIADB, "-m", OF_MARIADB),
        together(mariadb, other_versions("mariadb", groups=["mariadb"])),
    ),
    Stage("mutants", 10, lambda: [["python", "-m", "tests.mutants", "-q", *PARALLEL]]),
    Stage("engine", 6, pytest(*PARALLEL, "-p", "tests.plugins.thorough", *ENGINE)),
    Stage("browser", 30, pytest("-m", "browser"), browser),
    Stage("install", 15, lambda: [["python", "-m", "tools.new_user"]]),
    Stage("benchmarks", 10, lambda: [["python", "benchmarks/suite.py", "--small"]]),
    Stage(
        "oldest",
        30,
        versions_then_pytest(*PARALLEL, *KNOWS_NO_WAGTAIL, "-m", ON_SQLITE),
        other_versions("oldest", packages=LOWEST),
    ),
)

SOAK_MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
SOAK = ["python", "-m", "pytest", "-q", "-rf"]
ON_DEMAND = (
    Stage("soak", SOAK_MINUTES + 20, lambda: [[*SOAK, "-n", "2", "-m", "soak and not postgres"]]),
    Stage("kills", SOAK_MINUTES + 20, lambda: [[*SOAK, "-m", "soak and postgres"]], postgres),
)
"""Stages that only run when they are named."""


# Running ------------------------------------------------------------------------------------


def run(stage: Stage, seconds_left: float) -> Outcome:
    """One stage; never raises but KeyboardInterrupt."""
    began = time.monotonic()
    outcome = Outcome(stage.name, "failed")
    try:
        with stage.place() as env, tempfile.TemporaryDirectory() as folder:
            deadline = began + min(stage.minutes * 60, seconds_left)
            counts = Path(folder) / "counts.xml"
            env["PYTEST_ADDOPTS"] = f"--junitxml={counts}"
            # Every command is run, so that one look shows all that is wrong.
            results = [finish(command, env, deadline) for command in stage.commands()]
            outcome.state = "passed" if all(results) else "failed"
            read_counts(counts, outcome)
    except Unavailable as missing:
        print(missing)
        outcome.state = "failed" if IN_CI else "skipped"
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(map(str, error.cmd[:3]))} ... did not work; its words stand above.")
    outcome.seconds = time.monotonic() - began
    return outcome


def finish(command: Command, env: Environment, deadline: float) -> bool:
    """Whether the command ended well before the deadline; ended with all its children if not."""
    with subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True) as process:
        try:
            return process.wait(max(deadline - time.monotonic(), 1)) == 0
        except subprocess.TimeoutExpired:
            print(f"{' '.join(command[:4])} ... took too long and was ended.")
            return False
        finally:
            end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it left running."""
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue


def read_counts(report: Path, outcome: Outcome) -> None:
    """Add what pytest counted, if the stage ran pytest to its end."""
    if not report.exists():
        return
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314 (our own)
        tests, failed, skipped = (
            sum(int(suite.get(key, "0")) for key in keys)
            for keys in (("tests",), ("failures", "errors"), ("skipped",))
        )
        outcome.passed += tests - failed - skipped
        outcome.failed += failed
        outcome.skipped += skipped
        outcome.broken += filter(None, map(_why_broken, suite.iter("testcase")))


def _why_broken(case: ElementTree.Element) -> str:
    for why in (*case.iter("failure"), *case.iter("error")):
        said = why.get("message", "").strip().splitlines() or [""]
        return f"{case.get('classname')}::{case.get('name')}: {said[0][:200]}"
    return ""


def clock(seconds: float) -> str:
    """Seconds as people read them: "2 min 05 s"."""
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def main(names: Sequence[str]) -> int:
    """Run the stages of these names, or all; 0 when none failed."""
    known = {stage.name: stage for stage in (*STAGES, *ON_DEMAND)}
    if unknown := [name for name in names if name not in known]:
        print(f"No stage is called {unknown[0]}. There are: {', '.join(known)}.")
        return 2
    began = time.monotonic()
    outcomes = []
    for name in names or [stage.name for stage in STAGES]:
        print(f"\n=== {name}", flush=True)
        left = ALL_MINUTES * 60 - (time.monotonic() - began)
        outcomes.append(outcome := run(known[name], left))
        print(f"=== {name}: {outcome.state} in {clock(outcome.seconds)}", flush=True)
    return summary(outcomes, time.monotonic() - began)


def summary(outcomes: Sequence[Outcome], seconds: float) -> int:
    """Print how it went, the counts last; 0 when no stage failed."""
    print()
    for outcome in outcomes:
        tests = f"{outcome.passed} passed" if outcome.passed else ""
        print(f"{outcome.name:11} {outcome.state:8} {clock(outcome.seconds):>12}  {tests}".rstrip())
    print(f"{'together':20} {clock(seconds):>12}")
    broken = [outcome for outcome in outcomes if outcome.state == "failed"]
    for outcome in broken:
        for test in outcome.broken:
            print(f"{outcome.name}: {test}")
    failed = sum(max(outcome.failed, 1) for outcome in broken)
    passed = sum(outcome.passed or outcome.state == "passed" for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
