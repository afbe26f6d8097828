"""AWS accepts the SSM documents: `documents_check.py [SCHEMA]`.

SCHEMA is the file `dist/schema.json` of the npm package aws-ssm-document-language-service, which is the one
published schema of Automation documents. Without it, npm fetches it.
"""

import copy
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import botocore.session
import jsonschema
import yaml

from documents import (
    AUTOMATIONS,
    COMMANDS,
    DOCUMENTS,
    ROOT,
    SYSTEM,
    document,
    equal,
    holds,
    references,
    run,
    text,
)

SCHEMA_PACKAGE = "aws-ssm-document-language-service@1.0.0"
# The published schema is of 2020. Names that came later, and what stands for them there.
YOUNGER_RUNTIMES = {"python3.11": "python3.7"}
YOUNGER_PROPERTIES = ("onCancel",)

# https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-actions.html
NO_WAY_TO_CANCEL_TO = (
    "aws:approve",
    "aws:copyImage",
    "aws:createImage",
    "aws:createStack",
    "aws:createTags",
    "aws:loop",
    "aws:pause",
    "aws:runInstances",
    "aws:sleep",
)
EXECUTE_SCRIPT_LIMIT_SECONDS = 600
DOCUMENT_LIMIT_BYTES = 64 * 1024
# Parameters that no step passes on: the function asks Systems Manager for them, so that nobody else can name them.
READ_BY_THE_FUNCTION = {"AsgPatch-Approve": {"Window", "Opening", "Decision", "Reason"}}
# Calls of the steps and scripts.
CALLED = {"states:StartExecution", "states:DescribeExecution", "states:StopExecution"}

SESSION = botocore.session.get_session()
SSM = SESSION.get_service_model("ssm")


def limit(shape, which):
    return SSM.shape_for(shape).metadata[which]


def the_documents_are_all_there():
    found = {path.stem for path in DOCUMENTS.iterdir()}
    equal(found, {*AUTOMATIONS, *COMMANDS}, "documents")
    for name in found:
        holds(re.fullmatch(limit("DocumentName", "pattern"), name), f"{name} is no document's name")
        size = len(text(name).encode())
        holds(size < DOCUMENT_LIMIT_BYTES, f"{name} has {size} bytes")


def nothing_is_left_to_fill_in():
    # CloudFormation's Fn::Sub would change it, wherever the template puts the text.
    for name in (*AUTOMATIONS, *COMMANDS):
        holds("${" not in text(name), f"{name} has a placeholder")


class Template(yaml.SafeLoader):
    """Reads a template's short forms (!Ref, !Sub, ...) as their bare values."""


def bare(loader, _, node):
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


Template.add_multi_constructor("!", bare)


