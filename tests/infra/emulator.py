"""The stack in a local AWS: the emulator ministack beside asg-patch's simulated account.

The emulator has CloudFormation, Step Functions, Lambda, Scheduler, EventBridge, SNS and SQS, and starts the real
bootstrap as a process of its own. Groups, instances, images and parameters are the simulated account's.

How the function finds both: Lambda gives it the emulator's environment. AWS_ENDPOINT_URL there is the simulated
account; those of SNS, Step Functions and KMS are the emulator. The template knows nothing of it.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import botocore.session
from botocore.config import Config

from template import load
from without_ssm import without_ssm

ROOT = Path(__file__).parents[2]
ACCOUNT, REGION = "123456789012", "eu-west-1"
STACK, BUCKET = "asg-patch", "uploads"
PATCHES = Path(__file__).with_name("emulator_patches.py")
# Part of real time that waits and retries of the state machine take. Waits end on whole seconds, minutes of the
# simulated account. Who comes early finds nothing to do and comes again.
WAIT_SCALE = 0.1
START_SECONDS, STOP_SECONDS, STEP_SECONDS = 60, 10, 30
# Whatever hangs: then all has ended.
END = time.monotonic() + 150
# Set when all is to end at once.
STOPPING = threading.Event()


class Failed(Exception):
    """What was expected, and what came."""


def until(what, happens, seconds=STEP_SECONDS):
    """Waits until `happens` says something that is true, and returns it."""
    end = min(time.monotonic() + seconds, END)
    while True:
        found = happens()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"{what}: nothing after {seconds} s")
        if STOPPING.wait(0.05):
            raise Failed(f"{what}: stopped")


def client(service, endpoint):
    """An AWS client for the emulator or the simulated account; the key's id is the account's."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60, proxies={})
    return botocore.session.get_session().create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="witness",
        config=config,
    )


def environment(directory, **more):
    """Nothing of the user's: no AWS configuration, no proxies."""
    directory.mkdir(parents=True, exist_ok=True)
    return {"PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": str(directory), **more}


