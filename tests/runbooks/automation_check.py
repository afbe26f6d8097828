"""The Automation documents do what they say, with their own scripts and the real boto3.

Systems Manager is not here. `Automation` below follows a document as AWS describes it: references,
`outputs`, `nextStep`, `onFailure`, `onCancel`, `isEnd`. Step Functions is a small server on loopback.
"""

import contextlib
import http.server
import io
import json
import os
import re
import sys
import threading
from collections import Counter

import boto3

from documents import AUTOMATIONS, REFERENCE, SYSTEM, document, equal, holds, run

MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:AsgPatch"
ROLE = "arn:aws:iam::111122223333:role/AsgPatch-Automation-eu-west-1"
STEP_RETURNS_BYTES = 100 * 1024
EXECUTION_ID = SYSTEM["automation:EXECUTION_ID"]
EXECUTION = MACHINE.replace(":stateMachine:", ":execution:") + ":automation-" + EXECUTION_ID

# Fields that the state machine takes from the console.
TAKEN = {
    "AsgPatch-Run": {
        "groups",
        "operation",
        "duration_hours",
        "cutoff_hours",
        "max_in_flight",
        "max_failures",
        "at_deadline",
        "reason",
    },
    "AsgPatch-Plan": {"mode", "groups", "duration_hours", "cutoff_hours"},
    "AsgPatch-Restore": {"mode", "groups"},
    "AsgPatch-Approve": {"mode", "automation"},
}
# Parameters of a document, and the input that the state machine must get.
INPUTS = [
    ("AsgPatch-Run", {}, {}),
    ("AsgPatch-Run", {"Groups": ["web-nightly"]}, {"groups": ["web-nightly"]}),
    ("AsgPatch-Run", {"Groups": [" a ", "b c", "a", ""]}, {"groups": ["a", "b c"]}),
    ("AsgPatch-Run", {"Groups": ['"quoted" \\ {{x}}', "naïve"]}, {"groups": ['"quoted" \\ {{x}}', "naïve"]}),
    ("AsgPatch-Run", {"Operation": "Scan"}, {"operation": "Scan"}),
    ("AsgPatch-Run", {"Operation": "Install"}, {"operation": "Install"}),
    ("AsgPatch-Run", {"DurationHours": "24", "CutoffHours": "0"}, {"duration_hours": 24, "cutoff_hours": 0}),
    ("AsgPatch-Run", {"MaxInFlight": "5"}, {"max_in_flight": 5}),
    ("AsgPatch-Run", {"MaxFailures": "10%"}, {"max_failures": "10%"}),
    ("AsgPatch-Run", {"MaxFailures": "2"}, {"max_failures": "2"}),
    ("AsgPatch-Run", {"AtDeadline": "finish"}, {"at_deadline": "finish"}),
    ("AsgPatch-Run", {"AtDeadline": "roll-back"}, {"at_deadline": "roll-back"}),
    ("AsgPatch-Run", {"Reason": ' CHG-17: "now" '}, {"reason": 'CHG-17: "now"'}),
    (
        "AsgPatch-Run",
        {
            "Groups": ["web-nightly", "api-live"],
            "Operation": "Install",
            "DurationHours": "4",
            "CutoffHours": "1",
            "MaxInFlight": "20",
            "MaxFailures": "0",
            "AtDeadline": "finish",
            "Reason": "CHG-17",
        },
        {
            "groups": ["web-nightly", "api-live"],
            "operation": "Install",
            "duration_hours": 4,
            "cutoff_hours": 1,
            "max_in_flight": 20,
            "max_failures": "0",
            "at_deadline": "finish",
            "reason": "CHG-17",
        },
    ),
    ("AsgPatch-Plan", {}, {"mode": "plan"}),
    ("AsgPatch-Plan", {"Groups": ["a"], "DurationHours": "2"}, {"mode": "plan", "groups": ["a"], "duration_hours": 2}),
    ("AsgPatch-Plan", {"CutoffHours": "2"}, {"mode": "plan", "cutoff_hours": 2}),
    ("AsgPatch-Restore", {}, {"mode": "restore"}),
    ("AsgPatch-Restore", {"Groups": ["a", "b"]}, {"mode": "restore", "groups": ["a", "b"]}),
    ("AsgPatch-Approve", {"Reason": "CHG-17"}, {"mode": "approve", "automation": EXECUTION_ID}),
]
# Values that the documents refuse before anything is started.
NOT_ALLOWED = {
    "Operation": ["scan", "Install ", ""],
    "DurationHours": ["0", "25", "-1", "1h", "1.5", "03", ""],
    "CutoffHours": ["24", "-1", "1h", "00", ""],
    "MaxInFlight": ["0", "-1", "10000", "many", "01", ""],
    "MaxFailures": ["-1", "101%", "%", "10 %", "1.5%", "010%", ""],
    "AtDeadline": ["Finish", "rollback", ""],
    "Reason": ["two\nlines", "x" * 257],
    "Window": ["", "two words", "x" * 49],
    "Opening": ["", "next", "2026-10-14", "2026-10-14 04:00", "2026-10-14T04:00:00"],
    "Decision": ["approve", "No", ""],
}
ALLOWED = {
    "DurationHours": [str(n) for n in range(1, 25)],
    "CutoffHours": [str(n) for n in range(24)],
    "MaxInFlight": ["1", "9999"],
    "MaxFailures": ["0", "500", *(f"{n}%" for n in range(101))],
    "Reason": ["", "x" * 256, "CHG-17: größer"],
    "Window": ["default", "database-server", "w_1.2"],
    "Opening": ["Next", "2026-10-14T04:00:00Z", "2026-10-14T04:00Z", "2026-10-14T06:00:00+02:00"],
    "Decision": ["Approve", "Reject"],
}