def the_template_has_what_they_find_by_name():
    path = ROOT / "infra" / "template.yaml"
    resources = yaml.load(path.read_text(encoding="utf-8"), Template)["Resources"].values()

    def properties(kind):
        return [r["Properties"] for r in resources if r["Type"] == kind]

    deployed = {d["Name"]: d["Content"] for d in properties("AWS::SSM::Document")}
    equal(set(deployed), {*AUTOMATIONS, *COMMANDS}, "documents of the template")
    for name in deployed:
        included = deployed[name]["Package::Include"]
        kind = "json" if name in COMMANDS else "yaml"
        equal((path.parent / included).resolve(), DOCUMENTS / f"{name}.{kind}", f"content of {name}")
    for name in AUTOMATIONS:
        content = document(name)
        (machine,) = properties("AWS::StepFunctions::StateMachine")
        (start,) = [s for s in content["mainSteps"] if s["name"] == "Start"]
        found = start["inputs"]["InputPayload"]["StateMachineArn"].rpartition(":")[2]
        equal(found, machine["StateMachineName"], f"{name}: state machine")
        role_name = content["assumeRole"].rpartition("/")[2].replace("{{ global:REGION }}", "${AWS::Region}")
        roles = [r for r in properties("AWS::IAM::Role") if r.get("RoleName") == role_name]
        holds(len(roles) == 1, f"{name}: the template has no role {role_name}")
        allowed = {
            action
            for policy in roles[0]["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in [statement["Action"]] * isinstance(statement["Action"], str) or statement["Action"]
        }
        equal(allowed, CALLED, f"{name}: what its role may do")


def parameters_are_typed_and_described():
    for name in AUTOMATIONS:
        parameters = document(name)["parameters"]
        holds(len(parameters) <= limit("AutomationParameterMap", "max"), f"{name}: too many parameters")
        for key, parameter in parameters.items():
            where = f"{name}: {key}"
            holds(len(key) <= limit("AutomationParameterKey", "max"), f"{where} is too long")
            holds(parameter["description"].strip().endswith("."), f"{where} has no sentence")
            known = {"type", "description", "default", "allowedPattern", "allowedValues", "maxItems"}
            equal(set(parameter) - known, set(), f"{where}: unknown properties")
            check_default(where, parameter)


def check_default(where, parameter):
    default = parameter["default"]
    if parameter["type"] == "StringList":
        equal(default, [], f"{where}: default")
        equal(parameter["maxItems"], limit("AutomationParameterValueList", "max"), f"{where}: maxItems")
        return
    equal(parameter["type"], "String", f"{where}: type")
    equal(type(default), str, f"{where}: type of the default")
    holds(("allowedPattern" in parameter) != ("allowedValues" in parameter), f"{where} is not bounded")
    if "allowedValues" in parameter:
        holds(default in parameter["allowedValues"], f"{where}: its default is not allowed")
    else:
        pattern = parameter["allowedPattern"]
        holds(pattern[0] == "^" and pattern[-1] == "$", f"{where}: the pattern is not anchored")
        holds(re.search(pattern, default), f"{where}: its default is not allowed")
        longest = limit("AutomationParameterValue", "max")
        holds(not re.search(pattern, "x" * (longest + 1)), f"{where}: the pattern has no bound")


def every_parameter_is_used():
    for name in AUTOMATIONS:
        content = document(name)
        used = set(references(content["mainSteps"])) | READ_BY_THE_FUNCTION.get(name, set())
        equal(set(content["parameters"]) - used, set(), f"{name}: unused parameters")
        equal(set(references(content["assumeRole"])) - set(SYSTEM), set(), f"{name}: assumeRole")


def every_reference_is_resolved_by_then():
    for name in AUTOMATIONS:
        content = document(name)
        steps = {step["name"]: step for step in content["mainSteps"]}
        equal(len(steps), len(content["mainSteps"]), f"{name}: steps of different names")
        known = {*content["parameters"], *SYSTEM}
        for step, before in ways(name, steps).items():
            outputs = {f"{b}.{o['Name']}" for b in before for o in steps[b].get("outputs", [])}
            unknown = set(references(steps[step])) - known - outputs
            equal(unknown, set(), f"{name}: {step} refers to outputs that do not exist by then")
        for output in content["outputs"]:
            step, _, value = output.partition(".")
            given = [o["Name"] for o in steps[step].get("outputs", [])]
            holds(value in given, f"{name}: the output {output} does not exist")


def ways(name, steps):
    """Each step, with the steps that have ended before it on every way to it."""
    before = {next(iter(steps)): frozenset()}
    waiting = list(before)
    while waiting:
        here = waiting.pop()
        holds(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{2,127}", here), f"{name}: {here} is no step's name")
        for target, done in targets(name, steps, here):
            holds(target in steps, f"{name}: {here} leads to {target}, which does not exist")
            passed = before[here] | ({here} if done else frozenset())
            merged = passed & before.get(target, passed)
            if before.get(target) != merged:
                before[target] = merged
                waiting.append(target)
    equal(set(steps) - set(before), set(), f"{name}: steps that nothing leads to")
    return before


def targets(name, steps, here):
    """Where a step leads, and whether it has its outputs then."""
    step = steps[here]
    for key in ("onFailure", "onCancel"):
        way = step.get(key, "Abort")
        if way != "Abort":
            target = way.removeprefix("step:")
            holds(way != target, f"{name}: {here}: {key} is {way}")
            if key == "onCancel":
                action = steps[target]["action"]
                holds(action not in NO_WAY_TO_CANCEL_TO, f"{name}: {here} cannot cancel to {action}")
            yield target, False
    if step.get("isEnd"):
        holds("nextStep" not in step, f"{name}: {here} ends and goes on")
    else:
        yield step["nextStep"], True


def calls_are_as_their_services_take_them():
    for name in AUTOMATIONS:
        for step in document(name)["mainSteps"]:
            if step["action"] in ("aws:executeAwsApi", "aws:waitForAwsResourceProperty"):
                check_call(f"{name}: {step['name']}", step)


def a_run_is_waited_for_to_its_end():
    path = ROOT / "infra" / "state-machine.asl.json"
    longest = json.loads(path.read_text(encoding="utf-8"))["TimeoutSeconds"]
    (wait,) = [s for s in document("AsgPatch-Run")["mainSteps"] if s["name"] == "Wait"]
    holds(wait["timeoutSeconds"] > longest, f"a run may take {longest} s")


def check_call(where, step):
    inputs = dict(step["inputs"])
    service = SESSION.get_service_model(inputs.pop("Service"))
    operation = service.operation_model(inputs.pop("Api"))
    if step["action"] == "aws:waitForAwsResourceProperty":
        selector, desired = inputs.pop("PropertySelector"), inputs.pop("DesiredValues")
        states = operation.output_shape.members[selector.removeprefix("$.")].enum
        goes_on = {"RUNNING", "PENDING_REDRIVE"}
        equal(set(desired), set(states) - goes_on, f"{where}: what it waits for")
        holds(step["timeoutSeconds"] >= 3600, f"{where} does not wait for long")
    shape = operation.input_shape
    equal(set(inputs) - set(shape.members), set(), f"{where}: unknown inputs")
    equal(set(shape.required_members) - set(inputs), set(), f"{where}: missing inputs")


def scripts_are_fit_to_be_run():
    seen = {}
    for name in AUTOMATIONS:
        for step in document(name)["mainSteps"]:
            if step["action"] != "aws:executeScript":
                continue
            where, inputs = f"{name}: {step['name']}", step["inputs"]
            equal(inputs["Runtime"], "python3.11", f"{where}: runtime")
            holds(step["timeoutSeconds"] <= EXECUTE_SCRIPT_LIMIT_SECONDS, f"{where} may take too long")
            for mark in ("{{", "}}", "${"):
                holds(mark not in inputs["Script"], f"{where}: {mark} has another meaning there")
            compile(inputs["Script"], where, "exec")
            home = seen.setdefault(step["name"], inputs["Script"])
            equal(inputs["Script"], home, f"{where}: the same script in every document")
    equal(set(seen), {"Start", "Report", "Verdict"}, "scripts")


def command_documents_are_for_their_platform():
    for name in COMMANDS:
        windows = "Windows" in name
        platform, action = ("Windows", "aws:runPowerShellScript") if windows else ("Linux", "aws:runShellScript")
        content = document(name)
        equal(set(content), {"schemaVersion", "description", "mainSteps"}, f"{name}: elements")
        equal(content["schemaVersion"], "2.2", f"{name}: schemaVersion")
        (step,) = content["mainSteps"]
        equal(set(step), {"name", "action", "precondition", "inputs"}, f"{name}: the step")
        equal(step["action"], action, f"{name}: action")
        equal(step["precondition"], {"StringEquals": ["platformType", platform]}, f"{name}: precondition")
        equal(set(step["inputs"]), {"timeoutSeconds", "runCommand"}, f"{name}: inputs")
        equal(list(references(content)), [], f"{name}: what it refers to")


def the_published_schema_takes_them():
    schema = json.loads(schema_text())
    validator = jsonschema.Draft7Validator(schema)
    for name in AUTOMATIONS:
        problems = [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(older(name))]
        equal(problems, [], f"{name}: what the schema says")
    # A check that never fails shows nothing: it must see these.
    for what, break_it in (
        ("no steps", lambda d: d.pop("mainSteps")),
        ("an unknown action", lambda d: d["mainSteps"][0].update(action="aws:executeScripts")),
        ("an unknown property", lambda d: d["mainSteps"][0].update(next="Wait")),
        ("a default of another type", lambda d: d["parameters"]["Reason"].update(default=3)),
        ("an unknown property of a parameter", lambda d: d["parameters"]["Groups"].update(kind="String")),
    ):
        broken = older("AsgPatch-Run")
        break_it(broken)
        holds(list(validator.iter_errors(broken)), f"the schema takes {what}")
    return SCHEMA_PACKAGE


def older(name):
    """The document as the schema of 2020 would have it."""
    content = copy.deepcopy(document(name))
    for step in content["mainSteps"]:
        for key in YOUNGER_PROPERTIES:
            step.pop(key, None)
        runtime = step["inputs"].get("Runtime")
        if runtime:
            step["inputs"]["Runtime"] = YOUNGER_RUNTIMES.get(runtime, runtime)
    return content


def schema_text():
    if len(sys.argv) > 1:
        return Path(sys.argv[1]).read_text(encoding="utf-8")
    npm = shutil.which("npm")
    holds(npm, "the published schema is an npm package: install Node.js with npm, or name the schema's file")
    with tempfile.TemporaryDirectory() as home:
        packed = subprocess.run(
            [npm, "pack", "--silent", SCHEMA_PACKAGE], cwd=home, capture_output=True, text=True, check=False
        )
        equal(packed.returncode, 0, f"npm pack {SCHEMA_PACKAGE}: {packed.stderr}")
        (archive,) = Path(home).glob("*.tgz")
        with tarfile.open(archive) as package:
            return package.extractfile("package/dist/schema.json").read()


if __name__ == "__main__":
    sys.exit(
        run(
            [
                the_documents_are_all_there,
                nothing_is_left_to_fill_in,
                the_template_has_what_they_find_by_name,
                parameters_are_typed_and_described,
                every_parameter_is_used,
                every_reference_is_resolved_by_then,
                calls_are_as_their_services_take_them,
                a_run_is_waited_for_to_its_end,
                scripts_are_fit_to_be_run,
                command_documents_are_for_their_platform,
                the_published_schema_takes_them,
            ]
        )
    )
