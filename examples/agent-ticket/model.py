"""The only thing here that is not real: a model that always has the same plan, at an endpoint of the OpenAI kind.

`python3 model.py 8089` serves it until Ctrl-C.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def step(key: str, kind: str, *argv: str) -> dict[str, Any]:
    """A command in the directory of the shop, tried once."""
    params = {"argv": ["python3", *argv], "cwd": "shop"}
    return {"key": key, "kind": kind, "executor": "command", "params": params, "max_retries": 1}


PLAN = {
    "proposals": [
        {"title": "Test what is there", "steps": [step("test", "test", "-m", "unittest")]},
        {
            "title": "Release 1.1",
            "steps": [
                step("test_again", "test", "-m", "unittest"),
                step("release", "release", "release.py", "1.1"),
            ],
        },
    ]
}


class Model(BaseHTTPRequestHandler):
    """Answers every question with the plan."""

    def do_POST(self) -> None:
        """One chat completion."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = {"role": "assistant", "content": json.dumps(PLAN)}
        body = json.dumps(
            {
                "model": asked["model"],
                "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 412, "completion_tokens": 131},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Model).serve_forever()
