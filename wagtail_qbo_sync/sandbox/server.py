"""HTTP/1.1 around the sandbox: reads requests, writes responses, breaks connections on demand."""

from __future__ import annotations

import sys
import traceback
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .sandbox import Sandbox
from .wire import Request, Response

LARGEST_BODY = 10_000_000


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], sandbox: Sandbox, quiet: bool = False) -> None:
        super().__init__(address, Handler)
        self.sandbox = sandbox
        self.quiet = quiet


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _handle(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY or "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.close_connection = True
            self._write(Response(413, b"Too large, or chunked\n"))
            return
        body = self.rfile.read(length)
        request = Request(self.command, path, query, self.headers, body)
        try:
            response = self.server.sandbox.answer(request)
        except Exception:
            traceback.print_exc()
            response = Response(500, b"The sandbox itself has failed; see its stderr\n")
        self._write(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _handle

    def _write(self, response: Response) -> None:
        if response.deliver == "nothing":
            self.close_connection = True
            return
        status = HTTPStatus(response.status)
        self.log_request(status)
        body = b"" if self.command == "HEAD" else response.body
        head = {
            "Server": "nginx",
            "Date": formatdate(usegmt=True),
            **response.headers,
            "Content-Length": str(len(response.body)),
        }
        lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
        lines += [f"{name}: {value}" for name, value in head.items()]
        if response.deliver == "half":
            self.close_connection = True
            body = body[: len(body) // 2]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def log_message(self, format: str, *args: object) -> None:
        if not self.server.quiet:
            sys.stderr.write(f"{self.log_date_time_string()} {format % args}\n")
