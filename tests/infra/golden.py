"""Golden texts: what differs from run to run is given a name, the rest must be as it was.

With UPDATE_EXPECT=1 in the environment the texts are written instead of compared.
"""

import difflib
import json
import os
import re
from pathlib import Path

HERE = Path(__file__).parent
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
NAMES = [
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)?", "<time>"),
    (r"(?<=restored by )(\d\d? \w{3} )?\d\d:\d\d", "<hour>"),
    (r"\b(sched|window|exec|hand)-\d{8}T\d{6}Z-[0-9a-f]{8}\b", r"\1-<id>"),
    (r"\basg-patch-reportbucket-[a-z0-9]+", "<bucket>"),
    (r"\breports/\d{4}/\d\d/", "reports/<month>/"),
    (rf"\b{UUID}\b", "<id>"),
    (r"\b(ami|i|snap|lt|mw)-[0-9a-f]{8,17}\b", r"<\1>"),
]
# Of what is passed on: differs from run to run, or says in many lines what other fields say.
LEFT_OUT = {"altered_seconds", "api_calls", "cost", "instance_seconds", "platform", "seconds_by_type"}
# So much of a value stands on one line.
WIDTH = 110


def named(text):
    """The text, with names in place of what differs from run to run."""
    for pattern, name in NAMES:
        text = re.sub(pattern, name, text)
    return text


def shown(value):
    """A JSON value as text, without what differs from run to run."""
    return "\n".join(laid_out(reduced(value)))


def reduced(node):
    if isinstance(node, list):
        return [reduced(each) for each in node]
    if not isinstance(node, dict):
        return named(node) if isinstance(node, str) else node
    kept = {k: reduced(v) for k, v in node.items() if k not in LEFT_OUT}
    if isinstance(kept.get("installed"), list):
        kept["installed"] = f"{len(kept['installed'])} patches"
    if isinstance(kept.get("phases"), list):
        kept["phases"] = " ".join(p["phase"] for p in kept["phases"])
    if isinstance(kept.get("entries"), list):
        # Images that were made within the same seconds have no order.
        kept["entries"] = sorted(kept["entries"], key=json.dumps)
    return kept


def laid_out(node, indent="", before=""):
    """Short values on a line, long ones over several."""
    text = json.dumps(node, ensure_ascii=False)
    short = len(indent + before + text) <= WIDTH
    if short or not isinstance(node, (dict, list)):
        return [f"{indent}{before}{text}"]
    inside = indent + " "
    if isinstance(node, list):
        parts = [laid_out(each, inside) for each in node]
    else:
        parts = [laid_out(each, inside, f"{json.dumps(key)}: ") for key, each in node.items()]
    opening, closing = "[]" if isinstance(node, list) else "{}"
    return [f"{indent}{before}{opening}", *(line for part in parts for line in part), f"{indent}{closing}"]


def compare(name, lines):
    """What is wrong with the text, or nothing."""
    text = "\n".join(lines) + "\n"
    path = HERE / f"{name}.expected"
    if os.environ.get("UPDATE_EXPECT") == "1":
        path.write_text(text, encoding="utf-8")
        return ""
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    if text == expected:
        return ""
    difference = difflib.unified_diff(
        expected.splitlines(), text.splitlines(), f"{name}.expected", "found", lineterm=""
    )
    return "\n".join([*difference, "(UPDATE_EXPECT=1 writes what is found)"])
