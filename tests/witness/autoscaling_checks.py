"""Auto Scaling through boto3."""

import json
import re
from datetime import datetime, timezone

from fleet import NO_INSTANCE, OPTED_IN, QUICK, TAGGED, UNTAGGED, awake, group, names, capacity
from witness import equal, holds, refused, until


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
    equal(sorted(found), sorted(TAGGED + UNTAGGED), "all pages together")
    refused("ValidationError", account.autoscaling.describe_auto_scaling_groups, MaxRecords=101)
    refused("InvalidNextToken", account.autoscaling.describe_auto_scaling_groups, NextToken="no such page")


def instances_may_be_left_out(account):
    client = account.autoscaling
    holds(len(group(account, "api-running")["Instances"]) == 2, "two are running")
    answer = client.describe_auto_scaling_groups(AutoScalingGroupNames=["api-running"], IncludeInstances=False)
    equal(answer["AutoScalingGroups"][0].get("Instances", []), [], "left out")


def a_mixed_instances_policy_is_shown_in_full(account):
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


def capacity_obeys_its_bounds(account):
    client = account.autoscaling
    change = {"AutoScalingGroupName": "batch-a"}
    error = refused("ValidationError", client.update_auto_scaling_group, **change, DesiredCapacity=1)
    holds("max size" in str(error).lower(), f"says which bound: {error}")
    refused("ValidationError", client.update_auto_scaling_group, **change, MinSize=3, MaxSize=2)
    refused("ValidationError", client.set_desired_capacity, **change, DesiredCapacity=1)
    equal(capacity(account, "batch-a"), (0, 0, 0), "nothing changed")
    client.update_auto_scaling_group(**change, MinSize=1, MaxSize=2)
    equal(capacity(account, "batch-a"), (1, 2, 1), "pulled up to the minimum")
    client.update_auto_scaling_group(**change, MinSize=0, MaxSize=0)
    equal(capacity(account, "batch-a"), (0, 0, 0), "pulled down to the maximum")


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


def every_group_has_what_aws_shows_of_every_group(account):
    found = group(account, "batch-a")
    equal(found["AvailabilityZoneDistribution"], {"CapacityDistributionStrategy": "balanced-best-effort"}, "zones")
    equal(found["CapacityReservationSpecification"], {"CapacityReservationPreference": "default"}, "reservations")
    for unset in ("CapacityRebalance", "DesiredCapacityType", "Operator"):
        holds(unset not in found, f"{unset} was never set: {found.get(unset)}")
    account.autoscaling.suspend_processes(AutoScalingGroupName="batch-a", ScalingProcesses=["HealthCheck"])
    reason = group(account, "batch-a")["SuspendedProcesses"][0]["SuspensionReason"]
    seconds = r"User suspended at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    holds(re.fullmatch(seconds, reason), f"the reason: {reason}")
    account.autoscaling.resume_processes(AutoScalingGroupName="batch-a", ScalingProcesses=["HealthCheck"])


def a_group_may_name_no_version(account):
    client = account.autoscaling
    about = {"AutoScalingGroupName": "unversioned"}
    spec = {"LaunchTemplateId": group(account, "batch-a")["LaunchTemplate"]["LaunchTemplateId"]}
    client.create_auto_scaling_group(
        **about, LaunchTemplate=spec, MinSize=0, MaxSize=1, AvailabilityZones=["eu-west-1a"]
    )
    until(lambda: client.describe_auto_scaling_groups(AutoScalingGroupNames=["unversioned"])["AutoScalingGroups"], "seen")
    holds("Version" not in group(account, "unversioned")["LaunchTemplate"], "made without one")
    client.update_auto_scaling_group(**about, LaunchTemplate={**spec, "Version": "1"}, CapacityRebalance=True)
    equal(group(account, "unversioned")["LaunchTemplate"]["Version"], "1", "it names one")
    client.update_auto_scaling_group(**about, LaunchTemplate=spec)
    found = group(account, "unversioned")
    holds("Version" not in found["LaunchTemplate"], "written without one")
    equal(found["CapacityRebalance"], True, "set, and so shown")
    error = refused("ValidationError", client.update_auto_scaling_group, **about, LaunchTemplate={**spec, "Version": "9"})
    text = f"Could not find the specified version 9 for the launch template with ID {spec['LaunchTemplateId']}."
    holds(text in str(error), f"says what is missing: {error}")
    client.delete_auto_scaling_group(**about)


