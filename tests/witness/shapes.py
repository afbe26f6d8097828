"""Compares answers, as they came over the wire, with botocore's model of them.

botocore drops elements that it does not know without a word, so that a misspelt one looks like a
missing one. Here every element must be known, every value must be of its type, and whatever the
model requires must be there.
"""

import json
import re
import xml.etree.ElementTree as ElementTree
from datetime import datetime

TRUTH = ("true", "false")


class Recorder:
    """Hooks into a botocore session and collects what does not fit."""

    def __init__(self):
        self.problems = []
        self.operations = set()

    def attach(self, event_emitter):
        event_emitter.register("before-parse", self._before_parse)

    def _before_parse(self, operation_model, response_dict, **_):
        service = operation_model.service_model.service_name
        operation = f"{service}:{operation_model.name}"
        self.operations.add(operation)
        status = response_dict["status_code"]
        for problem in problems_of(operation_model, status, response_dict["body"]):
            self.problems.append(f"{operation} ({status}): {problem}")


def problems_of(operation_model, status, body):
    """What in an answer does not fit its operation's model."""
    protocol = operation_model.service_model.protocol
    try:
        if protocol in ("json", "rest-json"):
            return _json_answer(operation_model, status, body)
        root = ElementTree.fromstring(body)
    except (ValueError, ElementTree.ParseError) as error:
        return [f"neither XML nor JSON ({error}): {body[:200]!r}"]
    if status >= 300:
        return _xml_error(protocol, root)
    if protocol == "ec2":
        return _ec2_answer(operation_model, root)
    return _query_answer(operation_model, root)


def _json_answer(operation_model, status, body):
    value = json.loads(body)
    if status >= 300:
        # Where operations are paths, the code is in a header, and botocore has read it if a check sees it.
        field = "__type" if operation_model.service_model.protocol == "json" else "Message"
        known = isinstance(value, dict) and isinstance(value.get(field), str)
        return [] if known else [f"an error without {field}: {body[:200]!r}"]
    shape = operation_model.output_shape
    if shape is None:
        return [] if value in ({}, None) else [f"unexpected content {value!r}"]
    return list(_json(shape, value, operation_model.name))


def _ec2_answer(operation_model, root):
    problems = _root(operation_model, root)
    children = [child for child in root if _tag(child) not in ("requestId", "RequestId")]
    if len(children) == len(root):
        problems.append("no requestId")
    if operation_model.output_shape is None:
        # AWS answers `<return>true</return>`, which the model leaves out.
        return problems + _nothing(child for child in children if _tag(child) != "return")
    return problems + list(
        _structure(operation_model.output_shape, children, operation_model.name, "item")
    )


def _query_answer(operation_model, root):
    problems = _root(operation_model, root)
    children = {_tag(child): child for child in root}
    metadata = children.pop("ResponseMetadata", None)
    if metadata is None or metadata.find("{*}RequestId") is None:
        problems.append("no ResponseMetadata with a RequestId")
    shape = operation_model.output_shape
    if shape is None:
        # An empty result element is harmless: clients look for none.
        return problems + [p for c in children.values() for p in _nothing(list(c))]
    wrapper = shape.serialization.get("resultWrapper")
    result = children.pop(wrapper, None)
    problems += _nothing(children.values())
    if result is None:
        return problems + [f"no {wrapper}"]
    return problems + list(_structure(shape, list(result), operation_model.name, "member"))


def _xml_error(protocol, root):
    path, request_id = {
        "ec2": ("{*}Errors/{*}Error", "RequestID"),
        "query": ("{*}Error", "RequestId"),
    }[protocol]
    error = root.find(path)
    # EC2's errors have no namespace, those of the query protocol have one.
    if protocol == "query" and not root.tag.startswith("{http://"):
        return ["the error has no namespace"] + ([] if error is not None else [f"no {path} in it"])
    if error is None:
        return [f"no {path} in the error {_tag(root)}"]
    return [
        f"the error has no {name}"
        for place, name in ((error, "Code"), (error, "Message"), (root, request_id))
        if place.find("{*}" + name) is None
    ]


def _root(operation_model, root):
    expected = f"{operation_model.name}Response"
    problems = [] if _tag(root) == expected else [f"root {_tag(root)}, expected {expected}"]
    namespace = root.tag.rpartition("}")[0].lstrip("{")
    version = operation_model.service_model.api_version
    if version not in namespace:
        problems.append(f"namespace {namespace!r} lacks the version {version}")
    return problems


