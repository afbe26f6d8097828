"""The scripts that seal an image: `seal_check.py`.

The Linux script runs here for real, in a directory that stands for a guest's root:
* in every shell that is found, as a copy in which each path has that directory before it; the commands
  that it finds are ours or those that every guest has, and `rm` refuses any path outside;
* where this machine allows it (`unshare`, or root's `chroot`), unchanged, with the real commands.

guest_check.py tries it with the real cloud-init. PowerShell does not run here: its script is only parsed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import GUEST_SCRIPTS, REAL, Bench, powershell, shellcheck, shells
from documents import ROOT, document, equal, holds, run
from sealed_guest import GUEST, INSTANCE_DATA, KEPT, MACHINE, NO_KEY, OURS, differences, expected, guest, seen

LINUX = GUEST_SCRIPTS / "seal-linux.sh"
WINDOWS = GUEST_SCRIPTS / "seal-windows.ps1"
LIMITS = ROOT / "src" / "group" / "limits.rs"
DONE = "asg-patch seal: done\n"


class Sealing(Bench):
    """A bench on which nothing outside of the scratch root can be removed."""

    def __init__(self, home):
        super().__init__(home, LINUX)
        inside = f"case $path in -*|'{self.root}'/*) ;; *) echo \"outside: $path\" >>'{self.log}'; exit 97 ;; esac"
        self.command("rm", f'for path in "$@"; do\n{inside}\ndone\nexec {shutil.which("rm")} "$@"')
        self.command("sync", "")

    def seal(self, shell=None):
        for path in self.root.rglob("*"):
            holds(path.resolve().is_relative_to(self.root), f"{path} leads out of the scratch root")
        ended, calls = self.run(shell or shells()["sh"])
        holds(not any(call.startswith("outside") for call in calls), f"it reaches outside: {calls}")
        return ended, calls


def it_removes_what_it_should_and_nothing_else():
    tried = shells()
    for name, shell in tried.items():
        with tempfile.TemporaryDirectory() as home:
            bench = Sealing(home)
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
            bench = Sealing(home)
            (bench.root / "etc").mkdir()
            ended, _ = bench.seal(shell)
            equal((ended.returncode, ended.stdout, ended.stderr), (0, DONE, ""), name)
            equal(list(seen(bench.root)), ["etc", "etc/machine-id"], f"{name}: what is there then")


# Metadata as IMDS gives it: version 2, and version 1 where no token is given.
IMDS = """case "$*" in
*169.254.169.254/latest/api/token) TOKEN ;;
*'token: t1 '*/latest/meta-data/public-keys/|*'token:  '*/latest/meta-data/public-keys/) printf '0=my-key' ;;
*'token: t1 '*/latest/meta-data/public-keys/0/openssh-key|*'token:  '*/openssh-key) echo 'KEY' ;;
*) exit 22 ;;
esac
"""


def without_instance_data_imds_names_the_key():
    for tool in ("curl", "wget"):
        for token in ("printf t1", "exit 22"):
            with tempfile.TemporaryDirectory() as home:
                bench = Sealing(home)
                guest(bench.root)
                (bench.root / "run/cloud-init/instance-data.json").unlink()
                bench.command(tool, IMDS.replace("TOKEN", token).replace("KEY", OURS.strip()))
                before = seen(bench.root)
                ended, _ = bench.seal()
                equal((ended.returncode, ended.stderr), (0, ""), f"{tool} {token}")
                equal(differences(seen(bench.root), expected(before)), [], f"{tool} {token}")


def the_default_user_is_found_in_every_place_that_names_it():
    named = {
        "in root's line": lambda root: (root / "etc/cloud/cloud.cfg").unlink(),
        "in the configuration": lambda root: (root / "root/.ssh/authorized_keys").write_text(OURS),
    }
    for where, forget in named.items():
        with tempfile.TemporaryDirectory() as home:
            bench = Sealing(home)
            guest(bench.root)
            forget(bench.root)
            before = seen(bench.root)
            ended, _ = bench.seal()
            equal((ended.returncode, ended.stdout, ended.stderr), (0, DONE, ""), where)
            equal(differences(seen(bench.root), expected(before)), [], where)


def a_key_that_nobody_knows_stays():
    kept = {path: KEPT for path, fate in GUEST.items() if fate == NO_KEY}
    with tempfile.TemporaryDirectory() as home:
        bench = Sealing(home)
        guest(bench.root)
        (bench.root / "run/cloud-init/instance-data.json").unlink()
        bench.command("curl", "exit 28")
        before = seen(bench.root)
        ended, _ = bench.seal()
        holds("the instance's key is not known" in ended.stdout and ended.stdout.endswith(DONE), ended.stdout)
        equal((ended.returncode, ended.stderr), (0, ""), "exit code")
        equal(differences(seen(bench.root), expected(before, kept)), [], "guest")
    # An instance that was launched without a key has none to be removed, and nothing is said.
    with tempfile.TemporaryDirectory() as home:
        bench = Sealing(home)
        guest(bench.root)
        none = INSTANCE_DATA | {"v1": {"public_ssh_keys": []}}
        bench.write("run/cloud-init/instance-data.json", json.dumps(none, indent=1))
        before = seen(bench.root)
        ended, _ = bench.seal()
        equal((ended.returncode, ended.stdout, ended.stderr), (0, DONE, ""), "without a key")
        equal(differences(seen(bench.root), expected(before, kept)), [], "guest")


def cloud_init_is_never_asked_to_clean():
    with tempfile.TemporaryDirectory() as home:
        bench = Sealing(home)
        guest(bench.root)
        bench.command("cloud-init", "exit 97")
        _, calls = bench.seal()
        equal([c for c in calls if c.startswith("cloud-init")], [], "calls of cloud-init")


def the_machine_id_stays_one_file():
    with tempfile.TemporaryDirectory() as home:
        bench = Sealing(home)
        guest(bench.root)
        link = bench.root / "var/lib/dbus/machine-id"
        link.unlink()
        # On a guest it leads to /etc/machine-id. Here nothing may lead out of the scratch root: a script that
        # wrote through an absolute link would reach this machine's own file.
        link.symlink_to("../../../tmp/socket")
        ended, _ = bench.seal()
        equal((ended.returncode, ended.stderr), (0, ""), "exit code")
        equal(os.readlink(link), "../../../tmp/socket", "the link")
        equal((bench.root / "tmp/socket").read_text(), "tmp/socket before\n", "what the link leads to")
        equal((bench.root / "etc/machine-id").read_text(), "", "the machine id")


def a_strange_machine_id_names_no_folder():
    for strange in ("uninitialized\n", "..\n", "../../../srv\n", "*\n", "a b\n"):
        with tempfile.TemporaryDirectory() as home:
            bench = Sealing(home)
            guest(bench.root)
            bench.write("etc/machine-id", strange)
            ended, _ = bench.seal()
            equal((ended.returncode, ended.stderr), (0, ""), strange)
            journal = bench.root / f"var/log/journal/{MACHINE}/system.journal"
            holds(journal.exists(), f"{strange}: the journal is gone")


def a_secret_that_stays_is_a_failure():
    for name, shell in shells().items():
        with tempfile.TemporaryDirectory() as home:
            bench = Sealing(home)
            guest(bench.root)
            bench.command("rm", "")
            ended, _ = bench.seal(shell)
            holds(ended.returncode == 1 and DONE not in ended.stdout, f"{name} reports success")
            holds("ssh_host_" in ended.stderr, f"{name} does not say what stays: {ended.stderr}")
        with tempfile.TemporaryDirectory() as home:
            bench = Sealing(home)
            guest(bench.root)
            text = bench.script.read_text(encoding="utf-8")
            equal(text.count("|| remove_keys"), 1, "calls of remove_keys")
            bench.script.write_text(text.replace("|| remove_keys", "|| :"), encoding="utf-8")
            ended, _ = bench.seal(shell)
            holds(ended.returncode == 1 and DONE not in ended.stdout, f"{name} reports success: {ended}")
            holds("key to be removed from" in ended.stderr, f"{name} does not say what stays: {ended.stderr}")


def a_machine_id_that_cannot_be_emptied_is_a_failure():
    for name, shell in shells().items():
        if name in ("bash", "zsh"):
            continue  # not in their POSIX mode: they would go on; the agent runs `sh`
        with tempfile.TemporaryDirectory() as home:
            bench = Sealing(home)
            (bench.root / "etc/machine-id").mkdir(parents=True)
            ended, _ = bench.seal(shell)
            holds(ended.returncode != 0 and DONE not in ended.stdout, f"{name} reports success")


def unchanged_in_a_root_of_its_own():
    with tempfile.TemporaryDirectory() as home:
        root = Path(home, "root")
        root.mkdir()
        guest(root, inside="")
        (root / "dev").mkdir()
        (root / "dev/null").touch()
        for command in ("sh", "rm", "sync", *REAL):
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
            left = {path: what for path, what in seen(root).items() if path != "dev/null"}
            wanted = {path: what for path, what in expected(before).items() if path != "dev/null"}
            equal(differences(left, wanted), [], f"{time} time")
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
    shellcheck(LINUX)


def powershell_can_be_parsed():
    broken = ((b"{ $_.DriveLetter", b"( $_.DriveLetter"), (b"'Fixed'", b"'Fixed"), (b" | ", b" | | "))
    powershell(WINDOWS, broken)
    # The line that the program puts before the script must be one that the script asks for.
    holds("$Reset = $true" in WINDOWS.read_text(encoding="utf-8"), "how it is switched is not said")
    return "parsed only"


def seal_limit_seconds():
    """The program's limit, written as `10 * 60` seconds or as `TimeDelta::minutes(10)`."""
    limits = LIMITS.read_text(encoding="utf-8")
    found = re.search(r"const SEAL_LIMIT(?:_SECONDS)?: \w+ = (?:(\d+) \* 60|TimeDelta::minutes\((\d+)\));", limits)
    holds(found, f"{LIMITS} has no SEAL_LIMIT that can be read")
    return 60 * int(found[1] or found[2])


