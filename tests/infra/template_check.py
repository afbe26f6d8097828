"""The template as others see it: cfn-lint finds nothing, checkov finds nothing that is not explained.

    python template_check.py

Besides: the defaults are those that the documents promise, the roles' policies keep to IAM's limit, the rules refuse
what they should, and a package (infra/package.sh) has all that deploying needs, with the files in its template. It is
that template that the others look at.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import hcl2
from package import ARCHITECTURES, package, sources
from template import Values, load, managed, policies

INFRA = Path(__file__).parents[2] / "infra"
TEMPLATE = INFRA / "template.yaml"
# W1033 splits the empty default of SecurityGroupIds, which the condition HasNetwork leaves out.
# E3601 knows no OutputPath of Succeed states, which the language has; asl-validator looks at the definition.
LINT_IGNORES = ["W1033", "E3601"]
# What a new stack must be given.
REQUIRED = {"ArtifactBucket"}
INCLUDE = "Package::Include"
# What a package may be, by AWS's limit for templates in S3.
TEMPLATE_LIMIT_BYTES = 1_000_000
DEFAULTS = {
    "AsgTagKey": "ep:asg:patch",
    "AsgTagValue": "true",
    "TemplatesTagged": "true",
    "Trigger": "Schedule",
    "ScheduleExpression": "cron(0 4 ? * WED#2 *)",
    "ScheduleTimezone": "UTC",
    "FlexibleWindowMinutes": 0,
    "WindowDurationHours": 3,
    "WindowCutoffHours": 1,
    "Operation": "Install",
    "MaxInFlight": 25,
    "MaxFailures": "20%",
    "AtDeadline": "roll-back",
    "KeepFailedDays": 0,
    "PublishImages": "false",
    "SettingsFileRequired": "false",
    "MaxImageAgeDays": 90,
    "PruneSchedule": "cron(0 4 1 * ? *)",
    "PruneApply": "false",
    "PruneKeep": 2,
    "PruneOlderThanDays": 30,
    "PruneGraceDays": 7,
    "ReportRetentionDays": 400,
    "Architecture": "arm64",
    "ReservedConcurrency": 0,
}
# A role's inline policies together, without white space (IAM quotas).
INLINE_LIMIT_CHARACTERS = 10_240
MANAGED_LIMIT_CHARACTERS = 6_144
# An explanation is a sentence.
SHORTEST_COMMENT_CHARACTERS = 30


def tool(name, *arguments):
    """Runs a tool of this Python's environment."""
    binary = Path(sys.executable).with_name(name)
    return subprocess.run([binary, *arguments], capture_output=True, text=True, check=False)


def lint(path):
    found = tool("cfn-lint", "--format", "parseable", "--ignore-checks", *LINT_IGNORES, "--", str(path))
    if found.returncode != 0:
        yield f"cfn-lint: {found.stdout}{found.stderr}"


def window_imports(template):
    """A window's stack imports only what the stack exports."""
    exports = {str(o["Export"]["Name"]) for o in template["Outputs"].values() if "Export" in o}
    text = (INFRA / "window.yaml").read_text(encoding="utf-8")
    for name in re.findall(r"'Fn::ImportValue': !Sub '\$\{StackName\}(-[A-Za-z]+)'", text):
        if not any(name in export for export in exports):
            yield f"window.yaml imports {name}, and the stack exports {sorted(exports)}"


def window_defaults():
    """A window begins with what the stack begins with."""
    others = {"DurationHours": "WindowDurationHours", "CutoffHours": "WindowCutoffHours"}
    for name, parameter in load(INFRA / "window.yaml")["Parameters"].items():
        expected, found = DEFAULTS.get(others.get(name, name)), parameter.get("Default")
        if None not in (expected, found) and expected != found:
            yield f"window.yaml: {name}: expected the stack's default {expected!r}, found {found!r}"


def scan(path, template):
    """checkov: no failures, and what is skipped is what the template skips, each with a reason."""
    found = tool("checkov", "--file", str(path), "--framework", "cloudformation", "--skip-download", "--output", "json")
    if not found.stdout.strip():
        yield f"checkov said nothing: {found.stderr}"
        return
    report = json.loads(found.stdout)["results"]
    for failed in report["failed_checks"] + report["parsing_errors"]:
        yield f"checkov: {failed if isinstance(failed, str) else (failed['check_id'], failed['check_name'], failed['resource'])}"
    if not report["passed_checks"]:
        yield "checkov checked nothing"
    declared = set()
    for name, resource in template["Resources"].items():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            declared.add((skip["id"], f"{resource['Type']}.{name}"))
            if len(skip.get("comment", "")) < SHORTEST_COMMENT_CHARACTERS:
                yield f"{name}: {skip['id']} is skipped without a reason"
    skipped = {(c["check_id"], c["resource"]) for c in report["skipped_checks"]}
    yield from (f"skipped, but checkov has nothing against it: {s}" for s in sorted(declared - skipped))
    yield from (f"skipped without a word in the template: {s}" for s in sorted(skipped - declared))