class StepFunctions:
    """One execution on loopback, whose `status` and the rest the check sets."""

    def __init__(self):
        self.calls = []
        self.described = {}
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                operation = self.headers["X-Amz-Target"].removeprefix("AWSStepFunctions.")
                stub.calls.append((operation, body))
                answer = json.dumps(stub.answer(operation, body)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        os.environ["AWS_ENDPOINT_URL_SFN"] = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, operation, body):
        if operation == "StartExecution":
            arn = body["stateMachineArn"].replace(":stateMachine:", ":execution:") + ":" + body["name"]
            return {"executionArn": arn, "startDate": 1791950400.0}
        if operation == "StopExecution":
            return {"stopDate": 1791950500.0}
        equal(operation, "DescribeExecution", "operation")
        known = {"executionArn": body["executionArn"], "stateMachineArn": MACHINE, "startDate": 1791950400.0}
        return known | (self.described.pop(0) if isinstance(self.described, list) else self.described)

    def input(self):
        ((_, started),) = [call for call in self.calls if call[0] == "StartExecution"]
        return json.loads(started["input"])


class Automation:
    """Follows a document's steps; `cancelled` stops it where it waits."""

    def __init__(self, name, asked=(), cancelled=False, system=()):
        self.content = document(name)
        parameters = self.content["parameters"]
        equal(set(dict(asked)) - set(parameters), set(), f"{name}: unknown parameters")
        self.values = {key: parameter["default"] for key, parameter in parameters.items()} | dict(asked)
        for key, value in self.values.items():
            holds(allowed(parameters[key], value), f"{name}: {key} must not be {value!r}")
        self.values |= SYSTEM | dict(system)
        self.role = self.resolved(self.content["assumeRole"])
        self.cancelled = cancelled
        self.failure = None
        self.passed = []
        self.follow()
        self.outputs = [self.values.get(output) for output in self.content["outputs"]]

    def follow(self):
        steps = {step["name"]: step for step in self.content["mainSteps"]}
        here = next(iter(steps))
        while here:
            step = steps[here]
            self.passed.append(here)
            holds(len(self.passed) <= len(steps), f"it goes round: {self.passed}")
            if self.cancelled and "onCancel" in step:
                self.cancelled = False
                here = step["onCancel"].removeprefix("step:")
                continue
            try:
                self.perform(step)
            except Exception as error:  # any exception fails the step
                if step.get("isCritical", True):
                    self.failure = str(error)
                way = step.get("onFailure", "Abort")
                here = None if way == "Abort" else way.removeprefix("step:")
            else:
                here = None if step.get("isEnd") else step["nextStep"]

    def perform(self, step):
        inputs = self.resolved(step["inputs"])
        if step["action"] == "aws:executeScript":
            answer = {"Payload": execute_script(inputs)}
        else:
            answer = call(inputs)
        if step["action"] == "aws:waitForAwsResourceProperty":
            state = selected(answer, inputs["PropertySelector"])
            holds(state in inputs["DesiredValues"], f"timed out while it was {state}")
        for output in step.get("outputs", []):
            value = selected(answer, output["Selector"])
            equal(type(value), {"String": str}[output["Type"]], f"{step['name']}.{output['Name']}")
            self.values[f"{step['name']}.{output['Name']}"] = value

    def resolved(self, value):
        if isinstance(value, dict):
            return {key: inner if key == "Script" else self.resolved(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.resolved(inner) for inner in value]
        if not isinstance(value, str):
            return value
        whole = REFERENCE.fullmatch(value)
        return self.values[whole[1]] if whole else REFERENCE.sub(lambda found: self.values[found[1]], value)


def allowed(parameter, value):
    if "allowedValues" in parameter:
        return value in parameter["allowedValues"]
    pattern = parameter.get("allowedPattern")
    return pattern is None or re.fullmatch(pattern, value) is not None


def execute_script(inputs):
    scope = {"__name__": "script"}
    exec(compile(inputs["Script"], "script", "exec"), scope)
    # Through JSON, as AWS passes it.
    events = json.loads(json.dumps(inputs["InputPayload"]))
    with contextlib.redirect_stdout(io.StringIO()) as said:
        answer = json.dumps(scope[inputs["Handler"]](events, {}))
    equal(said.getvalue(), "", "what the script prints")
    holds(len(answer.encode()) <= STEP_RETURNS_BYTES, f"the script returns {len(answer)} bytes")
    return json.loads(answer)


def call(inputs):
    inputs = {k: v for k, v in inputs.items() if k not in ("PropertySelector", "DesiredValues")}
    client = boto3.client(inputs.pop("Service"), region_name="eu-west-1")
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", inputs.pop("Api")).lower()
    return getattr(client, name)(**inputs)


def selected(value, selector):
    for key in selector.removeprefix("$.").split("."):
        value = value[key]
    return value


def replay(name, described, asked=(), **how):
    """An automation and the Step Functions it had."""
    stub = StepFunctions()
    stub.described = described
    try:
        automation = Automation(name, asked, **how)
    finally:
        stub.server.shutdown()
        stub.server.server_close()
    return automation, stub


def succeeded(output):
    return {"status": "SUCCEEDED", "output": json.dumps(output)}


DONE = succeeded({"run_id": "r", "status": "Done", "summary": "1 of 1 groups patched", "report": {"groups": []}})


def the_state_machine_gets_exactly_what_was_asked_for():
    for name, asked, expected in INPUTS:
        automation, stub = replay(name, DONE, asked)
        equal(automation.failure, None, f"{name} {asked}")
        equal(stub.input(), expected, f"{name} {asked}")
        for key, value in stub.input().items():
            equal(type(value), type(expected[key]), f"{name}: type of {key}")
        equal(set(stub.input()) - TAKEN[name], set(), f"{name}: what the state machine does not take")
    return f"{len(INPUTS)} inputs"


def every_parameter_reaches_the_state_machine():
    for name in AUTOMATIONS:
        reached = set()
        for document_name, _, expected in INPUTS:
            if document_name == name:
                reached |= set(expected)
        equal(reached, TAKEN[name], f"{name}: inputs that were tried")


def what_is_not_allowed_starts_nothing():
    parameters = {}
    for name in AUTOMATIONS:
        parameters |= document(name)["parameters"]
    for key, values in NOT_ALLOWED.items():
        for value in values:
            holds(not allowed(parameters[key], value), f"{key} takes {value!r}")
    for key, values in ALLOWED.items():
        for value in values:
            holds(allowed(parameters[key], value), f"{key} does not take {value!r}")


def the_execution_is_named_after_the_automation():
    for name in AUTOMATIONS:
        automation, stub = replay(name, DONE)
        equal(automation.role, ROLE, f"{name}: role")
        (started,) = [body for operation, body in stub.calls if operation == "StartExecution"]
        equal(started["stateMachineArn"], MACHINE, f"{name}: state machine")
        equal(started["name"], f"automation-{EXECUTION_ID}", f"{name}: name")
        holds(len(started["name"]) <= 80, f"{name}: the execution's name is too long")
        counts = Counter(operation for operation, _ in stub.calls)
        equal(counts, {"StartExecution": 1, "DescribeExecution": 2}, f"{name}: calls")


def a_run_shows_its_report():
    report = {
        "groups": [
            {"group": "web", "outcome": "patched", "code": None, "reason": "a new instance proved it", "left_open": False},
            {"group": "edge", "outcome": "rolled_back", "code": "AP-0361", "reason": "i-1 did not come up"},
            {"group": "stuck", "outcome": "failed", "code": "AP-0601", "reason": "i-2 is there", "left_open": True},
        ],
        "warnings": ["the tag p:weave of web is unknown"],
    }
    output = {"run_id": "r", "status": "Done", "summary": "1 patched, 1 rolled back, 1 failed", "report": report}
    automation, _ = replay("AsgPatch-Run", succeeded(output))
    equal(automation.passed, ["Start", "Wait", "Report", "Verdict"], "steps")
    equal(automation.failure, None, "failure")
    status, summary, text, link = automation.outputs
    equal((status, summary), ("Done", output["summary"]), "status and summary")
    equal(
        text.split("\n"),
        [
            "web: patched, a new instance proved it",
            "edge: rolled_back, AP-0361 i-1 did not come up",
            "stuck: failed, NOT RESTORED YET, AP-0601 i-2 is there",
            "the tag p:weave of web is unknown",
        ],
        "report",
    )
    expected = "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/"
    equal(link, expected + EXECUTION, "link")


def other_partitions_have_their_own_console():
    for partition, region, console in (
        ("aws-cn", "cn-north-1", "https://cn-north-1.console.amazonaws.cn/states/"),
        ("aws-us-gov", "us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/states/"),
    ):
        system = {"global:AWS_PARTITION": partition, "global:REGION": region}
        automation, stub = replay("AsgPatch-Run", DONE, system=system)
        link = automation.outputs[3]
        machine = stub.calls[0][1]["stateMachineArn"]
        equal(machine, f"arn:{partition}:states:{region}:111122223333:stateMachine:AsgPatch", "state machine")
        role = f"arn:{partition}:iam::111122223333:role/AsgPatch-Automation-{region}"
        equal(automation.role, role, "role")
        holds(link.startswith(console) and f"region={region}#" in link, f"{partition}: {link}")


def a_plan_shows_what_would_be_done():
    plan = {
        "groups": [
            {"group": "web", "wave": 0, "estimate_seconds": 1201, "bakes": True, "misfit": None, "refusal": None},
            {"group": "api", "wave": 1, "estimate_seconds": 300, "bakes": False},
            {"group": "slow", "wave": 1, "misfit": {"code": "AP-0201", "reason": "it needs 4 h"}, "refusal": None},
            {"group": "old", "refusal": {"code": "AP-0101", "reason": "it uses a launch configuration"}},
        ],
        "warnings": [],
    }
    automation, _ = replay("AsgPatch-Plan", succeeded({"status": "Planned", "summary": "2 of 4", "plan": plan}))
    equal(automation.outputs[:2], ["Planned", "2 of 4"], "status and summary")
    equal(
        automation.outputs[2].split("\n"),
        [
            "web: wave 0, about 21 min, makes its image",
            "api: wave 1, about 5 min, shares an image",
            "slow: skipped, AP-0201 it needs 4 h",
            "old: skipped, AP-0101 it uses a launch configuration",
        ],
        "plan",
    )


def a_run_that_ends_well_is_no_failure():
    for name, output in (
        ("AsgPatch-Run", {"status": "Duplicate", "run_id": "r", "summary": "run r is at it already"}),
        ("AsgPatch-Run", {"status": "NothingToDo", "summary": "no group opted in"}),
        ("AsgPatch-Restore", {"status": "NothingToDo", "summary": "no record is past its deadline"}),
        ("AsgPatch-Restore", {"run_id": "r", "status": "Done", "summary": "1 restored", "report": {"groups": []}}),
    ):
        automation, _ = replay(name, succeeded(output))
        equal(automation.failure, None, f"{name}: {output['status']}")
        equal(automation.outputs[:3], [output["status"], output["summary"], "no groups"], name)


def a_report_of_500_groups_is_shortened():
    groups = [
        {"group": f"group-{n:03}-" + "x" * 200, "outcome": "failed", "code": "AP-0402", "reason": "ü" * 300}
        for n in range(500)
    ]
    output = {"status": "Done", "summary": "500 failed", "report": {"groups": groups}}
    text = replay("AsgPatch-Run", succeeded(output))[0].outputs[2].split("\n")
    holds(10 < len(text) < 500, f"{len(text)} lines")
    more = 500 - (len(text) - 1)
    equal(text[-1], f"({more} more lines: see the execution's output)", "last line")


def what_fails_fails_with_its_sentence():
    refused = "AP-0803 group nobody does not exist"
    for name in AUTOMATIONS:
        for described, status, sentence in (
            ({"status": "FAILED", "error": "Refused", "cause": refused}, "Refused", refused),
            ({"status": "FAILED", "error": "LeftOpen", "cause": "AP-0601 web is open"}, "LeftOpen", "AP-0601 web is open"),
            ({"status": "FAILED"}, "FAILED", "the execution failed and gave no reason"),
            ({"status": "ABORTED"}, "ABORTED", "the execution was stopped"),
            ({"status": "TIMED_OUT"}, "TIMED_OUT", "the execution took too long"),
            ({"status": "FAILED", "error": "E", "cause": "x" * 32768}, "E", "x" * 4000),
        ):
            automation, _ = replay(name, described)
            equal(automation.passed, ["Start", "Wait", "Report", "Verdict"], f"{name}: steps")
            equal(automation.outputs[0], status, f"{name}: status")
            holds(automation.outputs[1].startswith(sentence), f"{name}: {automation.outputs[1]}")
            failure = automation.failure or ""
            holds(failure.startswith(f"{status}: {sentence}"), f"{name} ends well: {failure!r}")
            holds(failure.endswith(automation.outputs[3]), f"{name}: the failure has no link")


def a_wait_that_is_too_short_says_that_the_run_goes_on():
    automation, stub = replay("AsgPatch-Run", {"status": "RUNNING"})
    equal(automation.passed, ["Start", "Wait", "Report", "Verdict"], "steps")
    holds("still running" in automation.failure, automation.failure)
    holds("StopExecution" not in dict(stub.calls), "it stops what it does not wait for")


def only_how_it_ended_counts():
    # The wait failed, and by then the execution had ended well.
    automation, _ = replay("AsgPatch-Run", [{"status": "RUNNING"}, DONE])
    equal(automation.passed, ["Start", "Wait", "Report", "Verdict"], "steps")
    equal(automation.failure, None, "failure")


def cancelling_stops_the_execution():
    for name in AUTOMATIONS:
        automation, stub = replay(name, {"status": "RUNNING"}, cancelled=True)
        equal(automation.passed, ["Start", "Wait", "Stop"], f"{name}: steps")
        stopped = dict(stub.calls)["StopExecution"]
        equal(stopped["executionArn"], EXECUTION, f"{name}: what is stopped")
        equal(stopped["error"], "Cancelled", f"{name}: error")
        holds(EXECUTION_ID in stopped["cause"], f"{name}: cause")


if __name__ == "__main__":
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "witness")
    sys.exit(
        run(
            [
                the_state_machine_gets_exactly_what_was_asked_for,
                every_parameter_reaches_the_state_machine,
                what_is_not_allowed_starts_nothing,
                the_execution_is_named_after_the_automation,
                a_run_shows_its_report,
                other_partitions_have_their_own_console,
                a_plan_shows_what_would_be_done,
                a_run_that_ends_well_is_no_failure,
                a_report_of_500_groups_is_shortened,
                what_fails_fails_with_its_sentence,
                a_wait_that_is_too_short_says_that_the_run_goes_on,
                only_how_it_ended_counts,
                cancelling_stops_the_execution,
            ]
        )
    )
