"""The scripts that seal an image: `seal_check.py`.

The Linux script runs here for real, in a directory that stands for a guest's root:
* in every shell that is found, as a copy in which each path has that directory before it; the commands
  that it finds are ours, and `rm` refuses any path outside;
* where this machine allows it (`unshare`, or root's `chroot`), unchanged, with the real commands.

PowerShell does not run here: its script is only parsed.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import tree_sitter
import tree_sitter_powershell

from documents import ROOT, document, equal, holds, run

GUEST_SCRIPTS = ROOT / "runbooks" / "guest"
LINUX = GUEST_SCRIPTS / "seal-linux.sh"
WINDOWS = GUEST_SCRIPTS / "seal-windows.ps1"
LIMITS = ROOT / "src" / "group" / "limits.rs"
SHELLS = ("dash", "bash", "busybox", "ksh", "mksh", "zsh")
DONE = "asg-patch seal: done\n"

# A guest: its paths, and what becomes of each.
GONE, EMPTY, KEPT = "gone", "empty", "kept"
GUEST = {
    "etc/machine-id": EMPTY,
    "etc/hostname": KEPT,
    "etc/passwd": KEPT,
    "etc/ssh/ssh_host_rsa_key": GONE,
    "etc/ssh/ssh_host_ed25519_key.pub": GONE,
    "etc/ssh/sshd_config": KEPT,
    "etc/ssh/sshd_config.d/10-hardening.conf": KEPT,
    "etc/ssh/ssh_config": KEPT,
    "etc/sudoers.d/90-cloud-init-users": GONE,
    "etc/sudoers.d/10-admins": KEPT,
    "root/.ssh/authorized_keys": GONE,
    "root/.ssh/config": KEPT,
    "root/.bash_history": GONE,
    "root/.bashrc": KEPT,
    "home/ec2-user/.ssh/authorized_keys": GONE,
    "home/ec2-user/.ssh/id_ed25519": KEPT,
    "home/ec2-user/.python_history": GONE,
    "home/ec2-user/.lesshst": GONE,
    "home/ec2-user/.config/app.toml": KEPT,
    "home/a user; rm -rf $HOME/.bash_history": GONE,
    "home/a user; rm -rf $HOME/notes": KEPT,
    "opt/app/bin/app": KEPT,
    "srv/data/1": KEPT,
    "tmp/half.tmp": GONE,
    "tmp/socket": KEPT,
    "var/tmp/installer/part": GONE,
    "var/lib/cloud/instance/user-data.txt": GONE,
    "var/lib/cloud/instances/i-1/sem/config_ssh": GONE,
    "var/lib/cloud/data/instance-id": GONE,
    "var/lib/cloud/sem/config_scripts": GONE,
    "var/lib/cloud/scripts/per-boot/10-app": KEPT,
    "var/lib/dbus/machine-id": EMPTY,
    "var/lib/systemd/random-seed": GONE,
    "var/lib/systemd/timers/stamp": KEPT,
    "var/lib/dhclient/dhclient--eth0.lease": GONE,
    "var/lib/dhcp/dhclient.eth0.leases": GONE,
    "var/lib/ecs/data/agent.db": GONE,
    "var/lib/ecs/data/ecs_agent_data.json": GONE,
    "var/lib/ecs/data/other": KEPT,
    "var/lib/rpm/rpmdb.sqlite": KEPT,
    # The agent that runs the script lives on these.
    "var/lib/amazon/ssm/i-1/document/orchestration/c-1/stdout": KEPT,
    "var/lib/amazon/ssm/ipc/health": KEPT,
    "var/log/amazon/ssm/amazon-ssm-agent.log": KEPT,
    "var/log/audit/audit.log": EMPTY,
    "var/log/audit/audit.log.1": KEPT,
    "var/log/boot.log": EMPTY,
    "var/log/cron": EMPTY,
    "var/log/wtmp": EMPTY,
    "var/log/btmp": EMPTY,
    "var/log/dmesg": EMPTY,
    "var/log/messages": KEPT,
    "var/log/journal/1f2e/system.journal": GONE,
    "var/log/sa/sa17": GONE,
    "var/log/sa/sar17": GONE,
}
# Directories that are removed with all that is in them.
GONE_TOO = (
    "var/tmp/installer",
    "var/lib/cloud/instance",
    "var/lib/cloud/instances",
    "var/lib/cloud/data",
    "var/lib/cloud/sem",
    "var/log/journal/1f2e",
)


def guest(root):
    for path in GUEST:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{path} before\n", encoding="utf-8")
        file.chmod(0o640)
    (root / "var/log/elsewhere").symlink_to("messages")


def seen(root):
    """Path to kind, mode and content of everything below."""
    found = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        if path.is_symlink():
            what = os.readlink(path)
        else:
            what = b"" if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(root))] = (stat.filemode(mode), what)
    return found


def expected(before):
    after = {}
    for path, (mode, what) in before.items():
        fate = GUEST.get(path, KEPT)
        if fate == EMPTY:
            after[path] = (mode, b"")
        elif fate == KEPT and not any(path == g or path.startswith(g + "/") for g in GONE_TOO):
            after[path] = (mode, what)
    return after


def differences(found, wanted):
    paths = sorted(set(found) | set(wanted))
    return [f"{p}: {found.get(p)!r:.99}, not {wanted.get(p)!r:.99}" for p in paths if found.get(p) != wanted.get(p)]


def prefixed(root):
    """The script with `root` before each of its paths, and a proof that none was overlooked."""
    script = LINUX.read_text(encoding="utf-8")
    code = "\n".join(line for line in script.split("\n") if not line.startswith("#"))
    copy = re.sub(r"(?<![\w$\"./*])(/(?:etc|home|root|tmp|var)\b)", rf"{root}\1", code)
    left = copy.replace(str(root), "").replace("/dev/null", "")
    paths = re.findall(r"(?:^|[\s\"'=>])(/[^\s\"';]*)", left)
    marked = re.findall(re.escape(str(root)) + r"(/[^\s\"';]*)", copy)
    equal(sorted(paths), sorted(marked), "paths of the script that would not be in the scratch root")
    return copy


class Bench:
    """A scratch root, and beside it the only commands that the script can find."""

    def __init__(self, home):
        self.home = Path(home).resolve()
        self.root = self.home / "root"
        self.commands = self.home / "commands"
        self.log = self.home / "log"
        self.root.mkdir()
        self.commands.mkdir()
        self.script = self.home / "seal.sh"
        self.script.write_text(prefixed(self.root), encoding="utf-8")
        inside = f"case $path in -*|'{self.root}'/*) ;; *) echo \"outside: $path\" >>'{self.log}'; exit 97 ;; esac"
        self.command("rm", f'for path in "$@"; do\n{inside}\ndone\nexec {shutil.which("rm")} "$@"')
        self.command("sync", "")

    def command(self, name, body):
        file = self.commands / name
        file.write_text(f"#!/bin/sh\necho \"{name} $*\" >>'{self.log}'\n{body}\n", encoding="utf-8")
        file.chmod(0o755)

    def cloud_init(self, knows_machine_id, works=True):
        refuse = "" if knows_machine_id else 'case "$*" in *--machine-id*) exit 2 ;; esac\n'
        # A newer cloud-init leaves this word in the file, which the script then empties.
        leave = f"case \"$*\" in *--machine-id*) echo uninitialized >'{self.root}/etc/machine-id' ;; esac\n"
        self.command("cloud-init", refuse + leave + ("" if works else "exit 1"))

    def seal(self, shell):
        for path in self.root.rglob("*"):
            holds(path.resolve().is_relative_to(self.root), f"{path} leads out of the scratch root")
        self.log.write_text("", encoding="utf-8")
        ended = subprocess.run(
            [*shell, str(self.script)],
            env={"PATH": str(self.commands), "HOME": str(self.root / "root")},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        calls = self.log.read_text(encoding="utf-8").splitlines()
        holds(not any(call.startswith("outside") for call in calls), f"it reaches outside: {calls}")
        return ended, calls


def shells():
    found = [(s, shutil.which(s)) for s in ("sh", *SHELLS)]
    emulated = {"busybox": ["sh"], "zsh": ["--emulate", "sh"]}
    return {name: [path, *emulated.get(name, [])] for name, path in found if path}


def it_removes_what_it_should_and_nothing_else():
    tried = shells()
    for name, shell in tried.items():
        with tempfile.TemporaryDirectory() as home:
            bench = Bench(home)
            guest(bench.root)
            before = seen(bench.root)
            for time in ("first", "second"):
                ended, calls = bench.seal(shell)
                equal((ended.returncode, ended.stdout, ended.stderr), (0, DONE, ""), f"{name}, {time} time")
                equal(differences(seen(bench.root), expected(before)), [], f"{name}, {time} time")
                equal(calls[-1], "sync ", f"{name}: its last command")
    return ", ".join(tried)


def an_empty_guest_is_no_failure():
    for name, shell in shells().items():
        with tempfile.TemporaryDirectory() as home:
            bench = Bench(home)
            (bench.root / "etc").mkdir()
            ended, _ = bench.seal(shell)
            equal((ended.returncode, ended.stdout, ended.stderr), (0, DONE, ""), name)
            equal(list(seen(bench.root)), ["etc", "etc/machine-id"], f"{name}: what is there then")


def the_machine_id_stays_one_file():
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(home)
        guest(bench.root)
        link = bench.root / "var/lib/dbus/machine-id"
        link.unlink()
        # On a guest it leads to /etc/machine-id. Here nothing may lead out of the scratch root: a script that
        # wrote through an absolute link would reach this machine's own file.
        link.symlink_to("../../../tmp/socket")
        ended, _ = bench.seal(shells()["sh"])
        equal((ended.returncode, ended.stderr), (0, ""), "exit code")
        equal(os.readlink(link), "../../../tmp/socket", "the link")
        equal((bench.root / "tmp/socket").read_text(), "tmp/socket before\n", "what the link leads to")
        equal((bench.root / "etc/machine-id").read_text(), "", "the machine id")


def cloud_init_of_any_age_cleans_up():
    young, old = ["cloud-init clean --logs --machine-id"], ["cloud-init clean --logs"]
    for knows, works, expected_calls in (
        (True, True, young),
        (False, True, young + old),
        (True, False, young + old),
        (False, False, young + old),
    ):
        with tempfile.TemporaryDirectory() as home:
            bench = Bench(home)
            guest(bench.root)
            bench.cloud_init(knows, works)
            before = seen(bench.root)
            ended, calls = bench.seal(shells()["sh"])
            equal((ended.returncode, ended.stderr), (0, ""), "exit code")
            equal([c for c in calls if c.startswith("cloud-init")], expected_calls, "calls of cloud-init")
            equal(differences(seen(bench.root), expected(before)), [], "guest")


def a_secret_that_stays_is_a_failure():
    for name, shell in shells().items():
        with tempfile.TemporaryDirectory() as home:
            bench = Bench(home)
            guest(bench.root)
            bench.command("rm", "")
            ended, _ = bench.seal(shell)
            holds(ended.returncode == 1 and DONE not in ended.stdout, f"{name} reports success")
            holds("ssh_host_" in ended.stderr, f"{name} does not say what stays: {ended.stderr}")


def a_machine_id_that_cannot_be_emptied_is_a_failure():
    for name, shell in shells().items():
        if name in ("bash", "zsh"):
            continue  # not in their POSIX mode: they would go on; the agent runs `sh`
        with tempfile.TemporaryDirectory() as home:
            bench = Bench(home)
            (bench.root / "etc/machine-id").mkdir(parents=True)
            ended, _ = bench.seal(shell)
            holds(ended.returncode != 0 and DONE not in ended.stdout, f"{name} reports success")


def unchanged_in_a_root_of_its_own():
    with tempfile.TemporaryDirectory() as home:
        root = Path(home, "root")
        root.mkdir()
        guest(root)
        (root / "dev").mkdir()
        (root / "dev/null").touch()
        for command in ("sh", "rm", "sync"):
            bring(root, Path(shutil.which(command)).resolve(), f"usr/bin/{command}")
        shutil.copy(LINUX, root / "seal.sh")
        before = seen(root)
        way = next(filter(works, confinements(root)), None)
        if not way:
            return "not tried: neither unshare nor chroot works here"
        for time in ("first", "second"):
            command = [*way, "/usr/bin/sh", "-c", "PATH=/usr/bin; . /seal.sh"]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            equal((ended.returncode, ended.stdout, ended.stderr), (0, DONE, ""), f"{time} time")
            equal(differences(seen(root), expected(before)), [], f"{time} time")
        return Path(way[0]).name


def bring(root, binary, place):
    """A program with the libraries it needs, as the real system has them."""
    listed = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
    libraries = {Path(library): library.lstrip("/") for library in re.findall(r"(/\S+)", listed.stdout)}
    for source, target in {binary: place, **libraries}.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / target)


def confinements(root):
    """Commands that run another with `root` as the whole file system."""
    unshare, chroot = shutil.which("unshare"), shutil.which("chroot")
    if unshare:
        yield [unshare, "--user", "--map-root-user", "--mount", f"--root={root}"]
    if chroot and os.geteuid() == 0:
        yield [chroot, str(root)]


def works(way):
    probe = [*way, "/usr/bin/sh", "-c", ":"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def shellcheck_has_nothing_to_say():
    checker = Path(sys.executable).parent / "shellcheck"
    # SC2250 wants braces around variables, which Fn::Sub would take for its own.
    command = [checker, "--shell=sh", "--enable=all", "--exclude=SC2250", LINUX]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    equal((ended.returncode, ended.stdout), (0, ""), "shellcheck")


def powershell_can_be_parsed():
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    script = WINDOWS.read_bytes()
    tree = parser.parse(script)
    holds(not tree.root_node.has_error, f"it cannot be parsed: {tree.root_node}")
    # A check that never fails shows nothing: it must see these.
    for found, broken in ((b"{ $_.DriveLetter", b"( $_.DriveLetter"), (b"'Fixed'", b"'Fixed"), (b" | ", b" | | ")):
        holds(found in script, f"nothing to break at {found}")
        holds(parser.parse(script.replace(found, broken, 1)).root_node.has_error, f"{broken} is parsed")
    return "parsed only"


def seal_limit_seconds():
    """The program's limit, written as `10 * 60` seconds or as `TimeDelta::minutes(10)`."""
    limits = LIMITS.read_text(encoding="utf-8")
    found = re.search(r"const SEAL_LIMIT(?:_SECONDS)?: \w+ = (?:(\d+) \* 60|TimeDelta::minutes\((\d+)\));", limits)
    holds(found, f"{LIMITS} has no SEAL_LIMIT that can be read")
    return 60 * int(found[1] or found[2])


def the_documents_hold_the_scripts():
    seconds = seal_limit_seconds()
    for name, script in (("AsgPatch-SealLinux", LINUX), ("AsgPatch-SealWindows", WINDOWS)):
        (step,) = document(name)["mainSteps"]
        text = script.read_text(encoding="utf-8")
        equal(step["inputs"]["runCommand"], [text], f"{name}: its script is {script.name}")
        equal(step["inputs"]["timeoutSeconds"], str(seconds), f"{name}: its limit is the program's")
        # The program sends the lines one by one, to AWS's own documents.
        holds("{{" not in text, f"{script.name} refers to a parameter")


if __name__ == "__main__":
    sys.exit(
        run(
            [
                the_documents_hold_the_scripts,
                it_removes_what_it_should_and_nothing_else,
                an_empty_guest_is_no_failure,
                the_machine_id_stays_one_file,
                cloud_init_of_any_age_cleans_up,
                a_secret_that_stays_is_a_failure,
                a_machine_id_that_cannot_be_emptied_is_a_failure,
                unchanged_in_a_root_of_its_own,
                shellcheck_has_nothing_to_say,
                powershell_can_be_parsed,
            ]
        )
    )
