"""The AWS CLI against the simulated account: `awscli_check.py ENDPOINT`, with the fleet of fleet.toml.

The endpoint and the credentials reach it by the environment, as `asg-patch simulate` prints them.
"""

import json
import os
import subprocess
import sys
import time

PATIENCE_SECONDS = 60
PATCH_TAG = "Name=tag:ep:asg:patch,Values=true"


def aws(*arguments):
    """Runs one command, which must succeed in silence; returns what it printed, parsed."""
    done = _run(arguments)
    if done.returncode != 0 or done.stderr.strip():
        raise AssertionError(f"aws {' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def refused(code, *arguments):
    """Runs one command, which must fail with this error code."""
    done = _run(arguments)
    if done.returncode == 0 or f"An error occurred ({code}) when calling" not in done.stderr:
        raise AssertionError(f"aws {' '.join(arguments)}: expected {code}, found: {done.stdout}{done.stderr}")


def _run(arguments):
    command = [sys.executable, "-W", "error", "-m", "awscli", "--output", "json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)


def until(probe, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")


def equal(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def groups(*arguments):
    return aws("autoscaling", "describe-auto-scaling-groups", *arguments)


def named(*arguments):
    """Names of groups, in order."""
    names = groups(*arguments, "--query", "AutoScalingGroups[].AutoScalingGroupName")
    return sorted(names)


def groups_are_found_and_paged():
    tagged = ["api-running", "batch-a", "batch-b", "batch-c", "mixed", "web-asleep"]
    equal(named("--filters", PATCH_TAG), tagged, "opted in")
    equal(named("--filters", PATCH_TAG, "--page-size", "2"), tagged, "by pages of two")
    first = groups("--max-items", "3")
    second = groups("--max-items", "10", "--starting-token", first["NextToken"])
    equal([len(page["AutoScalingGroups"]) for page in (first, second)], [3, 5], "three items, then the rest")


def a_group_is_changed_and_wakes():
    capacity = ("--min-size", "0", "--max-size", "2", "--desired-capacity", "1")
    name = ("--auto-scaling-group-name", "batch-c")
    aws("autoscaling", "update-auto-scaling-group", *name, *capacity)
    refused("ValidationError", "autoscaling", "set-desired-capacity", *name, "--desired-capacity", "3")
    aws("autoscaling", "suspend-processes", *name, "--scaling-processes", "AZRebalance")
    found = groups("--auto-scaling-group-names", "batch-c")["AutoScalingGroups"][0]
    equal([found[k] for k in ("MinSize", "MaxSize", "DesiredCapacity")], [0, 2, 1], "capacity")
    equal([p["ProcessName"] for p in found["SuspendedProcesses"]], ["AZRebalance"], "suspended")
    instance = until(lambda: in_service("batch-c"), "an instance in service")[0]
    aws("ec2", "wait", "instance-running", "--instance-ids", instance)
    return instance


def in_service(name):
    query = "AutoScalingGroups[0].Instances[?LifecycleState=='InService'].InstanceId"
    return groups("--auto-scaling-group-names", name, "--query", query)


def a_command_is_sent_and_read_back(instance):
    def online():
        query = "InstanceInformationList[?PingStatus=='Online'].InstanceId"
        filters = f"Key=InstanceIds,Values={instance}"
        return aws("ssm", "describe-instance-information", "--filters", filters, "--query", query)

    until(online, f"{instance} online")
    sent = aws(
        "ssm", "send-command", "--instance-ids", instance, "--document-name", "AWS-RunPatchBaseline",
        "--parameters", "Operation=Scan", "--comment", "by the CLI",
    )["Command"]["CommandId"]
    about = ("--command-id", sent, "--instance-id", instance)

    def ended():
        listed = aws("ssm", "list-command-invocations", *about)["CommandInvocations"]
        return [i["Status"] for i in listed if i["Status"] not in ("Pending", "InProgress", "Delayed")]

    equal(until(ended, "the command ends"), ["Success"], "its status")
    # The document has a step for each platform, of which one must be named.
    step = ("--plugin-name", "PatchLinux")
    aws("ssm", "wait", "command-executed", *about, *step)
    answer = aws("ssm", "get-command-invocation", *about, *step)
    equal((answer["Status"], answer["ResponseCode"]), ("Success", 0), "the invocation")
    refused(
        "InvalidInstanceId", "ssm", "send-command", "--instance-ids", "i-0123456789abcdef0",
        "--document-name", "AWS-RunPatchBaseline", "--parameters", "Operation=Scan",
    )


def an_image_and_a_version_are_made(instance):
    request = ("ec2", "create-image", "--instance-id", instance, "--name", "cli/batch-1", "--no-reboot")
    image = aws(*request)["ImageId"]
    refused("InvalidAMIName.Duplicate", *request)

    def available():
        states = aws("ec2", "describe-images", "--owners", "self", "--filters", f"Name=image-id,Values={image}",
                     "--query", "Images[].State")
        return states == ["available"]

    until(available, f"{image} available")
    aws("ec2", "wait", "image-available", "--image-ids", image)
    spec = groups("--auto-scaling-group-names", "batch-c")["AutoScalingGroups"][0]["LaunchTemplate"]
    template = ("--launch-template-id", spec["LaunchTemplateId"])
    made = aws(
        "ec2", "create-launch-template-version", *template, "--source-version", "$Latest",
        "--launch-template-data", json.dumps({"ImageId": image}),
    )["LaunchTemplateVersion"]
    answer = aws("ec2", "describe-launch-template-versions", *template, "--versions", "$Latest")
    equal(answer["LaunchTemplateVersions"], [made], "read back as $Latest")
    equal(made["LaunchTemplateData"]["ImageId"], image, "its image")


def a_parameter_and_a_message():
    aws("ssm", "put-parameter", "--name", "/cli/record", "--value", "{}", "--type", "String")
    refused("ParameterAlreadyExists", "ssm", "put-parameter", "--name", "/cli/record", "--value", "{}", "--type", "String")
    topic = "arn:aws:sns:eu-west-1:123456789012:patch-reports"
    sent = aws("sns", "publish", "--topic-arn", topic, "--subject", "patched", "--message", "all well")
    equal(len(sent["MessageId"]), 36, "the length of the message's id")
    refused("NotFound", "sns", "publish", "--topic-arn", f"{topic}-none", "--message", "lost")


def main():
    instance = None
    for check in (
        groups_are_found_and_paged,
        a_group_is_changed_and_wakes,
        a_command_is_sent_and_read_back,
        an_image_and_a_version_are_made,
        a_parameter_and_a_message,
    ):
        takes_instance = check.__code__.co_argcount == 1
        instance = (check(instance) if takes_instance else check()) or instance
        print(f"ok: {check.__name__.replace('_', ' ')}", flush=True)


if __name__ == "__main__":
    ENVIRONMENT = {**os.environ, "AWS_ENDPOINT_URL": sys.argv[1]}
    main()
