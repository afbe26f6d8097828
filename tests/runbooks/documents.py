"""Helpers of the checks of the SSM documents."""

import re
import traceback
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ROOT / "runbooks" / "documents"
AUTOMATIONS = ("AsgPatch-Run", "AsgPatch-Plan", "AsgPatch-Restore", "AsgPatch-Approve")
COMMANDS = (
    "AsgPatch-ReadyLinux-1",
    "AsgPatch-ReadyWindows-1",
    "AsgPatch-ResetWindows-1",
    "AsgPatch-SealLinux-1",
    "AsgPatch-SealWindows-1",
)

# Values that AWS fills in.
SYSTEM = {
    "automation:EXECUTION_ID": "6b1f0c0e-5a43-4d1c-9f0e-1f2e3d4c5b6a",
    "global:ACCOUNT_ID": "111122223333",
    "global:AWS_PARTITION": "aws",
    "global:REGION": "eu-west-1",
}
REFERENCE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


class Strict(yaml.SafeLoader):
    """Refuses a duplicate key: the last one would win silently."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"the key {key!r} is a duplicate{node.start_mark}")
        return super().construct_mapping(node, deep)


def text(name):
    """The document's text as it is in the repository."""
    kind = "json" if name in COMMANDS else "yaml"
    return (DOCUMENTS / f"{name}.{kind}").read_text(encoding="utf-8")


def document(name):
    """The document, read."""
    return yaml.load(text(name), Strict)


def strings(value):
    """All strings in the value, without keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def references(value):
    """Names between double braces."""
    for found in strings(value):
        yield from REFERENCE.findall(found)


def equal(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def run(checks):
    """Runs all checks, a line for each; returns the exit code."""
    failed = 0
    for check in checks:
        name = check.__name__.replace("_", " ")
        try:
            said = check()
        except Exception:  # a check that breaks has failed
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}")
        else:
            print(f"ok {name}" + (f" ({said})" if said else ""))
    return 1 if failed else 0
