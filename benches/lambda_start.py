"""Cold start, warm answers and memory of the Lambda function, beside a Python one.

    cargo build --release --bin bootstrap --bin asg-patch
    python3 benches/lambda_start.py target/release/bootstrap target/release/asg-patch

Both run under the same local stand-in for Lambda's runtime API (this script) and talk to the same simulated account on
loopback, a thousand times as fast as real time: its latency does not count. The Python function does what the blog posts' first step does: boto3, and the groups with a tag. Ours answers
{"mode":"plan"}, which reads the groups, their templates, images, hooks and schedules. Needs boto3 in this Python.

Prints the median of several starts. Of figures on a busy machine only the ratios mean something.
"""

import http.server
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

STARTS, WARM = 7, 20

PYTHON_FUNCTION = '''
import json, os, urllib.request
import boto3
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
autoscaling = boto3.client("autoscaling")

def handler(event):
    pages = autoscaling.get_paginator("describe_auto_scaling_groups").paginate(
        Filters=[{"Name": "tag:ep:asg:patch", "Values": ["true"]}])
    return [group["AutoScalingGroupName"] for page in pages for group in page["AutoScalingGroups"]]

while True:
    with urllib.request.urlopen(API + "next") as response:
        request_id, event = response.headers["Lambda-Runtime-Aws-Request-Id"], json.load(response)
    answer = json.dumps(handler(event)).encode()
    urllib.request.urlopen(urllib.request.Request(API + request_id + "/response", answer, method="POST"))
'''


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Hands out one event after the other and notes when they were asked for and answered."""

    daemon_threads = True

    def __init__(self, event):
        super().__init__(("127.0.0.1", 0), Handler)
        self.event = json.dumps(event).encode()
        self.ready, self.answers, self.go = threading.Event(), [], threading.Semaphore(0)
        self.asked_at = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # the function was killed while it asked for more

    def invoke(self):
        """Seconds from handing out an event to its answer."""
        began, count = time.perf_counter(), len(self.answers)
        self.go.release()
        while len(self.answers) == count:
            time.sleep(0.0002)
        at, answer = self.answers[-1]
        return at - began, answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):  # invocation/next
        if not self.server.ready.is_set():
            self.server.asked_at = time.perf_counter()
            self.server.ready.set()
        self.server.go.acquire()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", str(len(self.server.answers)))
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 300) * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:f")
        self.send_header("Content-Length", str(len(self.server.event)))
        self.end_headers()
        self.wfile.write(self.server.event)

    def do_POST(self):  # response or error
        at = time.perf_counter()
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if not self.path.endswith("/response"):
            print(self.path, body.decode(), file=sys.stderr)
        self.server.answers.append((at, body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def start(command, environment, event):
    """One cold start: seconds of init, first and warm invocations; peak memory in MB."""
    api = RuntimeApi(event)
    variables = {
        **environment,
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_address[1]}",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "g",
        "AWS_LAMBDA_LOG_STREAM_NAME": "s",
    }
    began = time.perf_counter()
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL)
    api.ready.wait()
    init = api.asked_at - began
    first, answer = api.invoke()
    warm = statistics.median(api.invoke()[0] for _ in range(WARM))
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    process.kill()
    process.wait()
    api.shutdown()
    return (init, first, warm, peak), answer


def main(bootstrap, program):
    simulated = subprocess.Popen([program, "simulate", "--speed", "1000", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        lines = []
        while True:
            lines.append(simulated.stdout.readline().decode())
            try:
                environment = json.loads("".join(lines))["environment"]
                break
            except json.JSONDecodeError:
                continue
        with tempfile.TemporaryDirectory() as home:
            code = Path(home, "function.py")
            code.write_text(PYTHON_FUNCTION, encoding="utf-8")
            plan = {"action": "begin", "input": {"mode": "plan"}, "execution": "arn:aws:states:::execution:x:y"}
            functions = {
                "asg-patch, plan": ([bootstrap], plan),
                "Python and boto3, groups by tag": ([sys.executable, str(code)], {}),
            }
            print(f"{'median of ' + str(STARTS) + ' starts':34} {'init':>9} {'first':>9} {'warm':>9} {'peak RSS':>9}")
            rows = []
            for name, (command, event) in functions.items():
                runs = [start(command, environment, event) for _ in range(STARTS)]
                figures = [statistics.median(r[0][i] for r in runs) for i in range(4)]
                rows.append(figures)
                init, first, warm, peak = figures
                print(f"{name:34} {init * 1e3:6.0f} ms {first * 1e3:6.0f} ms {warm * 1e3:6.1f} ms {peak:6.0f} MB")
                print(f"    answered {runs[-1][1][:90].decode()}...")
            ratios = [b / a for a, b in zip(*rows)]
            print("ratio, theirs to ours              " + " ".join(f"{r:9.1f}" for r in ratios))
            packed = Path(home, "bootstrap.zip")
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
                file.write(bootstrap, "bootstrap")
            print(f"zip: {packed.stat().st_size / 1e6:.1f} MB, binary: {Path(bootstrap).stat().st_size / 1e6:.1f} MB")
    finally:
        simulated.send_signal(signal.SIGINT)
        simulated.wait()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
