"""Checks the schema of the file of settings: settings_check.py SCHEMA EXAMPLE, both JSON.

The example is valid, and what the program refuses is not.
"""

import copy
import json
import sys
from pathlib import Path

import jsonschema

# A table, a key in it, and a value that it cannot have.
WRONG = [
    (None, "regoin", "eu-west-1"),
    (None, "region", 4),
    (None, "region", ""),
    (None, "output", "xml"),
    (None, "quiet", "yes"),
    (None, "run", 3),
    (None, "windows", {}),
    ("run", "duration", 3),
    ("run", "duration", "long"),
    ("run", "max-in-flight", -1),
    ("run", "max-in-flight", "3"),
    ("run", "api-share", "half"),
    ("run", "tag", "a=b"),
    ("documents", "allow", "Acme-Patch"),
    ("documents", "allow", ["Acme-Patch", 7]),
]


def main():
    schema, example = (json.loads(Path(path).read_text()) for path in sys.argv[1:])
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    problems = [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(example)]
    assert not problems, problems
    for table, key, value in WRONG:
        document = copy.deepcopy(example)
        (document if table is None else document[table])[key] = value
        assert not validator.is_valid(document), f"{table}.{key} = {value!r} is taken"
    print(f"the example is valid, {len(WRONG)} wrong ones are not")


main()
