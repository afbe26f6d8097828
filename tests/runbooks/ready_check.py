"""The scripts that wait until a guest is ready: `ready_check.py`.

The Linux script runs here for real, in a directory that stands for a guest's root, with its own limits: `sleep` is ours
and lets the guest's time pass, and what cloud-init answers is a list. Locks are tried twice: in a made-up /proc, and
with a real lock in this machine's own. guest_check.py tries all of it with the real cloud-init.

PowerShell does not run here: its script is only parsed.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import GUEST_SCRIPTS, Bench, powershell, shellcheck, shells
from documents import equal, holds, run

LINUX = GUEST_SCRIPTS / "ready-linux.sh"
WINDOWS = GUEST_SCRIPTS / "ready-windows.ps1"
DONE = "asg-patch ready: done"
MARKS = {LINUX: "asg-patch ready (Linux)", WINDOWS: "asg-patch ready (Windows)"}
# Characters that a list of command invocations keeps of a plugin's output.
KEPT = 2500


class Guest(Bench):
    """A guest in which time passes only while the script sleeps."""

    def __init__(self, home, outside=()):
        super().__init__(home, LINUX, outside)
        self.write("proc/locks", "")
        self.uptime = self.write("proc/uptime", "30.00 11.00\n")
        self.later = self.home / "later"
        self.later.write_text("")
        advance = f"up=$(awk -v by=\"$1\" '{{ print int($1) + by }}' '{self.uptime}')\necho \"$up 0\" >'{self.uptime}'"
        self.command("sleep", f"{advance}\n. '{self.later}'")

    def at(self, uptime, shell):
        """Once the guest has been up for so long, a shell command happens."""
        with self.later.open("a", encoding="utf-8") as later:
            later.write(f'if [ "$up" -ge {uptime} ]; then {shell}; fi\n')

    def cloud_init(self, *answers):
        """Exit codes and texts, one for each time that it is asked; the last is repeated."""
        script = ""
        for number, (code, text) in enumerate(answers):
            (self.home / f"answer-{number}").write_text(text, encoding="utf-8")
            script += f"[ $n -ne {number} ] || {{ cat '{self.home}/answer-{number}'; exit {code}; }}\n"
        count = self.home / "asked"
        count.write_text("0")
        ask = f"n=$(cat '{count}')\necho $((n < {len(answers) - 1} ? n + 1 : n)) >'{count}'\n"
        self.command("cloud-init", ask + script)

    def ready(self, shell=None):
        """Exit code and lines of output; nothing may go to stderr."""
        ended, calls = self.run(shell or shells()["sh"])
        equal(ended.stderr, "", f"stderr, with {ended.stdout}")
        holds(len(ended.stdout) < KEPT, f"{len(ended.stdout)} characters: {ended.stdout}")
        self.slept = sum(call.startswith("sleep ") for call in calls)
        return ended.returncode, ended.stdout.splitlines()


def trial(prepare, shell=None):
    with tempfile.TemporaryDirectory() as home:
        guest = Guest(home)
        prepare(guest)
        return *guest.ready(shell), guest.slept


def the_marks_stand_in_the_first_comment():
    for script, mark in MARKS.items():
        lines = script.read_text(encoding="utf-8").splitlines()
        first = next(line for line in lines if line.startswith("#") and not line.startswith("#!"))
        holds(mark in first, f"{script.name}: {first}")
        holds("{{" not in "".join(lines), f"{script.name} refers to a parameter")


def a_guest_that_is_ready_is_looked_at_twice():
    tried = shells()
    for name, shell in tried.items():
        code, said, slept = trial(lambda guest: guest.cloud_init((0, "status: done\n")), shell)
        equal((code, said, slept), (0, [DONE], 1), name)
    code, said, _ = trial(lambda _: None)
    equal((code, said), (0, [DONE]), "without cloud-init")
    return ", ".join(tried)


RUNNING, NOT_RUN = (0, "status: running\n"), (0, "status: not run\n")


def first_boot_is_waited_for():
    for name, shell in shells().items():
        code, said, slept = trial(lambda g: g.cloud_init(*[RUNNING] * 70, (0, "status: done\n")), shell)
        equal((code, slept), (0, 71), f"{name}: {said}")
        first = "asg-patch ready: 0 s: waits for cloud-init (running)"
        equal(said, [first, first.replace(" 0 s", " 300 s"), DONE], name)


def a_cloud_init_that_never_starts_is_not_waited_for():
    for answer in (NOT_RUN, (0, "status: not started\n"), (2, "")):
        code, said, slept = trial(lambda g, answer=answer: g.cloud_init(answer))
        equal((code, said[-1], slept), (0, DONE, 13), f"{answer}: {said}")
    code, said, slept = trial(lambda g: g.cloud_init(NOT_RUN, RUNNING, RUNNING, (0, "status: done\n")))
    equal((code, said[-1], slept), (0, DONE, 4), f"one that starts late: {said}")
    code, said, slept = trial(lambda g: g.cloud_init((0, "status: disabled\n")))
    equal((code, said, slept), (0, [DONE], 1), "disabled")


def recovered_errors_are_a_warning():
    code, said, _ = trial(lambda g: g.cloud_init(RUNNING, (2, "status: done\n")))
    equal((code, said[-1]), (0, DONE), "exit code 2")
    holds("warning: cloud-init reports errors that it recovered from" in said[-2], f"{said}")


def result(*errors):
    text = json.dumps({"v1": {"datasource": "DataSourceEc2Local", "errors": errors}}, indent=1, sort_keys=True)
    return text + "\n"


def a_first_boot_that_failed_is_reported():
    def prepare(guest):
        guest.cloud_init(RUNNING, (1, "status: error\n"))
        guest.write("run/cloud-init/result.json", result("('scripts_user', RuntimeError('Runparts: 1 failures'))"))
        guest.write("var/log/cloud-init-output.log", "".join(f"line {n} {'x' * 500}\n" for n in range(200)))
        guest.write("var/log/cloud-init.log", "not this one\n")

    for name, shell in shells().items():
        code, said, _ = trial(prepare, shell)
        equal((code, len(said)), (10, 18), f"{name}: {said}")
        holds(said[1].endswith("cloud-init-output.log") and said[-2].startswith("line 199 x"), f"{name}: {said}")
        why = "cloud-init status is error: ('scripts_user', RuntimeError('Runparts: 1 failures'))"
        equal(said[-1], f"asg-patch ready: first boot failed: {why}", name)
    code, said, _ = trial(lambda g: (g.cloud_init((1, "status: error\n")), g.write("var/log/cloud-init.log", "this\n")))
    equal((code, said[1]), (10, "this"), f"only the other log: {said}")


def a_first_boot_without_an_end_fails_at_the_limit():
    code, said, slept = trial(lambda g: g.cloud_init(RUNNING))
    equal((code, slept), (10, 240), f"{said}")
    equal(said[-1], "asg-patch ready: first boot failed: cloud-init is not done after 1200 s", "its last line")
    equal(len(said), 5, f"lines: {said}")


def an_old_cloud_init_without_status_is_judged_by_its_result():
    usage = (2, "")
    for errors, code, last in ((("('x', y)",), 10, "('x', y)"), ((), 0, DONE)):
        def prepare(guest, errors=errors):
            guest.cloud_init(usage)
            guest.write("run/cloud-init/status.json", "{}")
            guest.home.joinpath("result").write_text(result(*errors))
            guest.at(60, f"cp '{guest.home}/result' '{guest.root}/run/cloud-init/result.json'")
            (guest.commands / "cp").symlink_to("/bin/cp")

        ended, said, slept = trial(prepare)
        equal(ended, code, f"{errors}: {said}")
        holds(said[-1].endswith(last) and slept >= 6, f"{errors}: {said}")


def holding(guest, lock, pid=812, command="/usr/bin/dpkg\0--configure\0-a\0", waiter=False):
    """A process that holds a lock, as /proc shows it."""
    file = guest.write(lock, "")
    arrow = "-> " if waiter else ""
    lines = guest.root / "proc/locks"
    entry = f"1: {arrow}POSIX  ADVISORY  WRITE {pid} fe:00:{file.stat().st_ino} 0 EOF\n"
    lines.write_text(lines.read_text() + entry)
    guest.write(f"proc/{pid}/cmdline", command)
    descriptors = guest.root / f"proc/{pid}/fd"
    descriptors.mkdir(exist_ok=True)
    (descriptors / "4").symlink_to(file)


LOCKS = (
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/lock",
    "var/lib/apt/lists/lock",
    "var/cache/apt/archives/lock",
    "var/lib/rpm/.rpm.lock",
    "usr/lib/sysimage/rpm/.rpm.lock",
)


def a_lock_is_waited_for():
    for lock in LOCKS:
        def prepare(guest, lock=lock):
            holding(guest, lock)
            guest.at(90, f": >'{guest.root}/proc/locks'")

        code, said, slept = trial(prepare)
        equal((code, said[-1], slept), (0, DONE, 13), f"{lock}: {said}")
        holds(f"/{lock}, held by process 812 (/usr/bin/dpkg --configure -a)" in said[0], f"{lock}: {said}")


def a_lock_that_stays_is_named_at_the_limit():
    code, said, _ = trial(lambda g: holding(g, LOCKS[0]))
    equal(code, 11, f"{said}")
    holds(said[-1].startswith("asg-patch ready: still busy after 1200 s: "), f"{said}")
    holds("lock-frontend, held by process 812 (/usr/bin/dpkg --configure -a)" in said[-1], f"{said}")


def a_lock_released_for_a_moment_is_not_free():
    def prepare(guest):
        holding(guest, LOCKS[0])
        locks = guest.root / "proc/locks"
        (guest.home / "held").write_text(locks.read_text())
        (guest.commands / "cp").symlink_to("/bin/cp")
        guest.at(40, f": >'{locks}'")
        guest.at(45, f"cp '{guest.home}/held' '{locks}'")
        guest.at(100, f": >'{locks}'")

    code, said, slept = trial(prepare)
    equal((code, said[-1], slept), (0, DONE, 15), f"{said}")


def what_only_looks_like_a_lock_is_none():
    def another_file(guest):
        """The same inode of another file system: the process has another file open."""
        holding(guest, LOCKS[0])
        descriptor = guest.root / "proc/812/fd/4"
        descriptor.unlink()
        descriptor.symlink_to("/mnt/elsewhere")

    def a_waiter(guest):
        """With a number that is the lock's inode: no field of a waiter's line may be taken for another."""
        holding(guest, LOCKS[0], pid=guest.write(LOCKS[0], "").stat().st_ino, waiter=True)

    def a_stale_number(guest):
        guest.write("run/zypp.pid", "812\n")
        guest.write("proc/812/cmdline", "/usr/sbin/nginx\0")

    def a_dead_writer(guest):
        guest.write("var/run/yum.pid", "812")

    def the_services_that_always_run(guest):
        guest.write("proc/9/cmdline", "/usr/bin/python3\0/usr/share/unattended-upgrades/unattended-upgrade-shutdown\0")
        guest.command("systemctl", "echo active")

    for prepare in (another_file, a_waiter, a_stale_number, a_dead_writer, the_services_that_always_run):
        code, said, _ = trial(prepare)
        equal((code, said), (0, [DONE]), prepare.__name__)


def other_package_managers_are_waited_for():
    def written(guest, file, command):
        guest.write(file, "812\n")
        guest.write("proc/812/cmdline", command)
        guest.at(50, f"rm -f '{guest.root}/{file}'")
        (guest.commands / "rm").symlink_to("/bin/rm")

    def unattended(guest):
        name = f"/usr/bin/python3\0{guest.root}/usr/bin/unattended-upgrade\0"
        cmdline = guest.write("proc/812/cmdline", name)
        guest.at(50, f": >'{cmdline}'")

    def unit(guest):
        state = guest.write("unit", "activating")
        answer = f"case $2 in apt-daily.service) cat '{state}' ;; *) echo inactive; exit 3 ;; esac"
        guest.command("systemctl", answer)
        guest.at(50, f"echo inactive >'{state}'")

    for prepare in (
        lambda g: written(g, "var/run/yum.pid", "/usr/bin/python\0/usr/bin/yum\0update\0"),
        lambda g: written(g, "run/zypp.pid", "zypper\0patch\0"),
        lambda g: written(g, "var/cache/dnf/metadata_lock.pid", "/usr/bin/python3\0/usr/bin/dnf\0"),
        unattended,
        unit,
    ):
        code, said, slept = trial(prepare)
        equal((code, said[-1], slept), (0, DONE, 5), f"{said}")


HOLDER = """
import fcntl, sys, time
file = open(sys.argv[1], 'w')
fcntl.lockf(file, fcntl.LOCK_EX)
print('held', flush=True)
time.sleep(600)
"""


def a_real_lock_is_seen():
    if not Path("/proc/locks").exists():
        return "not tried: this machine has no /proc/locks"
    with tempfile.TemporaryDirectory() as home:
        guest = Guest(home, outside=("/proc",))
        # Real time: shorter limits instead.
        short = re.sub(r"^pause=\d+", "pause=1", guest.script.read_text(), flags=re.MULTILINE)
        guest.script.write_text(re.sub(r"^limit=\d+", "limit=2", short, flags=re.MULTILINE))
        (guest.commands / "sleep").unlink()
        (guest.commands / "sleep").symlink_to("/bin/sleep")
        lock = guest.write("var/lib/dpkg/lock-frontend", "")
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE)
        try:
            equal(holder.stdout.readline(), b"held\n", "the holder")
            code, said = guest.ready()
            equal(code, 11, f"{said}")
            holds(f"lock-frontend, held by process {holder.pid} (" in said[-1] and len(said) == 2, f"{said}")
        finally:
            holder.kill()
            holder.wait()
        code, said = guest.ready()
        equal((code, said), (0, [DONE]), "when its holder is gone")
    return "with fcntl"


def shellcheck_has_nothing_to_say():
    shellcheck(LINUX)


def powershell_can_be_parsed():
    switch = (b"switch ($LASTEXITCODE) {", b"switch ($LASTEXITCODE {")
    powershell(WINDOWS, (switch, (b"'done'", b"'done"), (b" | ", b" | | ")))
    return "parsed only"


if __name__ == "__main__":
    sys.exit(
        run(
            [
                the_marks_stand_in_the_first_comment,
                a_guest_that_is_ready_is_looked_at_twice,
                first_boot_is_waited_for,
                a_cloud_init_that_never_starts_is_not_waited_for,
                recovered_errors_are_a_warning,
                a_first_boot_that_failed_is_reported,
                a_first_boot_without_an_end_fails_at_the_limit,
                an_old_cloud_init_without_status_is_judged_by_its_result,
                a_lock_is_waited_for,
                a_lock_that_stays_is_named_at_the_limit,
                a_lock_released_for_a_moment_is_not_free,
                what_only_looks_like_a_lock_is_none,
                other_package_managers_are_waited_for,
                a_real_lock_is_seen,
                shellcheck_has_nothing_to_say,
                powershell_can_be_parsed,
            ]
        )
    )