@contextlib.contextmanager
def process(command, env, log):
    """A process that ends with the block, and with it those that it has started."""
    with open(log, "w", encoding="utf-8") as out:
        child = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield child
        finally:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(STOP_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def said(child, log):
    return f"ended with {child.returncode}: {Path(log).read_text(encoding='utf-8')[-3000:]}"


@contextlib.contextmanager
def simulated_account(program, directory, fleet, speed):
    """`asg-patch simulate`: the environment that it prints."""
    log = directory / "simulate.log"
    command = [program, "simulate", "--json", "--quiet", "--speed", str(speed), "--fleet", str(fleet)]

    with process(command, environment(directory / "account"), log) as child:

        def printed():
            if child.poll() is not None:
                raise Failed(f"asg-patch simulate {said(child, log)}")
            text = log.read_text(encoding="utf-8")
            return json.loads(text)["environment"] if text.endswith("}\n") else None

        yield until("asg-patch simulate", printed, START_SECONDS)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def emulator(directory, account):
    """ministack on a free port: its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    log = directory / "emulator.log"
    home = directory / "emulator"
    env = environment(
        home,
        GATEWAY_PORT=str(port),
        BIND_HOST="127.0.0.1",
        MINISTACK_REGION=REGION,
        STATE_DIR=str(home / "state"),
        S3_DATA_DIR=str(home / "s3"),
        DOCKER_HOST="unix:///nonexistent",
        SFN_WAIT_SCALE=str(WAIT_SCALE),
        PYTHONDONTWRITEBYTECODE="1",
        # For the function.
        AWS_ENDPOINT_URL=account["AWS_ENDPOINT_URL"],
        AWS_ENDPOINT_URL_SNS=address,
        AWS_ENDPOINT_URL_SFN=address,
        AWS_ENDPOINT_URL_KMS=address,
        ASG_PATCH_SIMULATED_CLOCK=account["ASG_PATCH_SIMULATED_CLOCK"],
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with process([sys.executable, str(PATCHES)], env, log) as child:

        def answers():
            if child.poll() is not None:
                raise Failed(f"ministack {said(child, log)}")
            try:
                with opener.open(f"{address}/_ministack/ready", timeout=5) as answer:
                    return answer.status == 200
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                return False

        until("ministack", answers, START_SECONDS)
        yield address


class Stack:
    """The deployed stack, and a queue that gets all that its topic tells."""

    def __init__(self, address, account, directory):
        self.address, self.directory = address, directory
        self.account = account["AWS_ENDPOINT_URL"]
        self.states = client("stepfunctions", address)
        self.formation = client("cloudformation", address)
        self.queues = client("sqs", address)

    def script(self, command):
        """What a script of the package says and does."""
        env = environment(
            self.directory / "cli",
            AWS_ENDPOINT_URL=self.address,
            AWS_ENDPOINT_URL_SSM=self.account,
            AWS_ACCESS_KEY_ID=ACCOUNT,
            AWS_SECRET_ACCESS_KEY="witness",
            AWS_DEFAULT_REGION=REGION,
        )
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    def upload_only(self, package):
        return self.script([package / "deploy.sh", "--upload-only", "--bucket", BUCKET])

    def not_deleted(self, why):
        """delete.sh refuses, and says why."""
        done = self.script([self.package / "delete.sh"])
        if done.returncode != 1 or why not in done.stderr:
            raise Failed(f"delete.sh: expected a refusal with '{why}', found {done.returncode}: {done.stdout}{done.stderr}")

    def deploy_window(self, name):
        """A window's stack beside the stack, which it imports from."""
        template, _ = without_ssm(load(self.package / "window.yaml"))
        given = {"WindowName": name, "ScheduleExpression": "cron(0 4 1 1 ? 2099)"}
        self.formation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )

        def status():
            return self.formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

        until("the window's stack", lambda: not status().endswith("IN_PROGRESS"))
        if status() != "CREATE_COMPLETE":
            raise Failed(f"the window's stack: {status()}")

    def delete_window(self, name):
        self.formation.delete_stack(StackName=name)
        complete = ["CREATE_COMPLETE", "DELETE_IN_PROGRESS"]

        def names():
            return [s["StackName"] for s in self.formation.list_stacks(StackStatusFilter=complete)["StackSummaries"]]

        until("the end of the window's stack", lambda: name not in names())

    def delete(self):
        done = self.script([self.package / "delete.sh"])
        if done.returncode != 0:
            raise Failed(f"delete.sh: {done.stdout}{done.stderr}")
        found = self.formation.list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])["StackSummaries"]
        if found:
            raise Failed(f"delete.sh left {[s['StackName'] for s in found]}")

    def upload(self, package):
        """Uploads the package, and the template without AWS::SSM::*. What was left out."""
        self.package = package
        changed = self.directory / "changed"
        shutil.copytree(package, changed)
        with (changed / "template.yaml").open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        done = self.upload_only(changed)
        if done.returncode == 0 or "did NOT match" not in done.stderr:
            raise Failed(f"deploy.sh takes a package that was changed: {done.stdout}{done.stderr[-3000:]}")
        done = self.upload_only(package)
        if done.returncode != 0:
            raise Failed(f"deploy.sh --upload-only: {done.stdout}{done.stderr[-3000:]}")
        if "invocations at once in this account" not in done.stderr:
            raise Failed(f"deploy.sh says nothing of the account's concurrency: {done.stderr[-3000:]}")
        self.artifacts = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("Artifact"))
        template, gone = without_ssm(load(package / "template.yaml"))
        uploads = client("s3", self.address)
        uploads.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(template).encode())
        return gone

    def deploy(self, **parameters):
        """Creates the stack, or updates it; parameters not given have their defaults."""
        parameters = self.artifacts | parameters
        given = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
        exists = hasattr(self, "outputs")
        change = self.formation.update_stack if exists else self.formation.create_stack
        change(
            StackName=STACK,
            TemplateURL=f"{self.address}/{BUCKET}/template.json",
            Parameters=given,
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )

        def settled():
            stack = self.formation.describe_stacks(StackName=STACK)["Stacks"][0]
            return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

        stack = until("the stack", settled)
        if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            events = self.formation.describe_stack_events(StackName=STACK)["StackEvents"]
            events = [e for e in events if e.get("ResourceStatusReason")]
            reasons = [(e["LogicalResourceId"], e["ResourceStatusReason"]) for e in events]
            raise Failed(f"{stack['StackStatus']}: {reasons}")
        self.outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
        if not exists:
            self.subscribe()

    def subscribe(self):
        self.queue = self.queues.create_queue(QueueName="reports")["QueueUrl"]
        attributes = self.queues.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        topic, arn = self.outputs["ReportTopicArn"], attributes["Attributes"]["QueueArn"]
        client("sns", self.address).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def messages(self):
        """What the topic has published since the last look: subject and body."""
        published = []
        while True:
            batch = self.queues.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
            if not batch:
                return published
            for message in batch:
                envelope = json.loads(message["Body"])
                published.append((envelope.get("Subject", ""), json.loads(envelope["Message"])))
                self.queues.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def stored(self, place):
        """A report in the bucket."""
        bucket, key = place.split("/", 1)
        return json.loads(client("s3", self.address).get_object(Bucket=bucket, Key=key)["Body"].read())

    def lose_reports(self):
        """The bucket of reports is deleted."""
        bucket, s3 = self.outputs["ReportBucketName"], client("s3", self.address)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for each in page.get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=each["Key"])
        s3.delete_bucket(Bucket=bucket)

    def start(self, given):
        machine = self.outputs["StateMachineArn"]
        return self.states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]

    def ended(self, execution, seconds=STEP_SECONDS):
        """The execution, once it has ended."""

        def over():
            found = self.states.describe_execution(executionArn=execution)
            return None if found["status"] == "RUNNING" else found

        return until(execution, over, seconds)

    def longest_payload(self, execution):
        """The bytes of the longest input or output of the execution's states, not of its batches'."""
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=execution)
        details = (d for page in pages for e in page["events"] for d in e.values() if isinstance(d, dict))
        return max(len(d.get(name, "").encode()) for d in details for name in ("input", "output"))

    def executions(self):
        """The arns of all executions of the state machine, not those of its batches, the oldest first."""
        machine = self.outputs["StateMachineArn"]
        pages = self.states.get_paginator("list_executions").paginate(stateMachineArn=machine)
        found = [e for page in pages for e in page["executions"]]
        return [e["executionArn"] for e in sorted(found, key=lambda e: e["startDate"])]
