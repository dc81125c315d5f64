"""`make demo`: the firm's site beside a QuickBooks company, connected and synced, on this machine.

Everything it makes lies in `.demo/`, or in the folder that `DEMO_DIR` names. The first run fills
that folder; later runs take it up where it was left. `PORT` and `SANDBOX_PORT` choose the two
ports; a company stays connected at the addresses it was connected with, so they can only change
after `make demo-reset`.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import json
import logging
import os
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from demo_consent import consent
from demo_servers import STOPPING, Servers, Trouble, answers, attend

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("DEMO_DIR") or ROOT / ".demo").resolve()
LOGS = STATE / "logs"
MADE = ("db.sqlite3*", "sandbox.sqlite3*", "key", "logs", "ports.json", "ready", "lock")
"""What lies in STATE. The lock is the last to go."""
MANAGE = [sys.executable, str(ROOT / "example_project" / "manage.py")]
FIRM = "9341452000000101"
"""The sandbox's company that holds the firm's own books."""
MEANINGS = {
    "mapped": "mapped: name and e-mail are those of a client",
    "review": "likely duplicates: wait for a person",
    "unmapped": "resemble no client: wait for a person",
    "deleted": "their client was deleted: wait for a person",
    "excluded": "excluded by a person",
    "left_out": "sub-customers and projects: left out",
    "inactive": "inactive in QuickBooks: left out",
}


@dataclass(frozen=True)
class Ports:
    """Where the two servers listen, on 127.0.0.1."""

    site: int
    sandbox: int

    @classmethod
    def chosen(cls) -> Ports:
        """Those of the environment, else those of the last run, else 8000 and 8010."""
        kept = STATE / "ports.json"
        last = cls(**json.loads(kept.read_text())) if kept.exists() else None
        usual = last or cls(8000, 8010)
        ports = cls(_port("PORT", usual.site), _port("SANDBOX_PORT", usual.sandbox))
        if last and ports != last:
            raise Trouble(
                f"This demo is connected at the ports {last.site} and {last.sandbox} and would "
                "park itself at others. Leave them as they are, or start over: make demo-reset"
            )
        return ports

    def keep(self) -> None:
        (STATE / "ports.json").write_text(json.dumps(asdict(self)))

    def must_be_free(self) -> None:
        """Raises Trouble when somebody listens there already."""
        for name, port in (("PORT", self.site), ("SANDBOX_PORT", self.sandbox)):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise Trouble(
                        f"Port {port} cannot be used ({error.strerror}). {_way_out(name, port)}"
                    ) from None

    @property
    def site_url(self) -> str:
        return f"http://127.0.0.1:{self.site}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox}"


def _way_out(name: str, port: int) -> str:
    """What to do about a taken port: a connected demo cannot simply go to another one."""
    other = f"make demo {name}={port + 1}"
    if not (STATE / "ports.json").exists():
        return f"Choose another: {other}"
    return (
        "This demo is connected there: end the program that uses it, or start over at another "
        f"port: make demo-reset, then {other}"
    )


def _port(name: str, usual: int) -> int:
    text = os.environ.get(name) or str(usual)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Trouble(f"{name} must be a port number from 1 to 65535, not {text!r}.")
    return int(text)


def environment(ports: Ports) -> dict[str, str]:
    """That of the demo's processes: ours, without what may lead to some other QuickBooks."""
    ours = {key: text for key, text in os.environ.items() if not key.startswith("QBO_")}
    return {**ours, **site_environment(ports), "PYTHONUNBUFFERED": "1"}


def site_environment(ports: Ports) -> dict[str, str]:
    """What tells the site that its QuickBooks is the sandbox beside it."""
    return {
        "DJANGO_SETTINGS_MODULE": "example.settings",
        "DATABASE_URL": f"sqlite:///{STATE / 'db.sqlite3'}",
        "REDIS_URL": "",
        "WAGTAILADMIN_BASE_URL": ports.site_url,
        "QBO_ENVIRONMENT": "sandbox",
        "QBO_API_URL": ports.sandbox_url,
        "QBO_DISCOVERY_URL": f"{ports.sandbox_url}/.well-known/openid_sandbox_configuration/",
        "QBO_CLIENT_ID": "sandbox-client",
        "QBO_CLIENT_SECRET": "sandbox-secret",
        "QBO_WEBHOOK_VERIFIER_TOKEN": "sandbox-verifier",
        "QBO_INSTALLATION": "demo",
        "QBO_ENCRYPTION_KEYS": encryption_key(),
        "QBO_SYNC_PAUSED": os.environ.get("QBO_SYNC_PAUSED", ""),
    }


