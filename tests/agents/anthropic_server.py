"""A server on the loopback address that speaks as much of Anthropic's API as the SDK asks for, and counts money.

What it answers is up to `answer`; `faults` are what happens to the next requests instead, in order.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-ant-test-0123456789"
Body = dict[str, Any]


class Answer:
    """A message to be: text, stop reason and usage."""

    def __init__(self, text: str, stop: str = "end_turn", output: int = 100, cached: int = 0, **more: Any) -> None:
        self.text, self.stop, self.more = text, stop, more
        self.usage = {
            "input_tokens": 50,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "output_tokens": output,
        }


class Batch:
    """A batch and how often it was looked at."""

    def __init__(self, number: int, requests: list[Body]) -> None:
        self.id, self.requests = f"msgbatch_{number:04}", requests
        self.created = datetime.now(UTC)
        self.looks = 0
        self.lines = b""
        """Its results, once somebody asked for them."""


class Server:
    """Use as a context manager; `url` is its address."""

    def __init__(self, answer: Callable[[Body], Answer]) -> None:
        self.answer = answer
        self.faults: list[str] = []
        self.batch_faults: list[str] = []
        self.outcomes: list[str] = []
        """What happens to the next batched requests instead of an answer."""
        self.result_faults: list[str] = []
        self.looks = 1
        """How often a batch is looked at before it has ended."""
        self.held = threading.Event()
        """While not set, answers wait."""
        self.held.set()
        self.bodies: list[Body] = []
        """Of every message that was asked for and not refused, batched ones included."""
        self.answered: list[Body] = []
        self.bills: list[tuple[Body, int]] = []
        """The output tokens of every request that was answered, or at least worked on."""
        self.batches: dict[str, Batch] = {}
        self.failures: list[int] = []
        self.lock = threading.Lock()
        self.in_flight = self.most_in_flight = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.held.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def message(self, body: Body) -> Body:
        """The reply to one request, which is now paid for."""
        answer = self.answer(body)
        with self.lock:
            self.answered.append(body)
            self.bills.append((body, answer.usage["output_tokens"]))
            number = len(self.answered)
        content = [{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": answer.text}]
        return {
            "id": f"msg_{number:04}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": answer.stop,
            "stop_sequence": None,
            "usage": answer.usage,
            **answer.more,
        }


def events(message: Body) -> list[Body]:
    """A message as the events of a stream."""
    found: list[Body] = [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
    ]
    for index, block in enumerate(message["content"]):
        kind = block["type"]
        empty = {"type": "text", "text": ""} if kind == "text" else {**block, "thinking": "", "signature": ""}
        delta = {"type": f"{kind}_delta", kind: block[kind]}
        found += [
            {"type": "content_block_start", "index": index, "content_block": empty},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    delta = {key: message[key] for key in ("stop_reason", "stop_sequence", "stop_details") if key in message}
    return [*found, {"type": "message_delta", "delta": delta, "usage": message["usage"]}, {"type": "message_stop"}]


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, BrokenPipeError):
                self.close_connection = True  # the client was killed

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.headers.get("authorization") != f"Bearer {KEY}":
                return self.fail(401, "authentication_error", "invalid x-api-key")
            if self.path.endswith("/batches"):
                return self.create(body["requests"])
            return self.speak(body)

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.endswith("/batches"):
                newest = [self.show(batch) for batch in reversed(server.batches.values())]
                return self.send(200, {"data": newest, "has_more": False, "first_id": None, "last_id": None})
            name = path.split("/")[4]
            if name not in server.batches:
                return self.fail(404, "not_found_error", "no such batch")
            batch = server.batches[name]
            if path.endswith("/results"):
                return self.results(batch)
            if server.held.is_set():
                batch.looks += 1
            return self.send(200, self.show(batch))

        def speak(self, body: Body) -> None:
            with server.lock:
                fault = server.faults.pop(0) if server.faults else ""
            if body["model"] not in ("claude-test", "claude-opus-5-5"):
                return self.fail(404, "not_found_error", f"model: {body['model']}")
            if fault == "429":
                return self.fail(429, "rate_limit_error", "slow down", {"retry-after": "0.2"})
            if fault == "500":
                return self.fail(500, "api_error", "boom")
            with server.lock:
                server.bodies.append(body)
                server.in_flight += 1
                server.most_in_flight = max(server.most_in_flight, server.in_flight)
            try:
                server.held.wait(60)
                time.sleep(0.02)
                if fault == "drop":
                    server.bills.append((body, server.answer(body).usage["output_tokens"]))
                    self.close_connection = True
                    return None
                lines = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events(server.message(body))]
            finally:
                with server.lock:
                    server.in_flight -= 1
            text = "".join(lines[: len(lines) // 2] if fault in ("half", "ends early") else lines).encode()
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("request-id", "req_1")
            self.send_header("content-length", str(len(text) + 100 * (fault == "half")))
            self.end_headers()
            self.wfile.write(text)
            self.close_connection = fault == "half"
            return None

        def create(self, requests: list[Body]) -> None:
            fault = server.batch_faults.pop(0) if server.batch_faults else ""
            if fault in ("429", "529"):
                return self.fail(int(fault), "overloaded_error", "later", {"retry-after": "0.1"})
            if fault == "drop unseen":
                self.close_connection = True
                return None
            batch = Batch(len(server.batches), requests)
            server.batches[batch.id] = batch
            with server.lock:
                server.bodies += [each["params"] for each in requests]
            if fault == "drop":
                self.close_connection = True
                return None
            if fault == "hang":
                server.held.clear()
                server.held.wait(60)
                self.close_connection = True
                return None
            return self.send(200, self.show(batch))

        def show(self, batch: Batch) -> Body:
            ended = batch.looks > server.looks
            counts = dict.fromkeys(("canceled", "errored", "expired", "processing", "succeeded"), 0)
            counts["succeeded" if ended else "processing"] = len(batch.requests)
            return {
                "id": batch.id,
                "type": "message_batch",
                "created_at": batch.created.isoformat(),
                "expires_at": batch.created.isoformat(),
                "processing_status": "ended" if ended else "in_progress",
                "request_counts": counts,
                "results_url": f"{server.url}/v1/messages/batches/{batch.id}/results" if ended else None,
            }

        def results(self, batch: Batch) -> None:
            lines = []
            for request in reversed(batch.requests if not batch.lines else []):
                outcome = server.outcomes.pop(0) if server.outcomes else ""
                if outcome == "errored":
                    failure = {"type": "error", "error": {"type": "api_error", "message": "boom"}, "request_id": None}
                    result: Body = {"type": "errored", "error": failure}
                elif outcome == "invalid":
                    failure = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
                    result = {"type": "errored", "error": {**failure, "request_id": None}}
                elif outcome:
                    result = {"type": outcome}
                else:
                    result = {"type": "succeeded", "message": server.message(request["params"])}
                lines.append(json.dumps({"custom_id": request["custom_id"], "result": result}) + "\n")
            batch.lines = batch.lines or "".join(lines).encode()
            if server.result_faults:
                server.result_faults.pop(0)
                self.send(200, batch.lines, short=30)
            else:
                self.send(200, batch.lines)

        def fail(self, status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> None:
            server.failures.append(status)
            self.send(status, {"type": "error", "error": {"type": kind, "message": message}}, headers)

        def send(self, status: int, value: Any, headers: dict[str, str] | None = None, short: int = 0) -> None:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(data[: len(data) - short])
            self.close_connection = short > 0

    return Handler
