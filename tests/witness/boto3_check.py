"""boto3 against the simulated account: `boto3_check.py ENDPOINT`, with the fleet of fleet.toml."""

import json
import sys
from datetime import datetime, timedelta, timezone

from botocore.exceptions import WaiterError

from witness import Account, equal, holds, refused, run, until

TAGGED = ["api-running", "batch-a", "batch-b", "batch-c", "mixed", "web-asleep"]
UNTAGGED = "private"
OPTED_IN = [{"Name": "tag:ep:asg:patch", "Values": ["true"]}]
NO_INSTANCE = "i-0123456789abcdef0"
QUICK = {"Delay": 1, "MaxAttempts": 60}


def names(groups):
    return sorted(group["AutoScalingGroupName"] for group in groups)


def group(account, name="web-asleep"):
    answer = account.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    equal(len(answer["AutoScalingGroups"]), 1, f"groups named {name}")
    return answer["AutoScalingGroups"][0]


def sizes(account, name="web-asleep"):
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


# Auto Scaling


def groups_are_found_by_tag(account):
    client = account.autoscaling
    equal(names(client.describe_auto_scaling_groups(Filters=OPTED_IN)["AutoScalingGroups"]), TAGGED, "opted in")
    none = [{"Name": "tag:ep:asg:patch", "Values": ["TRUE"]}]
    equal(client.describe_auto_scaling_groups(Filters=none)["AutoScalingGroups"], [], "values are case-sensitive")
    either = [{"Name": "tag:team", "Values": ["web", "batch"]}]
    both = either + [{"Name": "tag-key", "Values": ["ep:asg:patch"]}]
    equal(
        names(client.describe_auto_scaling_groups(Filters=both)["AutoScalingGroups"]),
        ["batch-a", "batch-b", "batch-c", "web-asleep"],
        "values are alternatives, filters are not",
    )
    equal(
        names(client.describe_auto_scaling_groups(Filters=either)["AutoScalingGroups"]),
        ["batch-a", "batch-b", "batch-c", "private", "web-asleep"],
        "without the opt-in",
    )


def groups_are_found_by_name(account):
    client = account.autoscaling
    answer = client.describe_auto_scaling_groups(AutoScalingGroupNames=["mixed", "nobody"])
    equal(names(answer["AutoScalingGroups"]), ["mixed"], "by name")
    tags = {tag["Key"]: tag["Value"] for tag in answer["AutoScalingGroups"][0]["Tags"]}
    equal(tags["ep:asg:patch"], "true", "its tag")
    refused("ValidationError", client.set_desired_capacity, AutoScalingGroupName="nobody", DesiredCapacity=0)


def groups_come_in_pages(account):
    pager = account.autoscaling.get_paginator("describe_auto_scaling_groups")
    pages = list(pager.paginate(PaginationConfig={"PageSize": 2}))
    holds(len(pages) >= 4, f"pages of two: {len(pages)}")
    holds(all(len(page["AutoScalingGroups"]) <= 2 for page in pages), "a page is too long")
    found = [name for page in pages for name in names(page["AutoScalingGroups"])]
    equal(sorted(found), sorted([*TAGGED, UNTAGGED]), "all pages together")
    refused("ValidationError", account.autoscaling.describe_auto_scaling_groups, MaxRecords=101)
    refused("InvalidNextToken", account.autoscaling.describe_auto_scaling_groups, NextToken="no such page")


def instances_may_be_left_out(account):
    client = account.autoscaling
    holds(len(group(account, "api-running")["Instances"]) == 2, "two are running")
    answer = client.describe_auto_scaling_groups(AutoScalingGroupNames=["api-running"], IncludeInstances=False)
    equal(answer["AutoScalingGroups"][0].get("Instances", []), [], "left out")


def a_mixed_instances_policy_is_told_in_full(account):
    policy = group(account, "mixed")["MixedInstancesPolicy"]
    base = policy["LaunchTemplate"]["LaunchTemplateSpecification"]
    holds(base["LaunchTemplateId"].startswith("lt-"), "the base template's id")
    overrides = policy["LaunchTemplate"]["Overrides"]
    holds(any("LaunchTemplateSpecification" in o for o in overrides), "an override with a template of its own")
    account.autoscaling.update_auto_scaling_group(
        AutoScalingGroupName="mixed",
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": base["LaunchTemplateId"], "Version": "1"},
                "Overrides": [without_names(o) for o in overrides],
            },
            "InstancesDistribution": policy["InstancesDistribution"],
        },
    )
    after = group(account, "mixed")["MixedInstancesPolicy"]
    equal(after["LaunchTemplate"]["LaunchTemplateSpecification"]["Version"], "1", "the new version")
    equal(after["LaunchTemplate"]["Overrides"], overrides, "the overrides are as before")