def encryption_key() -> str:
    """The key that seals the demo's tokens, made in the first run."""
    kept = STATE / "key"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_bytes(Fernet.generate_key())
    return kept.read_text()


@contextmanager
def only_one() -> Iterator[int]:
    """Keep the demo's folder for this process and for those that inherit the file descriptor.

    Raises Trouble while another demo, or a server that one left behind, still works there.
    """
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Trouble(
                f"The demo is running already, as process {lock.read().strip() or 'unknown'}. "
                "End it first, with Ctrl-C where it runs."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock.fileno()


def is_running() -> bool:
    """Whether a demo works in this folder."""
    try:
        with only_one():
            return False
    except Trouble:
        return True


class Site:
    """The site's commands, run in this process: starting one for each would take long."""

    def __init__(self, env: dict[str, str]) -> None:
        os.environ.update(env)
        import django

        django.setup()
        from django_q.conf import logger

        logger.setLevel(logging.WARNING)

    @property
    def is_paused(self) -> bool:
        """Whether QBO_SYNC_PAUSED holds it back."""
        from wagtail_qbo_sync.conf import settings

        return bool(settings.PAUSED)

    def manage(self, *arguments: str) -> str:
        """Run one and return its output. Raises Trouble if it refuses."""
        from django.core.management import CommandError, call_command

        said = io.StringIO()
        try:
            call_command(*arguments, stdout=said)
        except CommandError as error:
            raise Trouble(f"`manage.py {arguments[0]}` says: {error}") from None
        except SystemExit:
            raise Trouble(f"`manage.py {arguments[0]}` ended.\n{said.getvalue()}") from None
        return said.getvalue()

    def companies(self) -> list[dict[str, Any]]:
        """What `qbo_status` tells of each connected company."""
        found: list[dict[str, Any]] = json.loads(self.manage("qbo_status", "--json"))["companies"]
        return found

    def has_worker(self) -> bool:
        """Whether a worker has shown a sign of life."""
        return not json.loads(self.manage("qbo_status", "--json"))["worker_silent"]

    def close(self) -> None:
        """Let go of the database, which belongs to the servers from now on."""
        from django.db import connections

        connections.close_all()


# The demo -----------------------------------------------------------------------------------


def prepare(site: Site) -> None:
    """Database, staff and clients; only what a former run has not finished."""
    site.manage("migrate", "--no-input")
    ready = STATE / "ready"
    if not ready.exists():
        say("Loading a firm with its staff and clients")
        site.manage("load_firm")
        site.manage("setup_firm")
        ready.touch()


def connect(site: Site) -> list[dict[str, Any]]:
    """Through the real OAuth flow, unless a former run has done it; the companies, synced."""
    companies = site.companies()
    if not companies:
        say("Connecting to the sandbox's company by OAuth")
        url = site.manage("qbo_connect", "--print-url").split()[-1]
        if not (back := consent(url, FIRM)):
            raise Trouble("The sandbox's consent page did not offer the firm's own books.")
        site.manage("qbo_connect", "--redirected-url", back)
    elif all(company["synced_at"] for company in companies):
        return companies
    say("First sync: reading its customers, matching them with the firm's clients")
    site.manage("qbo_sync", "--yes")
    return site.companies()


def say(text: str) -> None:
    print(f"- {text}", flush=True)


def begin(servers: Servers, ports: Ports, env: dict[str, str]) -> Site:
    """Start the sandbox and make the site ready for it. Raises Trouble when a port is taken."""
    say("Starting the sandbox, a QuickBooks company on this machine")
    sandbox = [sys.executable, "-m", "wagtail_qbo_sync.sandbox", "--port", str(ports.sandbox)]
    sandbox += ["--webhook-url", f"{ports.site_url}/quickbooks/webhooks/"]
    servers.start("sandbox", [*sandbox, "--state", str(STATE / "sandbox.sqlite3")])
    site = Site(env)
    prepare(site)
    servers.wait_for("sandbox", lambda: answers(ports.sandbox_url))
    return site


def claim_ports() -> Ports:
    """Those chosen for this demo, kept for the next run. Raises Trouble when one is taken."""
    ports = Ports.chosen()
    ports.must_be_free()
    LOGS.mkdir(parents=True, exist_ok=True)
    ports.keep()
    return ports


def run(lock: int, unconnected: bool) -> None:
    """Start everything, then serve until somebody stops it. `unconnected`: connect nothing."""
    ports = claim_ports()
    env = environment(ports)
    servers = Servers(env, LOGS, lock)
    try:
        site = begin(servers, ports, env)
        if site.is_paused:
            say("Syncing is paused (QBO_SYNC_PAUSED): nothing is connected or synced")
        elif unconnected:
            say("Nothing is connected by itself: see Settings, Connected Apps")
        companies = site.companies() if unconnected or site.is_paused else connect(site)
        say("Starting the site and a worker")
        servers.start("worker", [*MANAGE, "qbo_worker"])
        servers.start("site", [*MANAGE, "runserver", "--noreload", f"127.0.0.1:{ports.site}"])
        servers.wait_for("site", lambda: answers(f"{ports.site_url}/admin/login/"))
        servers.wait_for("worker", site.has_worker)
        site.close()
        report(companies, ports)
        while True:
            servers.must_run()
            time.sleep(1)
    finally:
        servers.stop()


def shell(lock: int) -> None:
    """Django's shell on the connected site, with the sandbox beside it and nothing else."""
    ports = claim_ports()
    env = environment(ports)
    servers = Servers(env, LOGS, lock)
    try:
        site = begin(servers, ports, env)
        if not site.is_paused:
            connect(site)
        site.close()
        open_shell(env)
    finally:
        servers.stop()


def open_shell(env: dict[str, str]) -> None:
    say("All models are there by name; functions to try: docs/reference/python.md")
    attend([*MANAGE, "shell"], env)


def report(companies: list[dict[str, Any]], ports: Ports) -> None:
    """What was found, and where to go."""
    for company in companies:
        print(f"\n{company['company']}, customers in QuickBooks")
        for name, number in company["counts"].items():
            print(f"  {MEANINGS.get(name, name):52} {number:>5,}")
    print(
        f"\nThe site        {ports.site_url}/admin/\n"
        "                log in as partner, admin or staff; the password of each is demo\n"
        f"The QuickBooks  {ports.sandbox_url}/\n"
        "                what you change on either side reaches the other within seconds\n"
        "\nCtrl-C ends both.",
        flush=True,
    )


def print_environment() -> None:
    """The site's environment as lines for a shell. Raises Trouble before the first run."""
    if not (STATE / "ports.json").exists():
        raise Trouble("There is no demo yet. Make one: make demo")
    for name, text in site_environment(Ports.chosen()).items():
        print(f"export {name}={shlex.quote(text)}")


def reset() -> None:
    """Forget everything. Raises Trouble while the demo is running."""
    with only_one():
        for path in (path for pattern in MADE for path in STATE.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    with suppress(OSError):  # something of yours lies there
        STATE.rmdir()
    print("The demo's data is gone. Start over with: make demo")


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description="An accounting firm's site beside QuickBooks.")
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--unconnected", action="store_true", help="serve, but leave connecting to you"
    )
    one.add_argument(
        "--env", action="store_true", help="print what manage.py needs to reach the demo's site"
    )
    one.add_argument(
        "--shell", action="store_true", help="open Django's shell on the connected site"
    )
    one.add_argument("--reset", action="store_true", help="forget the demo's data")
    options = parser.parse_args()
    for number in STOPPING:
        signal.signal(number, _interrupt)
    try:
        if options.env:
            print_environment()
        elif options.reset:
            reset()
        elif options.shell and is_running():
            open_shell(environment(Ports.chosen()))
        else:
            with only_one() as lock:
                shell(lock) if options.shell else run(lock, options.unconnected)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nEnded. `make demo` goes on from here, `make demo-reset` starts over.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
