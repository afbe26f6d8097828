"""What the checks know of fleet.toml, and what they ask again and again."""

from witness import equal, until

TAGGED = ["api-running", "batch-a", "batch-b", "batch-c", "mixed", "web-asleep"]
UNTAGGED = ["private", "warm"]
OPTED_IN = [{"Name": "tag:ep:asg:patch", "Values": ["true"]}]
TOPIC = "arn:aws:sns:eu-west-1:123456789012:patch-reports"
NO_INSTANCE = "i-0123456789abcdef0"
# A waiter that asks every real second, which is a hundred simulated ones.
QUICK = {"Delay": 1, "MaxAttempts": 60}


def names(groups):
    return sorted(group["AutoScalingGroupName"] for group in groups)


def group(account, name="web-asleep"):
    answer = account.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    equal(len(answer["AutoScalingGroups"]), 1, f"groups named {name}")
    return answer["AutoScalingGroups"][0]


def capacity(account, name="web-asleep"):
    found = group(account, name)
    return found["MinSize"], found["MaxSize"], found["DesiredCapacity"]


def template(account, name="web-asleep"):
    return group(account, name)["LaunchTemplate"]["LaunchTemplateId"]


def in_service(account, name="web-asleep"):
    return [i for i in group(account, name)["Instances"] if i["LifecycleState"] == "InService"]


def awake(account):
    """The id of an instance of the sleeper, which is woken if it must be."""
    if not in_service(account):
        account.autoscaling.update_auto_scaling_group(
            AutoScalingGroupName="web-asleep", MinSize=0, MaxSize=4, DesiredCapacity=1
        )
    return until(lambda: in_service(account), "an instance in service")[0]["InstanceId"]


def online(account):
    """The id of an instance that Systems Manager knows."""
    instance = awake(account)
    filters = [{"Key": "InstanceIds", "Values": [instance]}]

    def probe():
        answer = account.ssm.describe_instance_information(Filters=filters)
        return [i for i in answer["InstanceInformationList"] if i["PingStatus"] == "Online"]

    until(probe, f"{instance} online")
    return instance