def _nothing(children):
    return [f"unexpected element {_tag(child)}" for child in children]


def _tag(element):
    return element.tag.rpartition("}")[2]


def _structure(shape, children, path, item):
    names = {
        member.serialization.get("name", name): (name, member)
        for name, member in shape.members.items()
    }
    seen = set()
    for child in children:
        tag = _tag(child)
        if tag not in names:
            yield f"{path}: unknown element {tag}"
            continue
        name, member = names[tag]
        if name in seen:
            yield f"{path}.{name}: more than once"
        seen.add(name)
        yield from _element(member, child, f"{path}.{name}", item)
    yield from _required(shape, seen, path)


def _element(shape, element, path, item):
    children = list(element)
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(shape, children, path, item)
    elif kind == "list":
        name = shape.member.serialization.get("name", item)
        yield from _most(shape, len(children), path)
        for index, child in enumerate(children):
            if _tag(child) != name:
                yield f"{path}: unknown list element {_tag(child)}, expected {name}"
            yield from _element(shape.member, child, f"{path}[{index}]", item)
    elif kind == "map":
        for entry in children:
            if sorted(map(_tag, entry)) != ["key", "value"]:
                yield f"{path}: {_tag(entry)} is not a key and a value"
    elif children:
        yield f"{path}: a {kind} with elements in it: {[_tag(c) for c in children]}"
    else:
        yield from _text(shape, element.text or "", path)


def _text(shape, text, path):
    kind = shape.type_name
    if kind in ("integer", "long"):
        if not re.fullmatch(r"-?\d+", text):
            yield f"{path}: {text!r} is not an integer"
    elif kind in ("float", "double"):
        if not re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", text):
            yield f"{path}: {text!r} is not a number"
    elif kind == "boolean":
        if text not in TRUTH:
            yield f"{path}: {text!r} is not a boolean"
    elif kind == "timestamp":
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
            yield f"{path}: {text!r} is not a time"
    elif kind == "string":
        yield from _string(shape, text, path)


def _json(shape, value, path):
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        for name, member in value.items():
            if name not in shape.members:
                yield f"{path}: unknown member {name}"
            else:
                yield from _json(shape.members[name], member, f"{path}.{name}")
        yield from _required(shape, value, path)
    elif kind == "list" and isinstance(value, list):
        yield from _most(shape, len(value), path)
        for index, member in enumerate(value):
            yield from _json(shape.member, member, f"{path}[{index}]")
    elif kind == "map" and isinstance(value, dict):
        for key, member in value.items():
            yield from _string(shape.key, key, f"{path} key")
            yield from _json(shape.value, member, f"{path}[{key!r}]")
    elif kind == "string" and isinstance(value, str):
        yield from _string(shape, value, path)
    elif kind in ("structure", "list", "map", "string"):
        yield f"{path}: {value!r} is not a {kind}"
    elif not isinstance(value, _JSON_TYPES[kind]) or (
        kind != "boolean" and isinstance(value, bool)
    ):
        yield f"{path}: {value!r} is not a {kind}"
    elif kind == "timestamp":
        datetime.fromtimestamp(value)


_JSON_TYPES = {
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "boolean": bool,
    "blob": str,
}


def _required(shape, seen, path):
    for name in shape.required_members:
        if name not in seen:
            yield f"{path}: the model requires {name}"


# The model says MISSING, the service says Missing (see the samples in AWS's CLI reference).
SPELT_OTHERWISE = {"PatchComplianceDataState"}


def _string(shape, text, path):
    if shape.enum and text not in shape.enum:
        spelt = [value.replace("_", "").lower() for value in shape.enum]
        if shape.name not in SPELT_OTHERWISE or text.lower() not in spelt:
            yield f"{path}: {text!r} is none of {shape.enum}"
    least = shape.metadata.get("min")
    if least is not None and 0 < len(text) < least:
        yield f"{path}: length {len(text)}, the model allows {least} or more"
    yield from _most(shape, len(text), path)


def _most(shape, length, path):
    # No minimum here: AWS answers with empty texts and lists whose shapes, shared with requests, want more.
    most = shape.metadata.get("max")
    if most is not None and length > most:
        yield f"{path}: length {length}, the model allows {most} or less"
