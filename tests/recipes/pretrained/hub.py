"""A hub of models on this machine, with as much of the protocol as fetching needs."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """One repository at one commit. Its files can be told otherwise than they are served."""

    def __init__(self, name: str, files: Mapping[str, bytes], large: tuple[str, ...] = ()) -> None:
        self.name, self.files, self.large = name, dict(files), large
        self.told = dict(files)
        self.status: int | None = None
        self.asked: list[str] = []
        self.credentials: list[str] = []
        self.endpoint = ""

    def described(self) -> bytes:
        """What the hub says about the commit."""
        files = [self._described(name, content) for name, content in self.told.items()]
        return json.dumps({"id": self.name, "sha": COMMIT, "siblings": files}).encode()

    def _described(self, name: str, content: bytes) -> dict[str, object]:
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - git's
        told: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": git}
        if name in self.large:
            sha256 = hashlib.sha256(content).hexdigest()
            told["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 130}
        return told


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub at a free port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def _answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(path)
            hub.credentials += self.headers.get_all("Authorization") or []
            file = path.removeprefix(f"/{hub.name}/resolve/{COMMIT}/")
            if hub.status is not None:
                self._send(hub.status, b"", body=body)
            elif path == f"/api/models/{hub.name}/revision/{COMMIT}":
                self._send(200, hub.described(), body=body)
            elif file != path and file in hub.files:
                self._send(200, hub.files[file], body=body)
            else:
                self._send(404, b"", body=body)

        def _send(self, status: int, content: bytes, *, body: bool) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            if body:
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