def without_names(override):
    """AWS wants a template's id or its name, never both."""
    spec = dict(override.get("LaunchTemplateSpecification", {}))
    spec.pop("LaunchTemplateName", None)
    return {**override, "LaunchTemplateSpecification": spec} if spec else override


def sizes_obey_their_bounds(account):
    client = account.autoscaling
    change = {"AutoScalingGroupName": "batch-a"}
    error = refused("ValidationError", client.update_auto_scaling_group, **change, DesiredCapacity=1)
    holds("max size" in str(error).lower(), f"says which bound: {error}")
    refused("ValidationError", client.update_auto_scaling_group, **change, MinSize=3, MaxSize=2)
    refused("ValidationError", client.set_desired_capacity, **change, DesiredCapacity=1)
    equal(sizes(account, "batch-a"), (0, 0, 0), "nothing changed")
    client.update_auto_scaling_group(**change, MinSize=1, MaxSize=2)
    equal(sizes(account, "batch-a"), (1, 2, 1), "pulled up to the minimum")
    client.update_auto_scaling_group(**change, MinSize=0, MaxSize=0)
    equal(sizes(account, "batch-a"), (0, 0, 0), "pulled down to the maximum")


def processes_are_suspended_and_resumed(account):
    client = account.autoscaling
    some = ["AZRebalance", "ScheduledActions"]
    client.suspend_processes(AutoScalingGroupName="batch-b", ScalingProcesses=some)
    found = [p["ProcessName"] for p in group(account, "batch-b")["SuspendedProcesses"]]
    equal(sorted(found), some, "suspended")
    client.resume_processes(AutoScalingGroupName="batch-b", ScalingProcesses=["AZRebalance"])
    found = [p["ProcessName"] for p in group(account, "batch-b")["SuspendedProcesses"]]
    equal(found, ["ScheduledActions"], "still suspended")
    client.suspend_processes(AutoScalingGroupName="batch-b")
    found = [p["ProcessName"] for p in group(account, "batch-b")["SuspendedProcesses"]]
    holds("Launch" in found and len(found) >= 9, f"an empty list means all: {found}")
    client.resume_processes(AutoScalingGroupName="batch-b")
    equal(group(account, "batch-b")["SuspendedProcesses"], [], "all resumed")
    refused(
        "ValidationError",
        client.suspend_processes,
        AutoScalingGroupName="batch-b",
        ScalingProcesses=["Sleep"],
    )


def scheduled_actions_are_listed(account):
    client = account.autoscaling
    actions = client.describe_scheduled_actions(AutoScalingGroupName="web-asleep")["ScheduledUpdateGroupActions"]
    by_name = {action["ScheduledActionName"]: action for action in actions}
    equal(sorted(by_name), ["evening", "morning"], "names")
    equal(by_name["morning"]["Recurrence"], "0 7 * * 1-5", "recurrence")
    equal(by_name["morning"]["TimeZone"], "Europe/Berlin", "zone")
    equal(by_name["morning"]["DesiredCapacity"], 2, "size")
    pages = list(
        client.get_paginator("describe_scheduled_actions").paginate(
            AutoScalingGroupName="web-asleep", PaginationConfig={"PageSize": 1}
        )
    )
    equal(sum(len(page["ScheduledUpdateGroupActions"]) for page in pages), 2, "by pages of one")


def the_rest_of_a_group_is_told(account):
    client = account.autoscaling
    hooks = client.describe_lifecycle_hooks(AutoScalingGroupName="api-running")["LifecycleHooks"]
    equal([h["LifecycleTransition"] for h in hooks], ["autoscaling:EC2_INSTANCE_LAUNCHING"], "hooks")
    equal(client.describe_instance_refreshes(AutoScalingGroupName="web-asleep")["InstanceRefreshes"], [], "refreshes")
    pool = client.describe_warm_pool(AutoScalingGroupName="web-asleep")
    equal(pool.get("Instances", []), [], "warm pool")
    holds("WarmPoolConfiguration" not in pool, "no warm pool")


