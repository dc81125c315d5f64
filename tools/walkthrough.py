"""A page of the docs that is done, step by step, as by somebody who reads it (tools/new_user.py).

A heading "## 3. Title" begins a step. Within it

    sh       is typed; what serves goes on in the background
    text     are lines that the commands before it have printed
    python   is the file that its first line names, or is added "at the end" of it
    diff     takes lines out of a file, or puts others in their place

Installed are the versions of our own .venv, so that a commit that works goes on working.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from socket import create_server

import requests

from tools.stages import ROOT, Environment, clean_environment

STEP = re.compile(r"^## (\d+\. .+)\n((?:(?!^## ).*\n)*)", re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEW_KEY = "--new-key"
SERVERS = ("wagtail_qbo_sync.sandbox", "manage.py runserver", "manage.py qbo_worker")
"""What does not end by itself."""
LOG = "servers.log"
YES = "yes\n" * 9
"""What is answered to whatever asks."""
PATIENCE = 60.0
"""Seconds for what takes a few."""
USER = {"username": "me", "password": "a-password-of-mine"}


def browser() -> requests.Session:
    """Somebody's, on this machine: no proxy stands between."""
    session = requests.Session()
    session.trust_env = False
    return session


class Wrong(Exception):
    """A step did not do what the page says; the text is a sentence for a person."""


# The pages ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One numbered heading of a page, and what stands below it."""

    title: str
    text: str

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """The language of each fenced block, and what it holds."""
        return BLOCK.findall(self.text)


def steps(page: str) -> list[Step]:
    return [Step(*found) for found in STEP.findall((ROOT / page).read_text())]


# The folder ---------------------------------------------------------------------------------


@dataclass
class Place:
    """The new user's folder, what runs there, and what was said last."""

    folder: Path
    site: str
    sandbox: str
    words: dict[str, str]
    """What is another on this machine than on the page."""
    env: Environment
    said: str = ""
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def here(self, text: str) -> str:
        for word, ours in self.words.items():
            text = text.replace(word, ours)
        return text

    def do(self, kind: str, text: str) -> None:
        """Do what a block says. Raises Wrong."""
        acts = {"sh": self.type, "text": self.expect, "python": self.write, "diff": self.patch}
        acts[kind](self.here(text))

    def type(self, commands: str) -> None:
        if any(server in commands for server in SERVERS):
            self.serve(commands)
            return
        done = subprocess.run(
            ["/bin/sh", "-ec", commands],
            cwd=self.folder,
            env=self.env,
            input=YES,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said = done.stdout + done.stderr
        if done.returncode:
            raise Wrong(f"This ended with {done.returncode}:\n{commands}\n{self.said}")
        if NEW_KEY in commands:
            self.words["the key that was printed"] = done.stdout.strip()

    def serve(self, command: str) -> None:
        """Start it, and wait until it answers if it is a web server."""
        with (self.folder / LOG).open("ab") as log:
            self.running.append(
                subprocess.Popen(
                    ["/bin/sh", "-c", f"exec {command}"],
                    cwd=self.folder,
                    env=self.env,
                    stdout=log,
                    stderr=log,
                )
            )
        for word, url in (("sandbox", self.sandbox), ("runserver", self.site)):
            if word in command:
                until(f"an answer of {url}", partial(answers, url))

    def log(self) -> str:
        """The last that the servers have said."""
        path = self.folder / LOG
        return path.read_text(errors="replace")[-5000:] if path.exists() else ""

    def stop(self) -> None:
        """End what serves. All of it is of our own process group, which ends with us."""
        for process in self.running:
            process.terminate()
        while self.running:
            self.running.pop().wait(PATIENCE)

    def expect(self, lines: str) -> None:
        missing = set(lines.splitlines()) - set(self.said.splitlines())
        if missing:
            raise Wrong(f"This was not said: {sorted(missing)}, but:\n{self.said}")

    def write(self, text: str) -> None:
        named = re.match(r"# ([\w/.]+)(, at the end)?\n", text)
        if named is None:
            raise Wrong(f"No file is named above this:\n{text}")
        path = self.folder / named[1]
        if named[2]:
            path.write_text(f"{path.read_text()}\n{text[named.end() :]}")
        else:
            path.write_text(text)

    def patch(self, text: str) -> None:
        _, *hunks = re.split(r"^(?:@@|--- .*)\n", text, flags=re.MULTILINE)
        path = self.folder / text.partition("\n")[0].removeprefix("--- ")
        held = path.read_text()
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            if held.count(before) != 1:
                raise Wrong(f"{path} does not hold this once:\n{before}")
            held = held.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))
        path.write_text(held)


@contextmanager
def empty_folder() -> Iterator[Place]:
    """An empty folder with two free ports; nothing that was started there goes on."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with create_server(("127.0.0.1", 0)) as one, create_server(("127.0.0.1", 0)) as two:
            site, sandbox = (str(each.getsockname()[1]) for each in (one, two))
        words = {
            "/path/to/wagtail-qbo-sync": str(ROOT),
            "localhost:8000": f"localhost:{site}",
            "localhost:8010": f"localhost:{sandbox}",
            "manage.py runserver": f"manage.py runserver {site}",
            "wagtail_qbo_sync.sandbox ": f"wagtail_qbo_sync.sandbox --port {sandbox} ",
            "createsuperuser": "createsuperuser --no-input",
        }
        env = environment(folder)
        urls = (f"http://localhost:{site}", f"http://localhost:{sandbox}")
        place = Place(folder, *urls, words, env)
        stack.callback(place.stop)
        yield place


def environment(folder: Path) -> Environment:
    """That of somebody who has activated the folder's own .venv."""
    ours = {each.name: each.version for each in distributions()}
    constraints = folder / "constraints.txt"
    constraints.write_text(
        "".join(f"{name}=={ours[name]}\n" for name in ours if name != "wagtail-qbo-sync")
    )
    env = clean_environment()
    return {
        **env,
        "PATH": f"{folder / '.venv' / 'bin'}:{env['PATH']}",
        "PIP_CONSTRAINT": str(constraints),
        "DJANGO_SUPERUSER_USERNAME": USER["username"],
        "DJANGO_SUPERUSER_PASSWORD": USER["password"],
        "DJANGO_SUPERUSER_EMAIL": "me@example.com",
    }


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for it. Raises Wrong if that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Wrong(f"There was not within {PATIENCE:.0f} seconds: {what}.")
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        return browser().get(url, timeout=5).ok
    except requests.ConnectionError:
        return False