def the_documents_hold_the_scripts():
    seconds = seal_limit_seconds()
    for name, first, script in (
        ("AsgPatch-SealLinux-1", [], LINUX),
        ("AsgPatch-SealWindows-1", [], WINDOWS),
        ("AsgPatch-ResetWindows-1", ["$Reset = $true"], WINDOWS),
    ):
        (step,) = document(name)["mainSteps"]
        text = script.read_text(encoding="utf-8")
        equal(step["inputs"]["runCommand"], first + text.splitlines(), f"{name}: its script is {script.name}")
        equal(step["inputs"]["timeoutSeconds"], str(seconds), f"{name}: its limit is the program's")
        holds("{{" not in text, f"{script.name} refers to a parameter")


if __name__ == "__main__":
    sys.exit(
        run(
            [
                the_documents_hold_the_scripts,
                it_removes_what_it_should_and_nothing_else,
                an_empty_guest_is_no_failure,
                without_instance_data_imds_names_the_key,
                the_default_user_is_found_in_every_place_that_names_it,
                a_key_that_nobody_knows_stays,
                cloud_init_is_never_asked_to_clean,
                the_machine_id_stays_one_file,
                a_strange_machine_id_names_no_folder,
                a_secret_that_stays_is_a_failure,
                a_machine_id_that_cannot_be_emptied_is_a_failure,
                unchanged_in_a_root_of_its_own,
                shellcheck_has_nothing_to_say,
                powershell_can_be_parsed,
            ]
        )
    )