def a_group_wakes_and_its_activities_tell(account):
    instance = awake(account)
    account.ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig=QUICK)
    account.ec2.get_waiter("instance_status_ok").wait(InstanceIds=[instance], WaiterConfig=QUICK)
    client = account.autoscaling
    activities = client.describe_scaling_activities(AutoScalingGroupName="web-asleep")["Activities"]
    newest = activities[0]
    equal(newest["StatusCode"], "Successful", "the newest activity's status")
    holds(instance in newest["Description"], f"names {instance}: {newest['Description']}")
    holds("Availability Zone" in json.loads(newest["Details"]), f"details: {newest['Details']}")
    told = client.describe_auto_scaling_instances(InstanceIds=[instance, NO_INSTANCE])["AutoScalingInstances"]
    equal([(i["InstanceId"], i["AutoScalingGroupName"]) for i in told], [(instance, "web-asleep")], "its group")


def activities_come_in_pages(account):
    pager = account.autoscaling.get_paginator("describe_scaling_activities")
    pages = list(pager.paginate(AutoScalingGroupName="api-running", PaginationConfig={"PageSize": 1}))
    ids = [a["ActivityId"] for page in pages for a in page["Activities"]]
    holds(len(ids) == len(set(ids)) and len(pages) >= len(ids), f"one each: {ids}")


def an_instance_is_protected(account):
    instance = awake(account)
    client = account.autoscaling

    def protect(value):
        client.set_instance_protection(
            AutoScalingGroupName="web-asleep", InstanceIds=[instance], ProtectedFromScaleIn=value
        )
        return [i["ProtectedFromScaleIn"] for i in group(account)["Instances"] if i["InstanceId"] == instance]

    equal(protect(True), [True], "protected")
    equal(protect(False), [False], "not protected")
    refused(
        "ValidationError",
        client.set_instance_protection,
        AutoScalingGroupName="web-asleep",
        InstanceIds=[NO_INSTANCE],
        ProtectedFromScaleIn=True,
    )


# EC2


def instances_are_found_and_filtered(account):
    instance = awake(account)
    client = account.ec2

    def found(**arguments):
        pages = client.get_paginator("describe_instances").paginate(**arguments)
        return sorted(i["InstanceId"] for p in pages for r in p["Reservations"] for i in r["Instances"])

    equal(found(InstanceIds=[instance]), [instance], "by id")
    by_group = [{"Name": "tag:aws:autoscaling:groupName", "Values": ["web-asleep"]}]
    running = [{"Name": "instance-state-name", "Values": ["running"]}]
    equal(found(Filters=by_group + running), [instance], "by its group's tag")
    all_running = found(Filters=running)
    holds(len(all_running) >= 3, f"running: {all_running}")
    equal(found(Filters=running, PaginationConfig={"PageSize": 5}), all_running, "by pages")
    refused("InvalidInstanceID.NotFound", client.describe_instances, InstanceIds=[NO_INSTANCE])
    refused("InvalidInstanceID.Malformed", client.describe_instances, InstanceIds=["instance"])
    status = client.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
    equal([s["InstanceState"]["Name"] for s in status], ["running"], "status")


def resources_are_tagged(account):
    instance = awake(account)
    account.ec2.create_tags(Resources=[instance], Tags=[{"Key": "run", "Value": "r&1 <ä>"}])

    def tagged():
        by_tag = [{"Name": "tag:run", "Values": ["r&1 <ä>"]}]
        answer = account.ec2.describe_instances(Filters=by_tag)
        return [i["InstanceId"] for r in answer["Reservations"] for i in r["Instances"]]

    equal(until(tagged, "the tag is seen"), [instance], "found by the tag")


