"""Presses TAB in a real shell on a terminal of its own: press_tab.py SHELL DIRECTORY LINE...

The program is found in PATH. Each line is typed, completed and printed by the shell itself as one line
`typed> LINE` on stdout. The shell reads no start-up file but the completions of the program.
"""

import os
import pty
import re
import select
import sys
import time

# Real seconds for one answer: a loaded machine starts a shell, and the program in it, within a few.
PATIENCE = 60
# What a terminal adds: colours, moves of the cursor, answers that it is asked for.
ESCAPES = re.compile(r"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[=>()][AB0]?|\r")
SHELLS = {
    "bash": (
        ["bash", "--noprofile", "--norc", "-i"],
        "source <(asg-patch completions bash); bind 'set enable-bracketed-paste off'; PS1='ready> '",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -Uz compinit; compinit -u -D; source <(asg-patch completions zsh); bindkey -e; "
        "unsetopt zle_bracketed_paste prompt_sp; PS1='ready> '",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        "asg-patch completions fish | source; function fish_prompt; printf 'ready> '; end; "
        "function fish_right_prompt; end; set -g fish_autosuggestion_enabled 0",
    ),
}


class Terminal:
    def __init__(self, command, directory):
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.execvp(command[0], command)
        self.seen = ""

    def type(self, text):
        os.write(self.file, text.encode())

    def until(self, pattern):
        """Reads until the pattern shows, which is returned; what came before is forgotten."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            plain = ESCAPES.sub("", self.seen)
            found = re.search(pattern, plain)
            if found:
                self.seen = plain[found.end() :]
                return found
            if select.select([self.file], [], [], 0.1)[0]:
                self.seen += os.read(self.file, 65536).decode(errors="replace")
        raise SystemExit(f"no {pattern!r} within {PATIENCE} s in:\n{self.seen}")


def completed(terminal, line):
    # The shell waits for the program's answer before it reads the next key.
    terminal.type(line + "\t")
    # To the start of the line: the shell prints what it made of it.
    terminal.type("\x01echo typed'>' \n")
    return terminal.until(r"\ntyped> ([^\n]*)\n").group(1).rstrip()


def main():
    shell, directory, *lines = sys.argv[1:]
    command, prepare = SHELLS[shell]
    terminal = Terminal(command, directory)
    terminal.type(prepare + "; echo prepared'!'\n")
    terminal.until(r"\nprepared!")
    terminal.until(r"ready> ")
    for line in lines:
        print(f"typed> {completed(terminal, line)}", flush=True)
    terminal.type("\x15exit\n")


main()
