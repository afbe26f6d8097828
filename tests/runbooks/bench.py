"""A directory that stands for a guest's root, and beside it the only commands that a guest script can find."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import tree_sitter
import tree_sitter_powershell

from documents import ROOT, equal, holds

GUEST_SCRIPTS = ROOT / "runbooks" / "guest"
SHELLS = ("dash", "bash", "busybox", "ksh", "mksh", "zsh")
# Programs that the scripts rely on; every guest has them.
REAL = ("awk", "cat", "cut", "find", "grep", "head", "ls", "printf", "sed", "sort", "tail", "tr")
# Folders that a script can name. A path is one of them with what follows, unless it continues another word.
FOLDER = r"(?<![\w$.*/)%}])(/(?:bin|boot|dev|etc|home|lib|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)\b)"


def prefixed(script, root, outside=()):
    """The script's code with `root` before each of its paths, except those in the folders `outside`."""
    code = "\n".join(line for line in script.split("\n") if not line.startswith("#"))
    kept = ("/dev/null", *outside)

    def moved(found):
        away = code.startswith(kept, found.start())
        return found[1] if away else f"{root}{found[1]}"

    copy = re.sub(FOLDER, moved, code)
    # A proof that none was overlooked: the names of these folders after a slash, wherever they stand.
    left = copy.replace(str(root), "\0")
    for path in kept:
        left = left.replace(path, "")
    outside = re.findall(r"[^\0\w/]/(?:etc|home|proc|root|run|tmp|usr|var)/\S*", left)
    equal(outside, [], "paths outside the scratch root")
    return copy


class Bench:
    """A scratch root, the commands beside it, and the script that is tried."""

    def __init__(self, home, script, outside=()):
        self.home = Path(home).resolve()
        self.root = self.home / "root"
        self.commands = self.home / "commands"
        self.log = self.home / "log"
        self.root.mkdir()
        self.commands.mkdir()
        self.script = self.home / "script.sh"
        self.script.write_text(prefixed(script.read_text(encoding="utf-8"), self.root, outside), encoding="utf-8")
        for name in REAL:
            (self.commands / name).symlink_to(shutil.which(name))

    def command(self, name, body):
        """A command of ours, whose calls are noted."""
        file = self.commands / name
        file.unlink(missing_ok=True)
        file.write_text(f"#!/bin/sh\necho \"{name} $*\" >>'{self.log}'\n{body}\n", encoding="utf-8")
        file.chmod(0o755)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def run(self, shell):
        """What became of the script in that shell, and the calls of our commands."""
        self.log.write_text("", encoding="utf-8")
        ended = subprocess.run(
            [*shell, str(self.script)],
            env={"PATH": str(self.commands), "HOME": str(self.root / "root")},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        return ended, self.log.read_text(encoding="utf-8").splitlines()


def shells():
    """Name to command of every shell that is found."""
    found = [(s, shutil.which(s)) for s in ("sh", *SHELLS)]
    emulated = {"busybox": ["sh"], "zsh": ["--emulate", "sh"]}
    return {name: [path, *emulated.get(name, [])] for name, path in found if path}


def shellcheck(script):
    # The venv's own. SC2250 wants braces around variables, which Fn::Sub would take for its own; SC2312 wants every
    # command's exit code looked at, also in a substitution whose text alone counts.
    checker = Path(sys.executable).parent / "shellcheck"
    command = [checker, "--shell=sh", "--enable=all", "--exclude=SC2250,SC2312", script]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    equal((ended.returncode, ended.stdout), (0, ""), "shellcheck")


def powershell(script, breaking):
    """The script can be parsed, and cannot any more when one of these pairs is put into it."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    text = script.read_bytes()
    tree = parser.parse(text)
    holds(not tree.root_node.has_error, f"it cannot be parsed: {tree.root_node}")
    for found, broken in breaking:
        holds(found in text, f"nothing to break at {found}")
        holds(parser.parse(text.replace(found, broken, 1)).root_node.has_error, f"{broken} is parsed")