def an_image_is_made_once(account):
    instance = awake(account)
    client = account.ec2
    request = {
        "InstanceId": instance,
        "Name": "witness/web-1",
        "NoReboot": True,
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": [{"Key": "run", "Value": "w1"}]} for kind in ("image", "snapshot")
        ],
    }
    image = client.create_image(**request)["ImageId"]
    error = refused("InvalidAMIName.Duplicate", client.create_image, **request)
    holds(image in str(error), f"names the holder {image}: {error}")
    refused("InvalidAMIName.Malformed", client.create_image, InstanceId=instance, Name="what?*")
    refused("InvalidInstanceID.NotFound", client.create_image, InstanceId=NO_INSTANCE, Name="witness/none")
    client.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=QUICK)
    by_name = [{"Name": "name", "Values": ["witness/*"]}, {"Name": "tag:run", "Values": ["w1"]}]
    found = client.describe_images(Owners=["self"], Filters=by_name)["Images"]
    equal([(i["ImageId"], i["State"]) for i in found], [(image, "available")], "the image")
    equal(found[0].get("SourceInstanceId"), instance, "its source")
    snapshots = [m["Ebs"]["SnapshotId"] for m in found[0]["BlockDeviceMappings"] if "Ebs" in m]
    told = client.describe_snapshots(SnapshotIds=snapshots)["Snapshots"]
    equal({s["State"] for s in told}, {"completed"}, "its snapshots")
    equal({t["Value"] for s in told for t in s["Tags"]}, {"w1"}, "their tags")


def an_image_is_removed(account):
    client = account.ec2
    by_name = [{"Name": "name", "Values": ["witness/web-1"]}]
    image = client.describe_images(Owners=["self"], Filters=by_name)["Images"][0]
    snapshots = [m["Ebs"]["SnapshotId"] for m in image["BlockDeviceMappings"] if "Ebs" in m]
    refused("InvalidSnapshot.InUse", client.delete_snapshot, SnapshotId=snapshots[0])
    client.deregister_image(ImageId=image["ImageId"])
    until(lambda: not client.describe_images(Owners=["self"], Filters=by_name)["Images"], "the image is gone")
    for snapshot in snapshots:
        client.delete_snapshot(SnapshotId=snapshot)
    refused("InvalidSnapshot.NotFound", client.describe_snapshots, SnapshotIds=snapshots)
    refused("InvalidAMIID.NotFound", client.describe_images, ImageIds=["ami-0123456789abcdef0"])
    try:
        client.get_waiter("image_exists").wait(
            ImageIds=["ami-0123456789abcdef0"], WaiterConfig={"Delay": 1, "MaxAttempts": 1}
        )
    except WaiterError:
        return
    raise AssertionError("the waiter found an image that never was")


def a_template_version_inherits(account):
    client = account.ec2
    spec = {"LaunchTemplateId": template(account)}
    before = client.describe_launch_template_versions(**spec, Versions=["$Latest", "$Default"])
    latest = max(before["LaunchTemplateVersions"], key=lambda v: v["VersionNumber"])
    request = {
        **spec,
        "SourceVersion": str(latest["VersionNumber"]),
        "VersionDescription": "witness",
        "ClientToken": "witness-1",
        "LaunchTemplateData": {"ImageId": "ami-0feedfeedfeedfeed"},
    }
    made = client.create_launch_template_version(**request)["LaunchTemplateVersion"]
    equal(made["VersionNumber"], latest["VersionNumber"] + 1, "its number")
    again = client.create_launch_template_version(**request)["LaunchTemplateVersion"]
    equal(again["VersionNumber"], made["VersionNumber"], "the same token makes no second version")
    refused(
        "IdempotentParameterMismatch",
        client.create_launch_template_version,
        **{**request, "VersionDescription": "other"},
    )
    inherited = {**latest["LaunchTemplateData"], "ImageId": "ami-0feedfeedfeedfeed"}
    equal(made["LaunchTemplateData"], inherited, "what it holds")
    wanted = client.describe_launch_template_versions(**spec, Versions=[str(made["VersionNumber"])])
    equal(wanted["LaunchTemplateVersions"][0]["VersionDescription"], "witness", "read back")


