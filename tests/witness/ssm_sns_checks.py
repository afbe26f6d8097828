"""Systems Manager and SNS through boto3."""

import json
from datetime import datetime, timedelta, timezone

from fleet import NO_INSTANCE, QUICK, TOPIC, online
from witness import equal, holds, refused, until


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
    answer = client.list_command_invocations(CommandId=sent["CommandId"], Details=True)["CommandInvocations"]
    equal([(i["InstanceId"], i["Status"], i["Comment"]) for i in answer], [(instance, "Success", "witness")], "invocation")
    equal([c["DocumentVersion"] for c in (sent, *answer)], ["", ""], "no version was asked for")
    plugins = {p["Name"]: p for p in answer[0]["CommandPlugins"]}
    ran = plugins["PatchLinux"]
    equal((ran["Status"], ran["ResponseCode"]), ("Success", 0), "the step for this platform")
    holds("Operation type: Scan" in ran["Output"], f"its output: {ran['Output']}")
    holds("skipped" in plugins["PatchWindows"]["Output"], "the other step was skipped")
    brief = client.list_command_invocations(CommandId=sent["CommandId"])["CommandInvocations"]
    equal(brief[0]["CommandPlugins"], [], "without details")
    commands = client.list_commands(CommandId=sent["CommandId"])["Commands"]
    equal([c["Status"] for c in commands], ["Success"], "command")
    since = (datetime.now(timezone.utc) - timedelta(days=36500)).strftime("%Y-%m-%dT%H:%M:%SZ")
    again = client.list_commands(InstanceId=instance, Filters=[{"key": "InvokedAfter", "value": since}])["Commands"]
    holds(sent["CommandId"] in [c["CommandId"] for c in again], "found again by instance and time")
    state = client.describe_instance_patch_states(InstanceIds=[instance])["InstancePatchStates"][0]
    equal(state["Operation"], "Scan", "the patch state's operation")
    equal(state["RebootOption"], "RebootIfNeeded", "the default of the document")
    equal(len(state["SnapshotId"]), 36, "a snapshot of the patches, though none was asked for")
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
    refused("InvalidDocument", client.describe_document, Name="No-Such-Document")
    described = client.describe_document(Name="AWS-RunPatchBaseline")["Document"]
    required = [p["Name"] for p in described["Parameters"] if "DefaultValue" not in p]
    equal((described["DocumentType"], described["Status"], required), ("Command", "Active", ["Operation"]), "the document")
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
    node = account.ssm.describe_instance_information()["InstanceInformationList"][0]
    holds(node["IPAddress"].startswith("10."), f"its address: {node['IPAddress']}")
    equal(node["AssociationStatus"], "Success", "its associations")


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


def parameters_are_described_and_tagged(account):
    client = account.ssm
    about = {"ResourceType": "Parameter", "ResourceId": "/witness/tagged"}
    client.put_parameter(
        Name="/witness/tagged",
        Value="v",
        Type="String",
        Description="a <b>",
        Tags=[{"Key": "run", "Value": "1"}],
    )
    client.add_tags_to_resource(**about, Tags=[{"Key": "more", "Value": "2"}])
    client.remove_tags_from_resource(**about, TagKeys=["run"])
    equal(client.list_tags_for_resource(**about)["TagList"], [{"Key": "more", "Value": "2"}], "tags left")
    filters = [{"Key": "Name", "Option": "BeginsWith", "Values": ["/witness/tag"]}]
    pages = client.get_paginator("describe_parameters").paginate(ParameterFilters=filters)
    found = [(p["Name"], p["Description"]) for page in pages for p in page["Parameters"]]
    equal(found, [("/witness/tagged", "a <b>")], "described")
    client.delete_parameter(Name="/witness/tagged")
    error = refused("ParameterNotFound", client.delete_parameter, Name="/witness/tagged")
    holds(isinstance(error, client.exceptions.ParameterNotFound), "botocore knows its class")


