"""Leaves out of a packaged template what the local emulator rejects, AWS::SSM::*, and says what that is.

    python without_ssm.py packaged.yaml > template.json

The emulator's tests thus cannot see the documents for the console and the maintenance window: these are linted
(template_check.py) and tested by themselves (tests/runbooks). What refers to the window gets a made-up id.
"""

import json
import sys

from template import load

WINDOW_ID = "mw-0123456789abcdef0"


def without_ssm(template):
    """The template without AWS::SSM::*, and the names of what was left out."""
    gone = [n for n, r in template["Resources"].items() if r["Type"].startswith("AWS::SSM::")]
    kept = {n: r for n, r in template["Resources"].items() if n not in gone}

    def refer(node):
        if node == {"Ref": "Window"}:
            return WINDOW_ID
        if isinstance(node, dict):
            return {k: refer(v) for k, v in node.items()}
        return [refer(v) for v in node] if isinstance(node, list) else node

    return {**template, "Resources": refer(kept)}, gone


def main():
    template, gone = without_ssm(load(sys.argv[1]))
    print(f"left out: {', '.join(gone)}", file=sys.stderr)
    json.dump(template, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