def the_default_version_moves(account):
    client = account.ec2
    spec = {"LaunchTemplateId": template(account)}
    latest = client.describe_launch_templates(LaunchTemplateIds=[spec["LaunchTemplateId"]])["LaunchTemplates"][0]
    number = latest["LatestVersionNumber"]
    client.modify_launch_template(**spec, DefaultVersion=str(number))
    default = client.describe_launch_template_versions(**spec, Versions=["$Default"])["LaunchTemplateVersions"]
    equal([(v["VersionNumber"], v["DefaultVersion"]) for v in default], [(number, True)], "the default")
    answer = client.delete_launch_template_versions(**spec, Versions=[str(number)])
    equal(answer["SuccessfullyDeletedLaunchTemplateVersions"], [], "the default stays")
    failed = answer["UnsuccessfullyDeletedLaunchTemplateVersions"]
    equal([v["VersionNumber"] for v in failed], [number], "and is named")
    client.modify_launch_template(**spec, DefaultVersion=str(latest["DefaultVersionNumber"]))
    answer = client.delete_launch_template_versions(**spec, Versions=[str(number)])
    equal([v["VersionNumber"] for v in answer["SuccessfullyDeletedLaunchTemplateVersions"]], [number], "deleted")
    pages = list(
        client.get_paginator("describe_launch_template_versions").paginate(
            **spec, PaginationConfig={"PageSize": 1}
        )
    )
    numbers = [v["VersionNumber"] for page in pages for v in page["LaunchTemplateVersions"]]
    holds(number not in numbers and len(numbers) == len(set(numbers)), f"versions left: {numbers}")
    refused(
        "InvalidLaunchTemplateId.NotFound",
        client.describe_launch_template_versions,
        LaunchTemplateId="lt-0123456789abcdef0",
    )


# Systems Manager


def commands_run_and_are_read_back(account):
    instance = online(account)
    client = account.ssm
    sent = client.send_command(
        InstanceIds=[instance],
        DocumentName="AWS-RunPatchBaseline",
        Comment="witness",
        Parameters={"Operation": ["Scan"]},
    )["Command"]
    equal(len(sent["CommandId"]), 36, "the length of its id")
    # At once it may be unknown; botocore's waiter knows that.
    client.get_waiter("command_executed").wait(
        CommandId=sent["CommandId"], InstanceId=instance, PluginName="PatchLinux", WaiterConfig=QUICK
    )
    told = client.list_command_invocations(CommandId=sent["CommandId"], Details=True)["CommandInvocations"]
    equal([(i["InstanceId"], i["Status"], i["Comment"]) for i in told], [(instance, "Success", "witness")], "invocation")
    commands = client.list_commands(CommandId=sent["CommandId"])["Commands"]
    equal([c["Status"] for c in commands], ["Success"], "command")
    since = (datetime.now(timezone.utc) - timedelta(days=36500)).strftime("%Y-%m-%dT%H:%M:%SZ")
    again = client.list_commands(InstanceId=instance, Filters=[{"key": "InvokedAfter", "value": since}])["Commands"]
    holds(sent["CommandId"] in [c["CommandId"] for c in again], "found again by instance and time")
    state = client.describe_instance_patch_states(InstanceIds=[instance])["InstancePatchStates"][0]
    equal(state["Operation"], "Scan", "the patch state's operation")
    pages = client.get_paginator("describe_instance_patches").paginate(
        InstanceId=instance, PaginationConfig={"PageSize": 10}
    )
    states = [p["State"] for page in pages for p in page["Patches"]]
    equal(states.count("Missing"), state["MissingCount"], "missing patches")


def commands_are_refused(account):
    instance = online(account)
    client = account.ssm
    document = {"DocumentName": "AWS-RunPatchBaseline", "Parameters": {"Operation": ["Scan"]}}
    error = refused("InvalidInstanceId", client.send_command, InstanceIds=[instance, NO_INSTANCE], **document)
    holds(isinstance(error, client.exceptions.InvalidInstanceId), "botocore knows its class")
    refused("InvalidDocument", client.send_command, InstanceIds=[instance], DocumentName="No-Such-Document")
    refused(
        "InvalidParameters",
        client.send_command,
        InstanceIds=[instance],
        DocumentName="AWS-RunPatchBaseline",
        Parameters={"Operation": ["Both"]},
    )
    error = refused(
        "InvocationDoesNotExist",
        client.get_command_invocation,
        CommandId="00000000-0000-4000-a000-000000000000",
        InstanceId=instance,
    )
    holds(isinstance(error, client.exceptions.InvocationDoesNotExist), "botocore knows its class")