def a_command_is_cancelled(account):
    instance = online(account)
    client = account.ssm
    sent = client.send_command(
        InstanceIds=[instance],
        DocumentName="AWS-RunPatchBaseline",
        TimeoutSeconds=600,
        Parameters={"Operation": ["Install"], "RebootOption": ["NoReboot"]},
    )["Command"]["CommandId"]
    client.cancel_command(CommandId=sent)

    def ended():
        answer = client.list_command_invocations(CommandId=sent)["CommandInvocations"]
        return [i["Status"] for i in answer if i["Status"] not in ("Pending", "InProgress", "Delayed", "Cancelling")]

    equal(until(ended, "it ends"), ["Cancelled"], "its status")


def topics_are_made_and_deleted(account):
    client = account.sns
    topic = client.create_topic(Name="made")["TopicArn"]
    equal(client.create_topic(Name="made")["TopicArn"], topic, "once")
    topics = [t["TopicArn"] for p in client.get_paginator("list_topics").paginate() for t in p["Topics"]]
    equal(sorted(topics), sorted([TOPIC, topic]), "topics")
    client.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com", ReturnSubscriptionArn=True)
    answer = client.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    equal([(s["Protocol"], s["Endpoint"]) for s in answer], [("email", "ops@example.com")], "subscriptions")
    equal(client.get_topic_attributes(TopicArn=topic)["Attributes"]["TopicArn"], topic, "attributes")
    client.delete_topic(TopicArn=topic)
    refused("NotFound", client.get_topic_attributes, TopicArn=topic)


def messages_are_published(account):
    client = account.sns
    message = json.dumps({"default": "short", "email": "line 1\nline 2 & <more>", "sqs": "{}"})
    answer = client.publish(TopicArn=TOPIC, Subject="patched", Message=message, MessageStructure="json")
    equal(len(answer["MessageId"]), 36, "the length of its id")
    refused("InvalidParameter", client.publish, TopicArn=TOPIC, Message="{}", MessageStructure="json")
    refused("InvalidParameter", client.publish, TopicArn=TOPIC, Message="m", Subject="x" * 101)
    error = refused("NotFound", client.publish, TopicArn=TOPIC + "-none", Message="m")
    holds(isinstance(error, client.exceptions.NotFoundException), "botocore knows its class")


def runbooks_run_and_are_stopped(account):
    client = account.ssm
    token = "0a1b2c3d-0000-4000-8000-00000000000a"
    mark = {"Key": "witness", "Value": "one"}
    started = client.start_automation_execution(
        DocumentName="Acme-Hangs", Parameters={"Group": ["web"]}, ClientToken=token, Tags=[mark]
    )["AutomationExecutionId"]
    equal(len(started), 36, "the length of its id")
    again = client.start_automation_execution(DocumentName="Acme-Hangs", Parameters={"Group": ["web"]}, ClientToken=token)
    equal(again["AutomationExecutionId"], started, "the same token and parameters")
    by_tag = {"Filters": [{"Key": "TagKey", "Values": ["witness"]}]}
    listed = until(lambda: client.describe_automation_executions(**by_tag)["AutomationExecutionMetadataList"], "it is listed")
    equal([(e["AutomationExecutionId"], e["AutomationExecutionStatus"]) for e in listed], [(started, "InProgress")], "by its tag")
    client.stop_automation_execution(AutomationExecutionId=started)

    def ended():
        execution = client.get_automation_execution(AutomationExecutionId=started)["AutomationExecution"]
        return execution if "ExecutionEndTime" in execution else None

    execution = until(ended, "it ends")
    equal((execution["AutomationExecutionStatus"], execution["Parameters"]), ("Cancelled", {"Group": ["web"]}), "its end")
    refused("InvalidAutomationStatusUpdateException", client.stop_automation_execution, AutomationExecutionId=started)
    document = client.get_document(Name="Acme-Hangs", DocumentFormat="JSON")
    equal((document["DocumentType"], document["DocumentVersion"]), ("Automation", "1"), "its document")
