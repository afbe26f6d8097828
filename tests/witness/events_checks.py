"""EventBridge's event buses, and parameters that hold an image, through boto3."""

import json

from witness import equal, holds, refused


def events_are_put_and_refused(account):
    client = account.events
    arn = client.create_event_bus(Name="patching")["EventBusArn"]
    holds(arn.endswith(":event-bus/patching"), arn)
    refused("ResourceAlreadyExistsException", client.create_event_bus, Name="patching")
    equal(client.describe_event_bus(Name=arn)["Name"], "patching", "a bus by its ARN")
    equal(client.describe_event_bus()["Name"], "default", "the one that every account has")
    error = refused("ResourceNotFoundException", client.describe_event_bus, Name="other")
    holds(isinstance(error, client.exceptions.ResourceNotFoundException), "botocore knows its class")
    entry = {"Source": "asg-patch", "DetailType": "patching.begun", "Detail": json.dumps({"id": "msg_1"}), "EventBusName": arn}
    entries = [entry, {**entry, "Detail": "no JSON"}, {**entry, "Source": "aws.ec2"}, {**entry, "EventBusName": "other"}]
    answer = client.put_events(Entries=entries)
    equal(answer["FailedEntryCount"], 2, "refused entries of a call that succeeds")
    codes = [e.get("ErrorCode") for e in answer["Entries"]]
    # For a bus that there is not AWS answers an id.
    equal(codes, [None, "MalformedDetail", "NotAuthorizedForSourceException", None], "their codes")
    holds(all("EventId" in answer["Entries"][n] for n in (0, 3)), "ids of the others")
    refused("ValidationException", client.put_events, Entries=[{**entry, "Detail": json.dumps({"x": "y" * 270_000})}])


def a_parameter_holds_an_image(account):
    client, image = account.ssm, account.ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]
    parameter = {"Name": "/asg-patch/images/web", "Type": "String", "DataType": "aws:ec2:image", "Overwrite": True}
    client.put_parameter(**parameter, Value=image)
    # AWS looks for the image after its answer: one that there is not leaves the parameter as it was.
    client.put_parameter(**parameter, Value="ami-0000000000000dead")
    found = client.get_parameter(Name=parameter["Name"])["Parameter"]
    equal((found["Value"], found["DataType"]), (image, "aws:ec2:image"), "the image that there is")
    refused("ValidationException", client.put_parameter, **parameter, Value="golden")
    client.delete_parameter(Name=parameter["Name"])