def nodes_come_in_pages(account):
    online(account)
    pager = account.ssm.get_paginator("describe_instance_information")
    ids = [
        node["InstanceId"]
        for page in pager.paginate(PaginationConfig={"PageSize": 5})
        for node in page["InstanceInformationList"]
    ]
    holds(len(ids) >= 3 and len(ids) == len(set(ids)), f"nodes: {ids}")


def parameters_are_created_once(account):
    client = account.ssm
    names = [f"/witness/records/{letter}" for letter in "abc"]
    for name in names:
        equal(client.put_parameter(Name=name, Value="v1 <ä>", Type="String")["Version"], 1, "its version")
    error = refused(
        "ParameterAlreadyExists", client.put_parameter, Name=names[0], Value="v2", Type="String", Overwrite=False
    )
    holds(isinstance(error, client.exceptions.ParameterAlreadyExists), "botocore knows its class")
    until(lambda: len(client.get_parameters(Names=names)["Parameters"]) == 3, "all three are seen")
    equal(client.get_parameter(Name=names[0])["Parameter"]["Value"], "v1 <ä>", "the first stands")
    equal(client.put_parameter(Name=names[0], Value="v2", Type="String", Overwrite=True)["Version"], 2, "overwritten")
    pages = list(
        client.get_paginator("get_parameters_by_path").paginate(
            Path="/witness/", Recursive=True, PaginationConfig={"PageSize": 2}
        )
    )
    equal([p["Name"] for page in pages for p in page["Parameters"]], names, "by path, by pages")
    answer = client.delete_parameters(Names=[*names, "/witness/none"])
    equal(sorted(answer["DeletedParameters"]), names, "deleted")
    equal(answer["InvalidParameters"], ["/witness/none"], "never was")
    until(lambda: client.get_parameters(Names=names)["InvalidParameters"] == names, "all three are gone")
    refused("ParameterNotFound", client.get_parameter, Name=names[0])
    refused("ValidationException", client.put_parameter, Name="/aws/mine", Value="v", Type="String")


# SNS


def messages_are_published(account):
    client = account.sns
    topic = "arn:aws:sns:eu-west-1:123456789012:patch-reports"
    message = json.dumps({"default": "short", "email": "line 1\nline 2 & <more>", "sqs": "{}"})
    answer = client.publish(TopicArn=topic, Subject="patched", Message=message, MessageStructure="json")
    equal(len(answer["MessageId"]), 36, "the length of its id")
    refused("InvalidParameter", client.publish, TopicArn=topic, Message="{}", MessageStructure="json")
    refused("InvalidParameter", client.publish, TopicArn=topic, Message="m", Subject="x" * 101)
    error = refused("NotFound", client.publish, TopicArn=topic + "-none", Message="m")
    holds(isinstance(error, client.exceptions.NotFoundException), "botocore knows its class")


# And back to sleep


def a_group_goes_to_sleep(account):
    instance = awake(account)
    client = account.autoscaling
    answer = client.terminate_instance_in_auto_scaling_group(
        InstanceId=instance, ShouldDecrementDesiredCapacity=True
    )
    holds(instance in answer["Activity"]["Description"], f"names {instance}")
    until(lambda: not group(account)["Instances"], "no instances")
    equal(sizes(account), (0, 4, 0), "sizes")
    account.ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig=QUICK)
    refused(
        "ValidationError",
        client.terminate_instance_in_auto_scaling_group,
        InstanceId=NO_INSTANCE,
        ShouldDecrementDesiredCapacity=True,
    )


CHECKS = [
    groups_are_found_by_tag,
    groups_are_found_by_name,
    groups_come_in_pages,
    instances_may_be_left_out,
    a_mixed_instances_policy_is_told_in_full,
    sizes_obey_their_bounds,
    processes_are_suspended_and_resumed,
    scheduled_actions_are_listed,
    the_rest_of_a_group_is_told,
    a_group_wakes_and_its_activities_tell,
    activities_come_in_pages,
    an_instance_is_protected,
    instances_are_found_and_filtered,
    resources_are_tagged,
    an_image_is_made_once,
    an_image_is_removed,
    a_template_version_inherits,
    the_default_version_moves,
    commands_run_and_are_read_back,
    commands_are_refused,
    nodes_come_in_pages,
    parameters_are_created_once,
    messages_are_published,
    a_group_goes_to_sleep,
]

if __name__ == "__main__":
    sys.exit(run(Account(sys.argv[1]), CHECKS))
