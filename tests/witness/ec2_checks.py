"""EC2 through boto3."""

from botocore.exceptions import WaiterError

from fleet import NO_INSTANCE, QUICK, awake, template
from witness import answered, equal, holds, refused, until


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


def an_instance_has_its_network_and_its_token(account):
    by_id = account.ec2.describe_instances(InstanceIds=[awake(account)])
    found = by_id["Reservations"][0]["Instances"][0]
    for field, start in (("SubnetId", "subnet-"), ("VpcId", "vpc-")):
        holds(found[field].startswith(start), f"{field}: {found[field]}")
    equal(len(found["ClientToken"]), 36, "Auto Scaling's token is a UUID")
    equal((found["EnaSupport"], found["SourceDestCheck"]), (True, True), "its network card")
    equal([g["GroupName"] for g in found["SecurityGroups"]], ["default"], "its security groups")


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
    answer = client.describe_snapshots(SnapshotIds=snapshots)["Snapshots"]
    equal({s["State"] for s in answer}, {"completed"}, "its snapshots")
    equal({t["Value"] for s in answer for t in s["Tags"]}, {"w1"}, "their tags")


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
    missing = refused(
        "InvalidLaunchTemplateId.VersionNotFound", client.describe_launch_template_versions, **spec, Versions=["99"]
    )
    text = f"Could not find the specified version 99 for the launch template with ID {spec['LaunchTemplateId']}."
    holds(text in str(missing), f"its text: {missing}")
    # What was just made may be unknown for a while.
    wanted = until(
        lambda: answered(
            "InvalidLaunchTemplateId.VersionNotFound",
            client.describe_launch_template_versions,
            **spec,
            Versions=[str(made["VersionNumber"])],
        ),
        "the version is seen",
    )
    equal(wanted["LaunchTemplateVersions"][0]["VersionDescription"], "witness", "read back")
    number, default = made["VersionNumber"], next(
        v["VersionNumber"] for v in before["LaunchTemplateVersions"] if v["DefaultVersion"]
    )
    asked = [str(number), "$Latest", "$Default", str(number)]
    answer = client.describe_launch_template_versions(**spec, Versions=asked)["LaunchTemplateVersions"]
    found = [v["VersionNumber"] for v in answer]
    equal(found, [number, number, default, number], "each as often as asked for, in that order")


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


def a_template_is_made_and_deleted(account):
    client = account.ec2
    request = {
        "LaunchTemplateName": "made",
        "LaunchTemplateData": {
            "ImageId": "ami-0feedfeedfeedfeed",
            "InstanceType": "t3.small",
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "part", "Value": "a<b"}]}],
        },
    }
    made = client.create_launch_template(**request)["LaunchTemplate"]
    refused("InvalidLaunchTemplateName.AlreadyExistsException", client.create_launch_template, **request)
    pages = client.get_paginator("describe_launch_templates").paginate(PaginationConfig={"PageSize": 1})
    until(lambda: "made" in [t["LaunchTemplateName"] for p in pages for t in p["LaunchTemplates"]], "it is listed")
    gone = client.delete_launch_template(LaunchTemplateId=made["LaunchTemplateId"])["LaunchTemplate"]
    equal(gone["LaunchTemplateName"], "made", "deleted")


def an_instance_lives_outside_of_groups(account):
    client = account.ec2
    spec = {"LaunchTemplateId": template(account), "Version": "1"}
    request = {"LaunchTemplate": spec, "MinCount": 1, "MaxCount": 1, "ClientToken": "witness-run"}
    refused("DryRunOperation", client.run_instances, **request, DryRun=True)
    made = client.run_instances(**request)["Instances"][0]
    equal(made["State"]["Name"], "pending", "its first state")
    equal(client.run_instances(**request)["Instances"][0]["InstanceId"], made["InstanceId"], "once per token")
    one = {"InstanceIds": [made["InstanceId"]]}
    wait = {**one, "WaiterConfig": QUICK}
    client.get_waiter("instance_running").wait(**wait)
    client.reboot_instances(**one)
    client.create_tags(Resources=one["InstanceIds"], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    client.delete_tags(Resources=one["InstanceIds"], Tags=[{"Key": "a"}])
    filters = [{"Name": "resource-id", "Values": one["InstanceIds"]}]
    until(lambda: "b" in [t["Key"] for t in client.describe_tags(Filters=filters)["Tags"]], "its tag")
    stopping = client.stop_instances(**one)["StoppingInstances"][0]
    equal(stopping["PreviousState"]["Name"], "running", "the state before")
    client.get_waiter("instance_stopped").wait(**wait)
    client.start_instances(**one)
    client.get_waiter("instance_running").wait(**wait)
    ending = client.terminate_instances(**one)["TerminatingInstances"][0]
    equal(ending["CurrentState"]["Name"], "shutting-down", "the state now")
    client.get_waiter("instance_terminated").wait(**wait)
