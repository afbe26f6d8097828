"""The runbooks' commands, and an account to run them in: a simulated one of its own for each `Account`."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLEET = ROOT / "tests/witness/pages.toml"
# A block of commands for a shell.
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# Services and operations that the simulated account does not know. Of their commands only the form is checked: the AWS
# CLI's own model of the parameters, and the syntax of the query. What the account learns must leave this list.
NOT_SIMULATED = {
    "autoscaling delete-warm-pool",
    "autoscaling describe-launch-configurations",
    "autoscaling put-warm-pool",
    "cloudformation",
    "cloudtrail",
    "ec2 describe-instance-type-offerings",
    "ec2 describe-vpc-endpoints",
    "ec2 get-ebs-default-kms-key-id",
    "eks",
    "elb describe-load-balancers",
    "elbv2 describe-target-groups",
    "iam",
    "kms",
    "lambda",
    "logs",
    "scheduler",
    "service-quotas",
    "sqs",
    "ssm describe-patch-baselines",
    "ssm get-parameter-history",
    "ssm update-maintenance-window",
    "stepfunctions",
}
# A queue is its own endpoint.
QUEUE = "/123456789012/asg-patch"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:AsgPatch"
# Answered in their place, where the next command of a page needs the answer; to other commands for a text, an ARN.
ANSWERS = {
    "autoscaling describe-launch-configurations": json.dumps(
        {
            "LaunchConfigurationName": "web-2023",
            "ImageId": "$IMAGE",
            "InstanceType": "t3.small",
            "KeyName": "",
            "SecurityGroups": ["sg-0a1b2c3d4e5f60718"],
            "UserData": "IyEvYmluL3NoCg==",
            "KernelId": "",
            "RamdiskId": "",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}],
            "InstanceMonitoring": {"Enabled": True},
            "IamInstanceProfile": "web",
            "EbsOptimized": False,
        }
    ),
    "cloudtrail lookup-events": '["{\\"eventTime\\": \\"2026-10-14T04:00:00Z\\"}"]',
    "scheduler get-schedule": json.dumps(
        {
            "Arn": "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/AsgPatch",
            "Name": "AsgPatch",
            "GroupName": "default",
            "ScheduleExpression": "cron(0 2 ? * TUE#2 *)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": MACHINE, "RoleArn": "arn:aws:iam::123456789012:role/asg-patch"},
        }
    ),
}
# Stands for `aws` in PATH: the AWS CLI, with each command and how it ended in a log.
AWS = """#!{python}
import contextlib, io, json, os, sys
from awscli.clidriver import main
arguments, said = sys.argv[1:], io.StringIO()
# Also those services that go their own way to an endpoint must not leave this machine.
sys.argv += ["--endpoint-url", os.environ["AWS_ENDPOINT_URL"]]
words = [w for w in arguments if not w.startswith("-")][:2]
# Of these the account does not have what the page is about.
is_answered = " ".join(words) in {answers!r}
with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO() if is_answered else sys.stdout):
    code = main()
known = {not_simulated!r}
text = "--output text" in " ".join(arguments)
is_simulated = words[0] not in known and " ".join(words) not in known
# The words reached the account: all of them have the form that the AWS CLI knows.
refused = any(w in said.getvalue() for w in ("when calling the", "SimulatorUnsupported"))
is_form_only = not is_simulated and (is_answered and code == 0 or refused)
if is_form_only:
    asked = " ".join(arguments)
    other = os.environ["AWS_ENDPOINT_URL"] + {queue!r} if "QueueUrl" in asked else {text!r} if text else "{{}}"
    answer = {answers!r}.get(" ".join(words), other)
    print(answer.replace("$IMAGE", os.environ.get("IMAGE", "")))
with open({log!r}, "a") as log:
    entry = dict(command=" ".join(words), code=code, said=said.getvalue(), simulated=is_simulated)
    print(json.dumps(entry), file=log)
sys.stderr.write("" if is_form_only else said.getvalue())
sys.exit(0 if is_form_only else code)
"""
# A shell that says which command failed, also one in a pipe or in `$(...)`.
PREPARED = """
set -uE -o pipefail
trap 'echo "$?: $BASH_COMMAND" >> "$FAILED"' ERR
"""


class Account:
    """A simulated account of its own, `speed` times as fast as real time."""

    def __init__(self, program, speed):
        self.program = program
        self.place = tempfile.TemporaryDirectory()
        self.home = Path(self.place.name)
        self.log, self.failed = self.home / "aws.log", self.home / "failed.log"
        command = [program, "simulate", "--json", "--quiet", "--fleet", str(FLEET), "--speed", str(speed)]
        self.simulation = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        document = ""
        while not document.endswith("\n}\n"):
            document += self.simulation.stdout.readline()
        for folder in ("runbooks", "tests"):
            (self.home / folder).symlink_to(ROOT / folder)
        shims = self.home / "bin"
        shims.mkdir()
        self._shim(shims / "aws", AWS.format(python=sys.executable, log=str(self.log), not_simulated=NOT_SIMULATED, answers=ANSWERS, text=MACHINE, queue=QUEUE))
        # No test asks anything outside this machine.
        self._shim(shims / "curl", "#!/bin/sh\necho 200\n")
        path = [str(shims), str(Path(program).parent), os.environ["PATH"]]
        self.environment = {
            "PATH": os.pathsep.join(path),
            "HOME": str(self.home),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "AWS_DEFAULT_OUTPUT": "json",
            "FAILED": str(self.failed),
            **json.loads(document)["environment"],
        }

    def _shim(self, path, text):
        path.write_text(text)
        path.chmod(0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.simulation.send_signal(signal.SIGINT)
        self.simulation.wait()
        self.simulation.stdout.close()
        self.place.cleanup()

    def run(self, script, variables=()):
        """Runs the commands as from the project's root; returns what they print. A command that fails is an error."""
        self.failed.write_text("")
        environment = self.environment | dict(variables)
        command = ["bash", "--noprofile", "--norc", "-c", PREPARED + script]
        done = subprocess.run(command, env=environment, cwd=self.home, capture_output=True, text=True)
        failed = self.failed.read_text()
        if failed or done.returncode != 0:
            raise AssertionError(f"failed: {failed or done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, command):
        return json.loads(self.run(command))

    def run_dies(self, groups, phase):
        """A run of these groups that is killed as soon as its progress has shown the phase of all of them."""
        names = [word for group in groups for word in ("--group", group)]
        command = [self.program, "run", "--json", *names]
        seen, waiting = "", set(groups)
        options = {"env": self.environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, **options) as run:
            for line in run.stderr:
                seen += line
                waiting -= {group for group in waiting if f" {group} {phase}: " in line}
                if not waiting:
                    run.kill()
                    return
        raise AssertionError(f"no {phase!r} of {waiting} in:\n{seen}")

    def commands(self):
        """The AWS commands so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def blocks(text):
    """The blocks of commands of a page or chapter, but for rehearsals: the suite runs those."""
    found = BLOCK.findall(text)
    plain = ["\n".join(l for l in block.splitlines() if "asg-patch rehearse" not in l) for block in found]
    return [block for block in plain if block.strip()]


def chapters():
    """Each page's text, by its name; the chapter By hand, which is followed as a whole, by a name of its own."""
    texts = {page.name: page.read_text() for page in sorted((ROOT / "runbooks").glob("*.md"))}
    texts["README.md"], texts["by hand"] = texts["README.md"].split("\n## By hand\n")
    return texts
