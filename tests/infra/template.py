"""Reading the template: YAML with CloudFormation's short forms, and the values of its intrinsic functions.

Only what the template uses is implemented; anything else is an error, not a guess.
"""

import json
import re
from pathlib import Path

import yaml

# Of a made-up account.
PSEUDO = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackId": "arn:aws:cloudformation:eu-west-1:111122223333:stack/asg-patch/0a1b2c3d-1111-2222-3333-444455556666",
    "AWS::StackName": "asg-patch",
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = object()
# Of the parameter that has no default.
GIVEN = {"ArtifactBucket": "uploads"}


class _Loader(yaml.SafeLoader):
    pass


def _short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load(path):
    """The template as plain data, short forms spelled out."""
    return yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)


class Values:
    """The template's values for given parameters, as CloudFormation would work them out."""

    def __init__(self, template, parameters=None, region=PSEUDO["AWS::Region"]):
        self.template = template
        self.pseudo = PSEUDO | {"AWS::Region": region}
        given = dict(parameters or {})
        self.parameters = {}
        for name, declared in template["Parameters"].items():
            value = given.pop(name, declared.get("Default", GIVEN.get(name)))
            if value is None:
                raise ValueError(f"parameter {name} has no default: give it a value")
            if declared["Type"] == "CommaDelimitedList" and isinstance(value, str):
                value = value.split(",")
            self.parameters[name] = value
        if given:
            raise ValueError(f"the template has no parameters {sorted(given)}")

    def resource(self, name):
        """A resource's properties."""
        return self.of(self.template["Resources"][name]["Properties"])

    def exists(self, name):
        """Whether the resource's condition holds."""
        condition = self.template["Resources"][name].get("Condition")
        return condition is None or self.condition(condition)

    def condition(self, name):
        """Whether a condition of the template holds."""
        return self._truth(self.template["Conditions"][name])

    def broken_rules(self):
        """The sentences of the template's rules that do not hold."""
        for rule in self.template["Rules"].values():
            for assertion in rule["Assertions"]:
                if not self._truth(assertion["Assert"]):
                    yield assertion["AssertDescription"]

    def of(self, node):
        """A node's value."""
        if isinstance(node, list):
            return [v for v in map(self.of, node) if v is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(name, argument)] = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        values = {key: self.of(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not NO_VALUE}

    def _function(self, name, argument):
        if name == "Ref":
            return self._ref(argument)
        if name == "Fn::GetAtt":
            return self._attribute(*argument)
        if name == "Fn::If":
            condition, yes, no = argument
            return self.of(yes if self.condition(condition) else no)
        if name == "Fn::Join":
            separator, parts = argument
            return separator.join(self.of(parts))
        if name == "Fn::Sub" and isinstance(argument, str):
            return re.sub(r"\$\{([^!}][^}]*)\}", lambda m: self._named(m[1]), argument)
        if name == "Fn::Sub":
            text, named = argument
            named = {key: str(self.of(value)) for key, value in named.items()}
            return re.sub(r"\$\{([^!}][^}]*)\}", lambda m: named.get(m[1]) or self._named(m[1]), text)
        if name == "Fn::Select":
            index, values = argument
            return self.of(values)[int(index)]
        if name == "Fn::Split":
            separator, text = argument
            return self.of(text).split(separator)
        raise NotImplementedError(f"{name}: {argument}")

    def _named(self, text):
        resource, dot, attribute = text.partition(".")
        return str(self._attribute(resource, attribute) if dot else self._ref(text))

    def _truth(self, node):
        [(name, argument)] = node.items()
        if name == "Condition":
            return self.condition(argument)
        if name == "Fn::Not":
            return not self._truth(argument[0])
        if name == "Fn::And":
            return all(map(self._truth, argument))
        if name == "Fn::Or":
            return any(map(self._truth, argument))
        if name == "Fn::Contains":
            values, value = map(self.of, argument)
            return str(value) in values
        if name == "Fn::Equals":
            left, right = map(self.of, argument)
            return str(left) == str(right)
        raise NotImplementedError(f"{name} in a condition")

    def _ref(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        kind = self.template["Resources"][name]["Type"]
        if kind in ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"):
            return self._attribute(name, "Arn")
        return name

    def _attribute(self, name, attribute):
        kind = self.template["Resources"][name]["Type"]
        if attribute != "Arn":
            return f"{name}.{attribute}"
        region, account = PSEUDO["AWS::Region"], PSEUDO["AWS::AccountId"]
        arns = {
            "AWS::IAM::Role": f"iam::{account}:role/{name}",
            "AWS::KMS::Key": f"kms:{region}:{account}:key/{name}",
            "AWS::Lambda::Function": f"lambda:{region}:{account}:function:{name}",
            "AWS::Logs::LogGroup": f"logs:{region}:{account}:log-group:{name}:*",
            "AWS::S3::Bucket": f"s3:::{name}",
            "AWS::SNS::Topic": f"sns:{region}:{account}:{name}",
            "AWS::SQS::Queue": f"sqs:{region}:{account}:{name}",
            "AWS::StepFunctions::StateMachine": f"states:{region}:{account}:stateMachine:AsgPatch",
        }
        return f"arn:{PSEUDO['AWS::Partition']}:{arns[kind]}"


def managed(values, role):
    """The statements of the stack's own policies that are attached to a role, by resource."""
    arns = values.resource(role).get("ManagedPolicyArns", [])
    of_stack = {values.of({"Ref": name}): name for name, r in values.template["Resources"].items() if r["Type"] == "AWS::IAM::ManagedPolicy"}
    return {of_stack[arn]: values.resource(of_stack[arn])["PolicyDocument"] for arn in arns}


def policies(values, role):
    """The statements of a role's policies, by policy."""
    found = managed(values, role)
    for policy in values.resource(role)["Policies"]:
        document = policy["PolicyDocument"]
        if isinstance(document, str):
            document = json.loads(document)
        found[policy["PolicyName"]] = document
    return found
