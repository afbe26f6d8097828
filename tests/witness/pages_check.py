"""Every command of every page of the runbooks, run on simulated accounts: pages_check.py PROGRAM."""

import contextlib
import sys
import threading
import traceback

import pages

# Everything takes minutes of the account's time.
SPEED = 300
# The pages are shared out among accounts, which are worked on at the same time.
ACCOUNTS = 2


def variables(account):
    """What stands for the pages' variables. Some exist, others only have the right form."""
    account.run("asg-patch run --group web-nightly")
    group = account.json("aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names web-nightly")
    template = group["AutoScalingGroups"][0]["LaunchTemplate"]["LaunchTemplateId"]
    versions = account.json(f"aws ec2 describe-launch-template-versions --launch-template-id {template}")
    image = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]["ImageId"]
    running = account.json(
        "aws ec2 describe-instances --filters Name=instance-state-name,Values=running "
        "--query 'Reservations[].Instances[].InstanceId'"
    )
    document = "aws ssm send-command --document-name AsgPatch-SealLinux-1 --instance-ids"
    command = account.json(f"{document} {running[0]}")["Command"]["CommandId"]
    automation = account.json("aws ssm start-automation-execution --document-name AsgPatch-Run")
    # As the pages ask for.
    account.run("asg-patch run --json --group web-nightly > report.json")
    balancers = account.json(
        "aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names 'api day' "
        "--query 'AutoScalingGroups[0].[TargetGroupARNs[0],LoadBalancerNames[0]]'"
    )
    return {
        "GROUP": "web-nightly",
        "TEMPLATE": template,
        "VERSION": "1",
        "D": "1",
        "L": "2",
        "IMAGE": image,
        "COMMAND": command,
        "AUTOMATION": automation["AutomationExecutionId"],
        "INSTANCE": running[0],
        "STATE_MACHINE": pages.MACHINE,
        "EXECUTION": pages.MACHINE.replace("stateMachine", "execution") + ":one",
        "ACTION": "ec2:CreateImage",
        "ROLE_ARN": "arn:aws:iam::123456789012:role/asg-patch",
        "ROLE": "web",
        "PROFILE": "web",
        "OPERATION": "CreateImage",
        "CLUSTER": "main",
        "NODEGROUP": "spot",
        "CONFIGURATION": "web-2023",
        "DOCUMENT": "AsgPatch-SealLinux-1",
        "FUNCTION": "asg-patch",
        "KEY": "1234abcd-12ab-34cd-56ef-1234567890ab",
        "VPC": "vpc-0a1b2c3d4e5f60718",
        "TYPE": "t3.small",
        "PARAMETER": "/asg-patch/records/strange",
        "QUEUE": account.environment["AWS_ENDPOINT_URL"] + pages.QUEUE,
        "RECEIPT_HANDLE": "handle",
        "TARGET_GROUP": balancers[0],
        "LOAD_BALANCER": balancers[1],
    }


def check(text, account, values):
    for block in pages.blocks(text):
        if "asg-patch restore --group" in block:
            account.run_dies(["web-nightly"], "scanning")
        if "delete-parameter" in block:
            account.run(f"aws ssm put-parameter --name {values['PARAMETER']} --type String --value '{{}}'")
        account.run(block, values)
    # Some pages take the opt-in away.
    account.run(
        "aws autoscaling create-or-update-tags --tags ResourceId=web-nightly,ResourceType=auto-scaling-group,"
        "Key=ep:asg:patch,Value=true,PropagateAtLaunch=false"
    )


def the_account(account):
    """All that a run may have changed or left, by one look."""
    looks = (
        "aws autoscaling describe-auto-scaling-groups --query 'AutoScalingGroups[].[AutoScalingGroupName,MinSize,MaxSize,"
        "DesiredCapacity,SuspendedProcesses[].ProcessName,LaunchTemplate,Instances[].InstanceId]'",
        "aws ec2 describe-instances --filters Name=instance-state-name,Values=pending,running,stopping,stopped "
        "--query 'Reservations[].Instances[].InstanceId'",
        "aws ec2 describe-images --owners self --query 'Images[].Name'",
        "aws ec2 describe-launch-templates --query 'LaunchTemplates[].[LatestVersionNumber,DefaultVersionNumber]'",
        "aws ssm get-parameters-by-path --path /asg-patch/records --recursive --query 'Parameters[].Name'",
    )
    return [account.json(look) for look in looks]


class ByHand:
    """The chapter By hand, followed for one group after its run has died."""

    def __init__(self, account, text):
        self.account, self.blocks = account, pages.blocks(text)

    def block(self, words):
        found = [block for block in self.blocks if words in block]
        if len(found) != 1:
            raise AssertionError(f"expected one block with {words!r}, found {len(found)}")
        return found[0]

    def follow(self, group, steps):
        read = [self.block("NAME=$("), self.block("describe-instances"), self.block("OLD_NUMBER=$(")]
        script = "\n".join([*read, *(self.block(step) for step in steps)])
        return self.account.run(script, {"GROUP": group})


# With an image and a version, and the canary on Standby: nothing of a launch is left.
AFTER_LAUNCH = ("# 1.", "# 2.", "# 5.", "# 6.", "# 7.")
# One instance more, which the desired capacity counts.
IN_LAUNCH = ("died during a launch, and the instance", "# 3.", "# 4.", "# 7.")


def check_by_hand(text, program):
    """Two groups of one run that has died, restored one after the other by nothing but the chapter."""
    with pages.Account(program, SPEED) as account:
        by_hand, groups = ByHand(account, text), ["web-nightly", "api day"]
        images = "aws ec2 describe-images --owners self --filters Name=state,Values=available --query 'Images[].Name'"
        before = the_account(account)
        account.run_dies(groups, "proving")
        own = len(account.json(images)) - len(before[2])
        if own != 2:
            raise AssertionError(f"expected an image of each group, found {own}")
        by_hand.follow("web-nightly", AFTER_LAUNCH)
        own = len(account.json(images)) - len(before[2])
        if own != 1:
            raise AssertionError(f"expected that the other group's image is still there, found {own}")
        by_hand.follow("api day", AFTER_LAUNCH)
        equal(the_account(account), before, "after the canary's death")
        account.run_dies(["web-nightly"], "returning")
        by_hand.follow("web-nightly", IN_LAUNCH)
        equal(the_account(account), before, "after a death in the launch")


def equal(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: expected\n{expected}, found\n{found}")


def main():
    program = sys.argv[1]
    problems, ran = [], []

    @contextlib.contextmanager
    def noted(name):
        try:
            yield
        except AssertionError as error:
            problems.append(f"{name}: {error}")
        except Exception:
            problems.append(f"{name}: {traceback.format_exc()}")

    def work(share):
        with noted("the account"), pages.Account(program, SPEED) as account:
            values = variables(account)
            for name, text in share:
                with noted(name):
                    check(text, account, values)
            ran.extend(account.commands())

    every = pages.chapters()
    by_hand = every.pop("by hand")
    with noted("By hand"):
        check_by_hand(by_hand, program)
    shares = [list(every.items())[n::ACCOUNTS] for n in range(ACCOUNTS)]
    workers = [threading.Thread(target=work, args=(share,)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for command in ran:
        # What is answered in its place needs something that this account does not have.
        is_answered = command["command"] in pages.ANSWERS
        if not command["simulated"] and command["code"] == 0 and not is_answered:
            problems.append(f"{command['command']}: the account knows it: take it off the list")
    simulated = sum(command["simulated"] for command in ran)
    print(f"{len(every)} pages, {len(ran)} AWS commands, {simulated} of them simulated", *problems, sep="\n")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