def defaults(template):
    for name, expected in DEFAULTS.items():
        found = template["Parameters"].get(name, {}).get("Default")
        if found != expected:
            yield f"{name}: expected the default {expected!r}, found {found!r}"
    for name, parameter in template["Parameters"].items():
        if ("Default" in parameter) == (name in REQUIRED) or "Description" not in parameter:
            yield f"{name}: expected a description, and a default unless it is one of {REQUIRED}"
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [p for g in groups for p in g["Parameters"]]
    if sorted(grouped) != sorted(template["Parameters"]):
        yield f"the console's groups and the parameters differ: {sorted(set(grouped) ^ set(template['Parameters']))}"


def sizes(template):
    everything = {
        "InstanceRoleArns": "arn:aws:iam::111122223333:role/web",
        "PatchDocumentArns": "arn:aws:ssm:eu-west-1:111122223333:document/x",
        "RunbookArns": "arn:aws:ssm:eu-west-1:111122223333:document/x,arn:aws:ssm:eu-west-1:111122223333:document/y",
        "RunbookRoleArns": "arn:aws:iam::111122223333:role/x",
        "TargetGroupArns": "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/x/0123456789abcdef",
        "ClassicLoadBalancerArns": "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/x",
        "SubnetIds": "subnet-1",
        "SecurityGroupIds": "sg-1",
        "SecretKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef",
        "PublishImages": "true",
        "EventBusArns": "arn:aws:events:eu-west-1:111122223333:event-bus/patching",
        "VolumeKeyArns": "arn:aws:kms:eu-west-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef",
    }
    for parameters in ({}, everything):
        values = Values(template, parameters)
        for name, resource in template["Resources"].items():
            if resource["Type"] != "AWS::IAM::Role" or "Policies" not in resource["Properties"]:
                continue
            attached = managed(values, name)
            for policy, document in attached.items():
                size = len(json.dumps(document, separators=(",", ":")))
                if size > MANAGED_LIMIT_CHARACTERS:
                    yield f"{policy}: it has {size} characters, IAM allows {MANAGED_LIMIT_CHARACTERS}"
            documents = [d for p, d in policies(values, name).items() if p not in attached]
            size = sum(len(json.dumps(d, separators=(",", ":"))) for d in documents)
            if size > INLINE_LIMIT_CHARACTERS:
                yield f"{name}: its policies have {size} characters, IAM allows {INLINE_LIMIT_CHARACTERS}"


def rules(template):
    """The cross-checks of parameters: what breaks which."""
    both, cutoff, late, region = "SlackWorkspaceId and", "WindowCutoffHours must", "FlexibleWindowMinutes must", "not supported"
    rows = [
        ({}, None),
        ({"SlackWorkspaceId": "T1", "SlackChannelId": "C1"}, None),
        ({"SlackWorkspaceId": "T1"}, both),
        ({"SlackChannelId": "C1"}, both),
        ({"WindowDurationHours": "13", "FlexibleWindowMinutes": "720"}, None),
        ({"WindowDurationHours": "1", "WindowCutoffHours": "0", "FlexibleWindowMinutes": "45"}, None),
        ({"WindowDurationHours": "1", "WindowCutoffHours": "0", "FlexibleWindowMinutes": "60"}, late),
        ({"WindowDurationHours": "12", "FlexibleWindowMinutes": "720"}, late),
    ]
    network = {"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"}
    rows += [(network, None), *(({name: value}, "SubnetIds and") for name, value in network.items())]
    for duration in range(1, 25):
        for hours in range(24):
            given = {"WindowDurationHours": str(duration), "WindowCutoffHours": str(hours)}
            rows.append((given, None if hours < duration else cutoff))
    for minutes in template["Parameters"]["FlexibleWindowMinutes"]["AllowedValues"]:
        for duration in range(1, 25):
            given = {"WindowDurationHours": str(duration), "WindowCutoffHours": "0", "FlexibleWindowMinutes": str(minutes)}
            rows.append((given, None if minutes < duration * 60 else late))
    cases = [(Values(template, given), given, expected) for given, expected in rows]
    cases += [(Values(template, region=name), name, region) for name in ("cn-north-1", "us-gov-west-1")]
    for values, given, expected in cases:
        found = list(values.broken_rules())
        if [expected in text for text in found if expected] != ([True] if expected else []) or bool(found) != bool(expected):
            yield f"{given}: expected '{expected}', found {found}"


