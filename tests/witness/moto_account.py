"""Sets up an account in moto, and does in it what our adapter cannot:
`moto_account.py ENDPOINT seed COUNT | messages | image INSTANCE NAME`. Prints one JSON document.
"""

import json
import sys

import boto3

def client(service):
    return boto3.client(service, endpoint_url=sys.argv[1])


def seed(count):
    ec2, autoscaling = client("ec2"), client("autoscaling")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    template = ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    for index in range(int(count)):
        group(autoscaling, f"group-{index:03}", template, "$Default", 0, {"ep:asg:patch": "true"})
    group(autoscaling, "running", template, "1", 1, {"ep:asg:patch": "true", "ep:asg:patch:wave": "2"})
    group(autoscaling, "refused", template, "1", 0, {"ep:asg:patch": "false"})
    group(autoscaling, "untagged", template, "1", 0, {"team": "ep:asg:patch"})
    sns, sqs = client("sns"), client("sqs")
    topic = sns.create_topic(Name="patch-reports")["TopicArn"]
    queue = sqs.create_queue(QueueName="patch-reports")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    running = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["running"])
    instance = running["AutoScalingGroups"][0]["Instances"][0]["InstanceId"]
    return {"image": image, "template": template, "topic": topic, "instance": instance, "tagged": int(count) + 1}


def group(autoscaling, name, template, version, size, tags):
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateId": template, "Version": version},
        MinSize=size,
        MaxSize=4,
        DesiredCapacity=size,
        AvailabilityZones=["eu-west-1a"],
        Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()],
    )


def messages():
    sqs = client("sqs")
    queue = sqs.get_queue_url(QueueName="patch-reports")["QueueUrl"]
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def image(instance, name):
    tags = [{"Key": "asg-patch:run", "Value": "run-1"}]
    made = client("ec2").create_image(
        InstanceId=instance, Name=name, TagSpecifications=[{"ResourceType": "image", "Tags": tags}]
    )
    return made["ImageId"]


COMMANDS = {"seed": seed, "messages": messages, "image": image}
print(json.dumps(COMMANDS[sys.argv[2]](*sys.argv[3:])))
