"""A language model that says what the test has written down, at a local endpoint of the OpenAI kind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Model:
    """What it is to answer, one answer for each question, the last one for all that follow; and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[Any] = ["hello"]
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.asked_with: list[dict[str, str]] = []

    def next(self) -> bytes:
        """The next answer: a text said by the model, or bytes that are the whole body."""
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, bytes):
            return said
        text = said if isinstance(said, str) else json.dumps(said)
        return json.dumps(
            {
                "model": "scripted-1",
                "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
            }
        ).encode()


@contextmanager
def serving() -> Iterator[Model]:
    """Serves a model until the block ends."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            model.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            model.asked_with.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
            body = model.next()
            self.send_response(model.status)
            for name, value in model.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    model = Model(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