def optional(template):
    """What organisations may demand: absent by default, everywhere if given."""
    boundary, key = "arn:aws:iam::111122223333:policy/limits", "arn:aws:kms:eu-west-1:111122223333:key/logs"
    network = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    rows = [
        ("AWS::IAM::Role", "PermissionsBoundary", {"PermissionsBoundaryArn": boundary}, boundary, None),
        ("AWS::IAM::Role", "Path", {"RolePath": "/asg-patch/"}, "/asg-patch/", "/"),
        ("AWS::Logs::LogGroup", "KmsKeyId", {"LogKeyArn": key}, key, None),
        ("AWS::Lambda::Function", "VpcConfig", {k: ",".join(v) for k, v in network.items()}, network, None),
    ]
    for kind, name, given, with_it, without in rows:
        for parameters, expected in (({}, without), (given, with_it)):
            values = Values(template, parameters)
            for resource in (n for n, r in template["Resources"].items() if r["Type"] == kind):
                found = values.resource(resource).get(name)
                if found != expected:
                    yield f"{resource}, {parameters}: expected {name} {expected}, found {found}"


def environment(template):
    """The function knows what its role demands of templates, and what it may write."""
    for tagged in ("true", "false"):
        variables = Values(template, {"TemplatesTagged": tagged}).resource("Function")["Environment"]["Variables"]
        found = variables.get("ASG_PATCH_TEMPLATES_TAGGED")
        if found != tagged:
            yield f"TemplatesTagged={tagged}: the function reads {found}"
    for required in ("true", "false"):
        variables = Values(template, {"SettingsFileRequired": required}).resource("Function")["Environment"]["Variables"]
        found = variables.get("ASG_PATCH_FILE_REQUIRED")
        if found != required:
            yield f"SettingsFileRequired={required}: the function reads {found}"
    for publish in ("true", "false"):
        variables = Values(template, {"PublishImages": publish}).resource("Function")["Environment"]["Variables"]
        found = variables.get("ASG_PATCH_PUBLISH_IMAGES")
        if found != publish:
            yield f"PublishImages={publish}: the function reads {found}"


