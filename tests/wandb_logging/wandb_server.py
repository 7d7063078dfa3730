"""A W&B server for tests: enough of its GraphQL and file stream for wandb's own client, over HTTP on this machine.

Lines of a file go where their offset says, as on W&B, so that a line that is sent twice to its place is there once.
"""

import gzip
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789abcdef" * 2 + "01234567"
"""A key of the length that wandb's client asks for."""
ENTITY = "me"
ALWAYS: dict[str, dict[str, Any]] = {
    "GetDefaultEntity": {"viewer": {"id": "u", "entity": ENTITY}},
    "ArtifactType": {"project": {"artifact": None}},
    "ProjectInternalId": {"project": {"id": "p", "internalId": "cHJvamVjdDox"}},
    "GetProjects": {"models": {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}},
    "ServerFeaturesQuery": {"serverInfo": {"features": []}},
}
"""Answers that do not depend on what is asked."""


@dataclass
class LoggedRun:
    """A run as the server has it."""

    fields: dict[str, Any] = field(default_factory=dict)
    """As given to UpsertBucket, with the last value of each."""
    files: dict[str, list[str]] = field(default_factory=dict)
    """The lines of wandb-history.jsonl and of others."""
    exit_code: int | None = None

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files.get("wandb-history.jsonl", [])]

    @property
    def steps(self) -> list[int]:
        """The steps of the rows that hold more than W&B's own keys."""
        return [row["_step"] for row in self.history if any(not key.startswith("_") for key in row)]

    @property
    def summary(self) -> dict[str, Any]:
        lines = self.files.get("wandb-summary.json", ["{}"])
        return {key: value for key, value in json.loads(lines[-1]).items() if not key.startswith("_")}

    @property
    def config(self) -> dict[str, Any]:
        content = json.loads(self.fields.get("config") or "{}")
        return {key: value["value"] for key, value in content.items() if key != "_wandb"}

    @property
    def state(self) -> str:
        return {None: "running", 0: "finished"}.get(self.exit_code, "failed")