def overrides_may_ask_for_attributes(account):
    client = account.autoscaling
    about = {"AutoScalingGroupName": "attributes"}
    spec = {"LaunchTemplateId": group(account, "batch-a")["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"}
    needs = {"VCpuCount": {"Min": 2, "Max": 4}, "MemoryMiB": {"Min": 2048}, "CpuManufacturers": ["intel", "amd"]}
    overrides = [{"InstanceRequirements": needs}]
    policy = {"LaunchTemplate": {"LaunchTemplateSpecification": spec, "Overrides": overrides}}
    request = {**about, "MixedInstancesPolicy": policy, "MinSize": 0, "MaxSize": 8, "AvailabilityZones": ["eu-west-1a"]}
    refused("ValidationError", client.create_auto_scaling_group, **request, DesiredCapacityType="cores")
    client.create_auto_scaling_group(**request, DesiredCapacityType="vcpu")
    until(lambda: client.describe_auto_scaling_groups(AutoScalingGroupNames=["attributes"])["AutoScalingGroups"], "seen")
    found = group(account, "attributes")
    equal(found["DesiredCapacityType"], "vcpu", "what the capacity counts")
    equal(found["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"], overrides, "the overrides")
    both = [{"InstanceRequirements": needs, "InstanceType": "t3.small"}]
    policy["LaunchTemplate"]["Overrides"] = both
    refused("ValidationError", client.update_auto_scaling_group, **about, MixedInstancesPolicy=policy)
    client.delete_auto_scaling_group(**about)


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


def the_rest_of_a_group_is_shown(account):
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
    answer = client.describe_auto_scaling_instances(InstanceIds=[instance, NO_INSTANCE])["AutoScalingInstances"]
    equal([(i["InstanceId"], i["AutoScalingGroupName"]) for i in answer], [(instance, "web-asleep")], "its group")


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


def an_instance_steps_aside_and_comes_back(account):
    instance = awake(account)
    client = account.autoscaling
    group_and_instance = {"AutoScalingGroupName": "web-asleep", "InstanceIds": [instance]}

    def state():
        return [i["LifecycleState"] for i in group(account)["Instances"] if i["InstanceId"] == instance]

    answer = client.enter_standby(**group_and_instance, ShouldDecrementDesiredCapacity=True)
    equal(answer["Activities"][0]["Description"], f"Moving EC2 instance to Standby: {instance}", "the way in")
    until(lambda: state() == ["Standby"], "Standby")
    equal(capacity(account), (0, 4, 0), "capacity beside it")
    refused("ValidationError", client.enter_standby, **group_and_instance, ShouldDecrementDesiredCapacity=True)
    answer = client.exit_standby(**group_and_instance)
    equal(answer["Activities"][0]["Description"], f"Moving EC2 instance out of Standby: {instance}", "the way out")
    until(lambda: state() == ["InService"], "InService")
    equal(capacity(account), (0, 4, 1), "capacity with it")


def a_group_is_made_and_deleted(account):
    client = account.autoscaling
    name = "made \"here\" <&> 'now' ä"
    template = group(account, "batch-a")["LaunchTemplate"]["LaunchTemplateId"]
    request = {
        "AutoScalingGroupName": name,
        "LaunchTemplate": {"LaunchTemplateId": template, "Version": "$Latest"},
        "MinSize": 0,
        "MaxSize": 1,
        "AvailabilityZones": ["eu-west-1a"],
        "Tags": [{"Key": "team", "Value": "<made>", "PropagateAtLaunch": False}],
    }
    client.create_auto_scaling_group(**request)
    until(lambda: client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"], "it is seen")
    error = refused("AlreadyExists", client.create_auto_scaling_group, **request)
    holds(isinstance(error, client.exceptions.AlreadyExistsFault), "botocore knows its class")
    tag = {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": "wave", "Value": "2"}
    client.create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": True}])
    filters = [{"Name": "auto-scaling-group", "Values": [name]}]
    found = {t["Key"]: t["Value"] for t in client.describe_tags(Filters=filters)["Tags"]}
    equal(found, {"team": "<made>", "wave": "2"}, "tags")
    client.delete_tags(Tags=[tag])
    equal([t["Key"] for t in client.describe_tags(Filters=filters)["Tags"]], ["team"], "tags left")
    client.delete_auto_scaling_group(AutoScalingGroupName=name)
    until(
        lambda: not client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"],
        "it is gone",
    )


def schedules_and_hooks_are_put(account):
    client = account.autoscaling
    about = {"AutoScalingGroupName": "batch-a"}
    once = datetime(2026, 12, 24, 18, tzinfo=timezone.utc)
    client.put_scheduled_update_group_action(
        **about, ScheduledActionName="once", StartTime=once, MaxSize=1, DesiredCapacity=1
    )
    found = client.describe_scheduled_actions(**about)["ScheduledUpdateGroupActions"]
    equal([(a["ScheduledActionName"], a["StartTime"]) for a in found], [("once", once)], "the action")
    past = datetime(2020, 1, 1, tzinfo=timezone.utc)
    action = {**about, "ScheduledActionName": "bad", "MaxSize": 1}
    refused("ValidationError", client.put_scheduled_update_group_action, **action, StartTime=past)
    refused("ValidationError", client.put_scheduled_update_group_action, **action, Recurrence="0 25 * * *")
    client.delete_scheduled_action(**about, ScheduledActionName="once")
    equal(client.describe_scheduled_actions(**about)["ScheduledUpdateGroupActions"], [], "no actions left")
    client.put_lifecycle_hook(
        **about,
        LifecycleHookName="drain",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=60,
        DefaultResult="CONTINUE",
    )
    hooks = client.describe_lifecycle_hooks(**about)["LifecycleHooks"]
    equal([(h["LifecycleHookName"], h["HeartbeatTimeout"]) for h in hooks], [("drain", 60)], "the hook")


def a_refresh_keeps_others_out(account):
    client = account.autoscaling
    about = {"AutoScalingGroupName": "api-running"}
    spec = {"LaunchTemplateId": group(account, "api-running")["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"}
    started = client.start_instance_refresh(
        **about, DesiredConfiguration={"LaunchTemplate": spec}, Preferences={"MinHealthyPercentage": 50}
    )
    answer = client.describe_instance_refreshes(**about)["InstanceRefreshes"]
    equal([r["InstanceRefreshId"] for r in answer], [started["InstanceRefreshId"]], "the refresh")
    holds(answer[0]["StatusReason"], "it says why it is under way")
    preferences = answer[0]["Preferences"]
    equal(preferences["MinHealthyPercentage"], 50, "the preference asked for")
    equal(preferences["StandbyInstances"], "Wait", "a default")
    error = refused("InstanceRefreshInProgress", client.start_instance_refresh, **about)
    holds(isinstance(error, client.exceptions.InstanceRefreshInProgressFault), "botocore knows its class")
    holds(str(error).endswith("blocks the execution of this Instance Refresh."), f"its text: {error}")
    refused("ValidationError", client.update_auto_scaling_group, **about, LaunchTemplate=spec)


def pools_targets_and_limits_are_shown(account):
    client = account.autoscaling
    pool = client.describe_warm_pool(AutoScalingGroupName="warm")
    equal(pool["WarmPoolConfiguration"]["PoolState"], "Stopped", "the warm pool's state")
    targets = client.describe_load_balancer_target_groups(AutoScalingGroupName="warm")
    equal(len(targets["LoadBalancerTargetGroups"]), 1, "target groups")
    limits = client.describe_account_limits()
    holds(limits["MaxNumberOfAutoScalingGroups"] >= limits["NumberOfAutoScalingGroups"] >= 8, f"limits: {limits}")


def a_group_goes_to_sleep(account):
    instance = awake(account)
    client = account.autoscaling
    answer = client.terminate_instance_in_auto_scaling_group(
        InstanceId=instance, ShouldDecrementDesiredCapacity=True
    )
    holds(instance in answer["Activity"]["Description"], f"names {instance}")
    until(lambda: not group(account)["Instances"], "no instances")
    equal(capacity(account), (0, 4, 0), "capacity")
    account.ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig=QUICK)
    refused(
        "ValidationError",
        client.terminate_instance_in_auto_scaling_group,
        InstanceId=NO_INSTANCE,
        ShouldDecrementDesiredCapacity=True,
    )
