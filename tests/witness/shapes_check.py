"""The judge judged: what shapes.py must find in answers that are wrong in one place each."""

import boto3

from shapes import problems_of


def operation(service, name):
    client = boto3.client(service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    return client.meta.service_model.operation_model(name)


GROUP = (
    '<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">'
    "<DescribeAutoScalingGroupsResult><AutoScalingGroups><member>"
    "<AutoScalingGroupName>web</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>1</MaxSize>"
    "<DesiredCapacity>0</DesiredCapacity><DefaultCooldown>300</DefaultCooldown>"
    "<AvailabilityZones><member>eu-west-1a</member></AvailabilityZones>"
    "<HealthCheckType>EC2</HealthCheckType><CreatedTime>2026-01-01T00:00:00.000Z</CreatedTime>"
    "</member></AutoScalingGroups></DescribeAutoScalingGroupsResult>"
    "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DescribeAutoScalingGroupsResponse>"
)
IMAGES = (
    '<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
    "<imagesSet><item><imageId>ami-1</imageId><imageState>available</imageState>"
    "<isPublic>false</isPublic></item></imagesSet></DescribeImagesResponse>"
)
ERROR = (
    '<ErrorResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><Error><Type>Sender</Type>'
    "<Code>ValidationError</Code><Message>m</Message></Error><RequestId>r</RequestId></ErrorResponse>"
)
STATES = '{"InstancePatchStates": [{"InstanceId": "i-0123456789abcdef0"}]}'

# (service, operation, status, answer, what to replace, by what, the expected complaint or None)
ROWS = [
    ("autoscaling", "DescribeAutoScalingGroups", 200, GROUP, "", "", None),
    ("autoscaling", "DescribeAutoScalingGroups", 200, GROUP, "MinSize", "minSize", "unknown element minSize"),
    ("autoscaling", "DescribeAutoScalingGroups", 200, GROUP, "<MinSize>0</MinSize>", "", "requires MinSize"),
    ("autoscaling", "DescribeAutoScalingGroups", 200, GROUP, ">300<", ">5 min<", "not an integer"),
    ("autoscaling", "DescribeAutoScalingGroups", 200, GROUP, "01T00:00:00.000Z", "01", "not a time"),
    ("autoscaling", "DescribeAutoScalingGroups", 200, GROUP, "member>", "item>", "unknown list element item"),
    ("autoscaling", "DescribeAutoScalingGroups", 200, GROUP, "Groups>", "Group>", "unknown element AutoScalingGroup"),
    ("autoscaling", "DescribeAutoScalingGroups", 200, GROUP, "2011-01-01/", "2001-01-01/", "lacks the version"),
    ("autoscaling", "DescribeAutoScalingGroups", 400, "<Response><Error/></Response>", "", "", "no namespace"),
    ("autoscaling", "DescribeAutoScalingGroups", 400, ERROR, "", "", None),
    ("autoscaling", "DescribeAutoScalingGroups", 400, ERROR, "Code>", "code>", "no Code"),
    ("ec2", "DescribeImages", 200, IMAGES, "", "", None),
    ("ec2", "DescribeImages", 200, IMAGES, "imagesSet", "imageSet", "unknown element imageSet"),
    ("ec2", "DescribeImages", 200, IMAGES, "imageId", "ImageId", "unknown element ImageId"),
    ("ec2", "DescribeImages", 200, IMAGES, "available", "ready", "'ready' is none of"),
    ("ec2", "DescribeImages", 200, IMAGES, "false", "no", "not a boolean"),
    ("ec2", "DescribeImages", 200, IMAGES, "<requestId>r</requestId>", "", "no requestId"),
    ("ssm", "DescribeInstancePatchStates", 200, STATES, "", "", "requires BaselineId"),
    ("ssm", "DescribeInstancePatchStates", 200, STATES, "InstanceId", "instanceId", "unknown member instanceId"),
    ("ssm", "DescribeInstancePatchStates", 200, '{"InstancePatchStates": {}}', "", "", "not a list"),
    ("ssm", "DescribeInstancePatchStates", 400, "{}", "", "", "without __type"),
]

for service, name, status, answer, old, new, complaint in ROWS:
    body = answer.replace(old, new) if old else answer
    problems = problems_of(operation(service, name), status, body.encode())
    if complaint is None:
        assert problems == [], problems
    else:
        assert any(complaint in problem for problem in problems), (complaint, problems)
    print(f"ok: {service} {name}: {complaint or 'nothing to complain of'}")
