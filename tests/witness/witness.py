"""What the boto3 checks share: clients that are watched, assertions that say what they found."""

import logging
import sys
import time
import traceback

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from shapes import Recorder

REGION = "eu-west-1"
# Real seconds: at a hundred simulated seconds each, nothing in the fleet takes longer.
PATIENCE_SECONDS = 60


class Warnings(logging.Handler):
    """Whatever botocore grumbles about."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


class Account:
    """Clients of one endpoint, each answer compared with botocore's model."""

    def __init__(self, endpoint):
        self.recorder = Recorder()
        self.warnings = Warnings()
        for name in ("botocore", "boto3", "urllib3"):
            logging.getLogger(name).addHandler(self.warnings)
        session = boto3.session.Session(
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="witness",
            region_name=REGION,
        )
        self.recorder.attach(session.events)
        config = Config(retries={"total_max_attempts": 4, "mode": "standard"})

        def client(service):
            return session.client(service, endpoint_url=endpoint, config=config)

        self.autoscaling = client("autoscaling")
        self.ec2 = client("ec2")
        self.ssm = client("ssm")
        self.sns = client("sns")
        self.scheduler = client("scheduler")
        self.events = client("events")


def equal(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


# Codes that AWS answers without any text.
SILENT = ("ParameterNotFound",)


def refused(code, call, **arguments):
    """The call must fail with this code; its message is returned."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        equal(error.response["Error"]["Code"], code, f"error code ({error})")
        says_something = bool(error.response["Error"]["Message"])
        equal(says_something, code not in SILENT, f"whether {code} has a message")
        return error
    raise AssertionError(f"expected {code}, found the answer {answer!r}")


def answered(not_yet, call, **arguments):
    """The call's answer, or None for an error of this code."""
    try:
        return call(**arguments)
    except ClientError as error:
        equal(error.response["Error"]["Code"], not_yet, f"error code ({error})")
        return None


def until(probe, what):
    """Asks until the probe answers something true, which is returned."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")


def run(account, checks):
    """Runs all checks in order, a line for each; returns the exit code."""
    failed = 0
    for check in checks:
        name = check.__name__.replace("_", " ")
        problems = problems_in(account, check)
        failed += bool(problems)
        print(f"not ok: {name}" if problems else f"ok: {name}", *problems, sep="\n  ", flush=True)
    print(f"operations seen: {' '.join(sorted(account.recorder.operations))}")
    return 1 if failed else 0


def problems_in(account, check):
    account.recorder.problems.clear()
    account.warnings.messages.clear()
    try:
        check(account)
        failure = []
    except Exception:
        failure = traceback.format_exc(limit=-2).splitlines()
    # Each once: a misspelt element is in every answer.
    answers = list(dict.fromkeys(account.recorder.problems))
    return failure + answers[:20] + account.warnings.messages
