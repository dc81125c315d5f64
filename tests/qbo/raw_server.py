"""A server that says byte for byte what a test tells it to, however wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Self

Answer = bytes | Callable[[socket.socket], None]


class RawServer:
    """Answers each connection with the next of `answers`, the last one again and again.

    `requests` holds what was received, as text. An answer may be a function that does what
    it likes with the socket.
    """

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client:
            request = _read(client)
            if not request:
                return
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self.requests.append(request)
            try:
                if callable(answer):
                    answer(client)
                else:
                    client.sendall(answer)
            except OSError:
                return  # the client has had enough


def _read(client: socket.socket) -> str:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (chunk := client.recv(65536)):
            return ""
        received += chunk
        if received[:1] == b"\x16":
            return "a TLS greeting"
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length and (chunk := client.recv(65536)):
        body += chunk
    return (head + b"\r\n\r\n" + body).decode()


def http(
    status: int, body: bytes | str = b"", *, length: int | None = None, **headers: str
) -> bytes:
    """An answer; `length` may lie. Underscores of header names become dashes but in intuit_tid."""
    data = body.encode() if isinstance(body, str) else body
    fields = {
        "Content-Length": str(len(data) if length is None else length),
        "Connection": "close",
        "intuit_tid": "1-5f733be9-e9e791ec27b83239921a70ee",
        **{n if n == "intuit_tid" else n.replace("_", "-"): v for n, v in headers.items()},
    }
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {text}" for name, text in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + data


def cut(client: socket.socket) -> None:
    """Close without a word, as a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def hang(client: socket.socket) -> None:
    """Say nothing until the client gives up."""
    client.settimeout(20)
    client.recv(1)