class WandbServer(ThreadingHTTPServer):
    """The server. `behaviour` says how it answers from now on: well, hang, or with an HTTP status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour: str | int = "well"
        self.behaviour_of: dict[str, str | int] = {}
        """The same for single operations, by name, `file_stream`, or `complete`, the last of a run's stream."""
        self.runs: dict[str, LoggedRun] = {}
        self.views: list[dict[str, Any]] = []
        self.artifacts: list[dict[str, Any]] = []
        self.operations: list[str] = []
        self.stopped = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which wandb's client talks to this server."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY, "WANDB_ERROR_REPORTING": "false"}

    def run(self, name: str) -> LoggedRun:
        return self.runs.setdefault(name, LoggedRun())

    def wait_for(self, condition: Any, timeout_s: float = 60) -> None:
        """Wait until the condition on the server holds. Raises TimeoutError."""
        until = time.monotonic() + timeout_s
        while not condition(self):
            if time.monotonic() > until:
                raise TimeoutError(f"not in {timeout_s} s; seen: {self.operations}")
            self.stopped.wait(0.02)

    def stop(self) -> None:
        """Close the port and all connections: from now on they are refused."""
        self.stopped.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed break their connections; that is no error here."""


@contextmanager
def serving() -> Iterator[WandbServer]:
    """A server that answers until the block ends."""
    server = WandbServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: WandbServer

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        self.answer("GET", {})

    def do_PUT(self) -> None:
        self.body()
        self.answer("PUT", {})

    def do_POST(self) -> None:
        body = self.body()
        if "/graphql" in self.path:
            content = json.loads(body)
            (operation,) = re.findall(r"^\s*(?:query|mutation)\s+(\w+)", content["query"], re.M)[:1] or ["Anonymous"]
            self.server.operations.append(operation)
            self.answer(operation, {"data": self.data(operation, content.get("variables") or {})})
        elif match := re.search(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
            content = json.loads(body)
            operation = (
                "complete" if content.get("complete") and "complete" in self.server.behaviour_of else "file_stream"
            )
            self.server.operations.append(operation)
            if self.behaviour(operation) == "well":
                self.stream(self.server.run(match[1]), content)
            self.answer(operation, {})
        else:  # telemetry
            self.answer("", {})

    def behaviour(self, operation: str) -> str | int:
        return self.server.behaviour_of.get(operation, self.server.behaviour)

    def body(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

    def answer(self, operation: str, content: dict[str, Any]) -> None:
        behaviour = self.behaviour(operation)
        if behaviour == "hang":
            self.server.stopped.wait()
            self.close_connection = True
            return
        status = behaviour if isinstance(behaviour, int) else 200
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, run: LoggedRun, content: dict[str, Any]) -> None:
        for name, chunk in content.get("files", {}).items():
            lines = run.files.setdefault(name, [])
            if name == "wandb-summary.json":  # the last one counts
                lines[:] = chunk["content"]
            else:
                lines[chunk["offset"] : chunk["offset"] + len(chunk["content"])] = chunk["content"]
        if content.get("complete"):
            time.sleep(0.2)  # `wandb sync` looks for messages every 0.1 s
            run.exit_code = content["exitcode"]

    def data(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """What the operation answers; what is not listed is answered with nothing."""
        if self.behaviour(operation) != "well":
            return {}
        method = getattr(self, f"on_{operation}", None)
        return ALWAYS.get(operation, {}) if method is None else method(given)

    def on_Viewer(self, _: dict[str, Any]) -> dict[str, Any]:
        viewer = {"id": "u", "entity": ENTITY, "username": ENTITY, "email": "", "flags": "{}", "teams": {"edges": []}}
        return {"viewer": viewer, "serverInfo": {"cliVersionInfo": {}, "latestLocalVersionInfo": None}}

    def on_UpsertBucket(self, given: dict[str, Any]) -> dict[str, Any]:
        name = given["name"]
        inserted = name not in self.server.runs
        run = self.server.run(name)
        run.fields |= {key: value for key, value in given.items() if value is not None}
        run.exit_code = None
        bucket = self.bucket(name, run) | {"description": None, "sweepName": None}
        bucket["project"] = self.project(given["project"])
        return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}

    def project(self, name: str) -> dict[str, Any]:
        return {"id": "p", "name": name, "entity": {"id": "e", "name": ENTITY}}

    def bucket(self, name: str, run: LoggedRun) -> dict[str, Any]:
        """What the server says of a run."""
        history = run.files.get("wandb-history.jsonl", [])
        return {
            "id": name, "name": name, "projectId": "1", "state": run.state, "tags": run.fields.get("tags"),
            "displayName": run.fields.get("displayName"), "notes": run.fields.get("notes"),
            "config": run.fields.get("config", "{}"), "wandbConfig": '{"t":{}}',
            "summaryMetrics": json.dumps(run.summary), "logLineCount": 0, "eventsLineCount": 0,
            "historyLineCount": len(history), "historyTail": json.dumps(history[-1:]), "eventsTail": "[]",
        }  # fmt: skip

    def on_RunResumeStatus(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self.server.runs.get(given["name"])
        bucket = None if run is None else self.bucket(given["name"], run)
        return {"model": self.project(given["project"]) | {"bucket": bucket}}

    def on_Run(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self.server.runs.get(given["name"])
        return {"project": {"run": None if run is None else self.bucket(given["name"], run)}}

    def on_UpsertView2(self, given: dict[str, Any]) -> dict[str, Any]:
        self.server.views.append(given | {"spec": json.loads(given["spec"])})
        return {"upsertView": {"view": {"id": "v", "name": given["name"]}, "inserted": True}}

    def on_CreateRunFiles(self, given: dict[str, Any]) -> dict[str, Any]:
        files = [{"name": name, "uploadUrl": f"{self.server.url}/put/{name}"} for name in given["files"]]
        return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}

    def on_CreateArtifact(self, given: dict[str, Any]) -> dict[str, Any]:
        """As for content that the server has, so that no file is sent."""
        self.server.artifacts.append(given)
        sequence = {"id": "s", "latestArtifact": {"id": "a", "versionIndex": 0}}
        return {"createArtifact": {"artifact": {"id": "a", "state": "COMMITTED", "artifactSequence": sequence}}}

    def on_upsertView(self, given: dict[str, Any]) -> dict[str, Any]:
        project = {"id": "p", "name": given["projectName"], "entityName": given["entityName"]}
        view = {"displayName": given["displayName"], "type": "runs", "spec": given["spec"], "project": project}
        return {"upsertView": {"view": self.on_UpsertView2(given)["upsertView"]["view"] | view}}