def alarms(template):
    """Each alarm says when it begins and ends, on all topics, and has its page and its place on the dashboard."""
    values = Values(template, {"SlackWorkspaceId": "T1", "SlackChannelId": "C1"})
    page = (INFRA.parent / "runbooks/alarms.md").read_text(encoding="utf-8")
    topics = [values.of({"Ref": name}) for name in ("ReportTopic", "ChatTopic")]
    found = {n: values.resource(n) for n, r in template["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    for name, alarm in found.items():
        for actions in ("AlarmActions", "OKActions"):
            if alarm.get(actions) != topics:
                yield f"{name}: expected {actions} {topics}, found {alarm.get(actions)}"
        if name not in page:
            yield f"runbooks/alarms.md: expected {name}"
        if f"${{{name}.Arn}}" not in template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]:
            yield f"the dashboard does not show {name}"
    metrics = {alarm["MetricName"]: alarm["TreatMissingData"] for alarm in found.values()}
    # Sweeps send these, no more often than every 15 minutes; GroupsLeftOpen only when it is 0 again.
    for metric in ("GroupsLeftOpen", "WindowMissed"):
        if metrics.get(metric) != "ignore":
            yield f"{metric}: expected to keep its state without data, found {metrics.get(metric)}"
    for metric in ("MessagesUnsent", "ReportsUnstored", "ApproximateNumberOfMessagesVisible"):
        if metric not in metrics:
            yield f"expected an alarm for {metric}"


def freeze(template):
    """A stack that is not enabled starts nothing by itself, and sweeps."""
    for enabled, state in (("true", "ENABLED"), ("false", "DISABLED")):
        by_schedule = Values(template, {"Enabled": enabled})
        by_window = Values(template, {"Enabled": enabled, "Trigger": "MaintenanceWindow"})
        found = by_schedule.resource("Schedule").get("State"), by_window.exists("Window"), by_window.exists("WindowRule")
        if found != (state, enabled == "true", enabled == "true"):
            yield f"Enabled={enabled}: found {found}"
        if any(not v.exists("Sweep") or "State" in v.resource("Sweep") for v in (by_schedule, by_window)):
            yield f"Enabled={enabled}: expected sweeps"


def prunes(template):
    """A schedule that plans, unless a parameter says otherwise; and a function that keeps what the parameters say."""
    for apply in ("false", "true"):
        values = Values(template, {"PruneApply": apply})
        given = json.loads(values.resource("Prune")["Target"]["Input"])
        expected = {"mode": "prune", "apply": apply == "true", "trigger": "schedule"}
        if {k: given.get(k) for k in expected} != expected:
            yield f"PruneApply={apply}: found {given}"
    if Values(template, {"PruneSchedule": ""}).exists("Prune"):
        yield "PruneSchedule='': expected no schedule"
    if Values(template, {"Enabled": "false"}).resource("Prune")["State"] != "DISABLED":
        yield "Enabled=false: expected no prunes"
    kept = {"PruneKeep": "5", "PruneOlderThanDays": "60", "PruneGraceDays": "14"}
    variables = Values(template, kept).resource("Function")["Environment"]["Variables"]
    names = ("ASG_PATCH_PRUNE_KEEP", "ASG_PATCH_PRUNE_OLDER_THAN_DAYS", "ASG_PATCH_PRUNE_GRACE_DAYS")
    if [variables[name] for name in names] != list(kept.values()):
        yield f"{kept}: the function reads {[variables[name] for name in names]}"


def reports(template):
    """A private bucket that outlives the stack, and that function and state machine both know."""
    values = Values(template, {"ReportRetentionDays": "30"})
    bucket, found = values.resource("ReportBucket"), template["Resources"]["ReportBucket"]
    if found.get("DeletionPolicy") != "RetainExceptOnCreate" or found.get("UpdateReplacePolicy") != "Retain":
        yield f"ReportBucket: expected to be kept, found {found.get('DeletionPolicy')}"
    if not all(bucket["PublicAccessBlockConfiguration"].values()) or len(bucket["PublicAccessBlockConfiguration"]) != 4:
        yield f"ReportBucket: is not private: {bucket['PublicAccessBlockConfiguration']}"
    [days] = [r["ExpirationInDays"] for r in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in r]
    if days != "30":
        yield f"ReportRetentionDays=30: reports are kept {days} days"
    names = {
        values.resource("Function")["Environment"]["Variables"]["ASG_PATCH_REPORT_BUCKET"],
        values.resource("StateMachine")["DefinitionSubstitutions"]["ReportBucket"],
    }
    if names != {"ReportBucket"}:
        yield f"the bucket of reports: found {names}"


def chat(template):
    """An account has one configuration for a channel: a stack in another region has only the topic."""
    ids = {"SlackWorkspaceId": "T1", "SlackChannelId": "C1"}
    resources = ("ChatTopic", "ChatChannel", "ChatRole")
    for given, expected in (
        ({}, (False, False, False)),
        (ids, (True, True, True)),
        (ids | {"CreateChatChannel": "false"}, (True, False, False)),
    ):
        values = Values(template, given)
        found = tuple(map(values.exists, resources))
        if found != expected:
            yield f"{given}: expected {dict(zip(resources, expected))}, found {found}"
        if values.condition(template["Outputs"]["ChatTopicArn"]["Condition"]) != expected[0]:
            yield f"{given}: the output ChatTopicArn and its topic differ"
    other = "arn:aws:sns:eu-central-1:111122223333:chat"
    topics = Values(template, ids | {"OtherChatTopicArns": other}).resource("ChatChannel")["SnsTopicArns"]
    if topics != ["arn:aws:sns:eu-west-1:111122223333:ChatTopic", other]:
        yield f"OtherChatTopicArns: found {topics}"


def included(source, made, where):
    """A package's template is the source, with the files in the place of their names."""
    if isinstance(source, dict) and INCLUDE in source:
        path = INFRA / source[INCLUDE]
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            # A definition is text, a command document is not.
            same = made.strip() == text.strip() if isinstance(made, str) else made == json.loads(text)
            if not same:
                yield f"{where}: is not {path.name}"
            return
        document = load(path)
        if not document.get("schemaVersion"):
            yield f"{path.name}: expected a document with a schemaVersion"
        if "assumeRole" in document:
            document["assumeRole"] = {"Fn::GetAtt": ["AutomationRole", "Arn"]}
        if made != document:
            yield f"{where}: is not {path.name}"
        # Nothing fills in ${...}.
        if "${" in text:
            line = next(number for number, l in enumerate(text.splitlines(), 1) if "${" in l)
            yield f"{path.name}:{line}: nothing fills in ${{...}}; name what it means with {{{{ global:... }}}}"
    elif isinstance(source, dict) and isinstance(made, dict) and source.keys() == made.keys():
        for key, value in source.items():
            yield from included(value, made[key], f"{where}.{key}")
    elif source != made:
        yield f"{where}: the package differs from the source"


def package_is_complete(source, directory):
    """No macro, no local path, all that deploying needs; and the same again from the same files."""
    with tempfile.TemporaryDirectory() as place:
        program = Path(place) / "bootstrap"
        program.write_bytes(b"a program")
        tree = sources(Path(place), program)
        made = package(tree, directory)
        again = package(tree, Path(place) / "again")
        names = {p.name for p in made.iterdir()} - {"sbom.cdx.json"}
        zips = {f"function-{name}.zip" for name in ARCHITECTURES}
        if names != {"LICENSE", "SHA256SUMS", "VERSION", "delete.sh", "deploy.sh", "template.yaml", "window.yaml"} | zips:
            yield f"the package has {sorted(names)}"
        sums = (made / "SHA256SUMS").read_text(encoding="utf-8")
        if {line.split("/", 1)[1] for line in sums.splitlines()} != {p.name for p in made.iterdir()} - {"SHA256SUMS"}:
            yield f"SHA256SUMS does not name each file of the package: {sums}"
        if (again / "SHA256SUMS").read_text(encoding="utf-8") != sums:
            yield "the same files make another package"
        one = package(tree, Path(place) / "one", "x86_64")
        if [p.name for p in one.glob("*.zip")] != ["function-x86_64.zip"]:
            yield "--architecture x86_64 makes another function than that"
    path = made / "template.yaml"
    made_of = json.dumps(load(path))
    yield from (f"the package's template has {word}" for word in (INCLUDE, "Transform") if word in made_of)
    if path.stat().st_size > TEMPLATE_LIMIT_BYTES:
        yield f"the package's template has {path.stat().st_size} bytes"
    yield from included(source, load(path), "template")


def for_organisations(template):
    """The stack set and the Terraform module give the template what it knows, and the tools find nothing."""
    path = INFRA / "stackset/stackset.yaml"
    yield from lint(path)
    stack_set = load(path)["Resources"]["StackSet"]["Properties"]
    given = {p["ParameterKey"] for p in stack_set["Parameters"]}
    # Service-managed stack sets take no macros.
    if stack_set["Capabilities"] != ["CAPABILITY_NAMED_IAM"]:
        yield f"{path.name}: expected no other capabilities, found {stack_set['Capabilities']}"
    module = INFRA / "terraform"
    blocks = {}
    for file in sorted(module.glob("*.tf")):
        with file.open(encoding="utf-8") as text:
            for kind, found in hcl2.load(text).items():
                blocks.setdefault(kind, []).extend(found)
    stack = next(b["aws_cloudformation_stack"]["asg_patch"] for b in blocks["resource"] if "aws_cloudformation_stack" in b)
    text = json.dumps(stack)
    given |= set(re.findall(r"\b(Architecture|Artifact\w+)\b", text))
    declared = {name for block in blocks["variable"] for name in block}
    used = set(re.findall(r"\bvar\.(\w+)", json.dumps([blocks["resource"], blocks["locals"]])))
    if declared != used:
        yield f"terraform: declares {sorted(declared)}, uses {sorted(used)}"
    if unknown := given - template["Parameters"].keys():
        yield f"the template has no parameters {sorted(unknown)}"
    if missing := REQUIRED - given:
        yield f"the template needs {sorted(missing)}"
    found = tool("checkov", "--directory", str(module), "--framework", "terraform", "--skip-download", "--compact", "--quiet")
    if found.returncode != 0:
        yield f"checkov: {found.stdout}{found.stderr}"


def main():
    source = load(TEMPLATE)
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "package"
        problems = list(package_is_complete(source, made))
        path = made / "template.yaml"
        template = load(path)
        checks = (
            lint(path),
            lint(INFRA / "window.yaml"),
            window_imports(template),
            window_defaults(),
            scan(path, template),
            defaults(template),
            sizes(template),
            rules(template),
            optional(template),
            chat(template),
            environment(template),
            alarms(template),
            freeze(template),
            prunes(template),
            reports(template),
            for_organisations(template),
        )
        problems += [problem for check in checks for problem in check]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(template['Resources'])} resources, {len(template['Parameters'])} parameters")


if __name__ == "__main__":
    main()
