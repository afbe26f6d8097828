"""The guest scripts in a real guest: `guest_check.py DIRECTORY`.

A Debian or Ubuntu root is made with debootstrap below DIRECTORY (once; it is kept) and booted in namespaces of its
own: no systemd, but the real cloud-init, stage by stage, with a NoCloud seed in the place of EC2's metadata. That
seed is what AWS would answer, so a boot with another instance id is a new instance from the same disk.

It needs root, and the Internet or a mirror: packages come from where this machine's apt has them. It takes three
minutes or more, so `./dev long guest` runs it and `cargo test` does not.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from documents import ROOT, equal, holds, run

SCRIPTS = ROOT / "runbooks" / "guest"
READY = SCRIPTS / "ready-linux.sh"
SEAL = SCRIPTS / "seal-linux.sh"
PACKAGES = ("cloud-init", "openssh-server", "sudo", "systemd")
FIRST, SECOND = "i-0aaaaaaaaaaaaaaaa", "i-0bbbbbbbbbbbbbbbb"
DONE = "asg-patch ready: done"

# A boot as far as the scripts can tell: fresh /run, own processes, names and network, no disk in /dev.
BOOT = """
set -e
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sysfs "$1/sys"
mount -t tmpfs -o mode=755 tmpfs "$1/run"
mount -t tmpfs -o mode=755 tmpfs "$1/dev"
for device in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
    set -- "$1" "$2" $device
    mknod -m 666 "$1/dev/$3" c "$4" "$5"
done
ln -s /proc/self/fd "$1/dev/fd"
exec chroot "$1" /bin/sh -c "$2"
"""
# systemd's part, then the four stages in the order of their units. A stage that fails does not stop the next.
STAGES = """
systemd-machine-id-setup >/dev/null 2>&1
cloud-init init --local
cloud-init init
cloud-init modules --mode=config
cloud-init modules --mode=final
"""
# The modules that matter here. Those that partition, mount or configure a network have nothing to do.
CONFIGURATION = """
datasource_list: [NoCloud]
network: {config: disabled}
cloud_init_modules: [write_files, set_hostname, users_groups, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts_per_once, scripts_per_boot, scripts_per_instance, scripts_user, final_message]
"""
COUNTS = "/var/lib/owner"
COUNTING = f"#!/bin/sh\ncat /var/lib/cloud/data/instance-id >>{COUNTS}/$0-ran\n"


def key(name):
    """A line of `authorized_keys` that is sshd's kind and nobody's."""
    blob = {"first": "Fi", "second": "Se", "owner": "Ow", "deploy": "De"}[name] * 21
    return f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{blob}0 {name}"


def command(*words, **how):
    ended = subprocess.run(words, capture_output=True, text=True, check=False, **how)
    holds(ended.returncode == 0, f"{' '.join(map(str, words))}: {ended.stdout}{ended.stderr}")
    return ended.stdout


def mirror():
    """Where this machine's apt has the distribution, and the name of its release."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', Path("/etc/os-release").read_text(), re.MULTILINE))
    codename = os.environ.get("GUEST_RELEASE", release["VERSION_CODENAME"])
    fields = "$(CODENAME) $(COMPONENT) $(REPO_URI)"
    known = command("apt-get", "indextargets", "--format", fields, "Identifier: Packages")
    for line in known.splitlines():
        found, component, place = line.split()
        if (found, component) == (release["VERSION_CODENAME"], "main"):
            return place, codename
    raise AssertionError(f"apt knows no repository of {release['VERSION_CODENAME']} main: {known}")


def proxies():
    """apt's proxies, as debootstrap wants to be told."""
    said = command("apt-config", "dump", "--format", "%f %v%n", "Acquire")
    found = re.findall(r"^Acquire::(https?)::Proxy (\S+)$", said, re.MULTILINE)
    return os.environ | {f"{scheme}_proxy": proxy for scheme, proxy in found}


def base(home):
    """The root from which each guest is copied: made once for a release."""
    place, codename = mirror()
    root = home / codename
    if (root / "etc/asg-patch-guest").exists():
        return root
    if not shutil.which("debootstrap"):
        command("apt-get", "install", "--yes", "--no-install-recommends", "debootstrap")
    shutil.rmtree(root, ignore_errors=True)
    command("debootstrap", "--variant=minbase", codename, str(root), place, env=proxies())
    # Nothing may start while packages are configured.
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    install = f"apt-get update && apt-get install --yes --no-install-recommends {' '.join(PACKAGES)} && apt-get clean"
    install += " && rm -rf /usr/share/doc/* /usr/share/locale/* /usr/share/man/* /var/lib/apt/lists/*_*"
    noninteractive = proxies() | {"DEBIAN_FRONTEND": "noninteractive"}
    command("chroot", str(root), "/bin/sh", "-c", install, env=noninteractive)
    (root / "etc/asg-patch-guest").touch()
    return root


class Guest:
    """A disk, and what AWS would answer to the instance that boots from it."""

    def __init__(self, home, name):
        self.root = Path(home, name)
        command("cp", "--archive", "--reflink=auto", str(BASE), str(self.root))
        self.write("/etc/cloud/cloud.cfg.d/99-guest.cfg", CONFIGURATION)
        # As an image that was just made: no keys, no identity.
        for file in self.root.glob("etc/ssh/ssh_host_*"):
            file.unlink()
        self.write("/etc/machine-id", "")

    def write(self, path, text, mode=0o644):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def read(self, path):
        file = self.root / path.lstrip("/")
        return file.read_text(encoding="utf-8") if file.exists() else None

    def is_instance(self, instance_id, public_key, user_data):
        keys = f"public-keys:\n  - {public_key}\n" if public_key else ""
        self.write("/var/lib/cloud/seed/nocloud/meta-data", f"instance-id: {instance_id}\n{keys}")
        self.write("/var/lib/cloud/seed/nocloud/user-data", user_data)

    def boot(self, then="", stages=STAGES):
        """Boots it, and ends with the exit code and the output of the script `then`."""
        self.write("/then.sh", then)
        inside = f"({stages}) >/boot.out 2>&1; exec env -i PATH=$PATH HOME=/root sh /then.sh"
        spaces = ("--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--net")
        words = ["unshare", *spaces, "sh", "-c", BOOT, "boot", str(self.root), inside]
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def script(path, **values):
    """A guest script, with other values for its limits."""
    text = path.read_text(encoding="utf-8")
    for name, value in values.items():
        text, times = re.subn(rf"^{name}=\d+", f"{name}={value}", text, flags=re.MULTILINE)
        equal(times, 1, f"{name} in {path.name}")
    return text


def ready(**values):
    return script(READY, **({"limit": 60, "pause": 1, "grace": 3} | values))


def seen(root):
    """Path to kind, mode, owner and content of everything on the disk."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder, name)
            at = path.lstat()
            if stat.S_ISREG(at.st_mode):
                what = path.read_bytes()
            else:
                what = os.readlink(path) if stat.S_ISLNK(at.st_mode) else ""
            found["/" + str(path.relative_to(root))] = (stat.filemode(at.st_mode), at.st_uid, at.st_gid, what)
    return found


def owners_image(home, name):
    """A guest with all that an owner may have put into an image."""
    guest = Guest(home, name)
    for user in ("debian", "deploy"):
        command("chroot", str(guest.root), "useradd", "--create-home", "--shell", "/bin/sh", user)
    guest.write("/root/.ssh/authorized_keys", key("owner") + "\n", 0o600)
    guest.write("/home/debian/.ssh/authorized_keys", f"# the team\n{key('owner')}\n", 0o600)
    # The owner's own line, for a user whom cloud-init does not know, with the key that the launch template names.
    guest.write("/home/deploy/.ssh/authorized_keys", f"{key('deploy')}\n{key('first')}\n", 0o600)
    for folder in ("root", "home/debian", "home/deploy"):
        (guest.root / folder / ".ssh").chmod(0o700)
    command("chroot", str(guest.root), "chown", "-R", "debian:", "/home/debian")
    command("chroot", str(guest.root), "chown", "-R", "deploy:", "/home/deploy")
    for often in ("per-boot", "per-instance", "per-once"):
        counting = COUNTING.replace("$0", often)
        guest.write(f"/var/lib/cloud/scripts/{often}/10-owner", counting, 0o755)
    guest.write(f"{COUNTS}/notes", "the owner's\n")
    for kept in ("/var/tmp/installer/part", "/tmp/socket", "/root/.bash_history", "/var/lib/cloud/seed/other/file"):
        guest.write(kept, "the owner's\n")
    guest.write("/etc/sudoers.d/90-cloud-init-users", "# by hand\ndeploy ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    guest.write("/etc/cloud/clean.d/10-owner", f"#!/bin/sh\nrm -rf {COUNTS}\n", 0o755)
    return guest


USER_DATA = COUNTING.replace("$0", "user-data")
# What differs between the owner's image and the sealed disk: all else must be as it was.
CHANGED = {
    "/etc/hostname",
    "/etc/passwd-",
    "/etc/shadow",  # cloud-init locks the password of its default user
    "/etc/shadow-",
    "/etc/sudoers.d",  # its mode
    "/etc/sudoers.d/90-cloud-init-users",  # its default user's line
    "/var/lib/cloud/seed/nocloud/meta-data",
    "/var/log/lastlog",
    "/then.sh",
}
ADDED = re.compile(
    r"/boot\.out|/var/lib/owner/.*-ran|/var/lib/cloud/sem|/var/lib/cloud/handlers|/var/log/cloud-init(-output)?\.log"
    r"|/var/lib/cloud/scripts/vendor|/var/lib/cloud/seed|.*/__pycache__(/.*)?|/etc/(group|shadow|gshadow|passwd)-?"
)


def ran(guest, what):
    return (guest.read(f"{COUNTS}/{what}-ran") or "").split()


def a_sealed_guest_is_the_owners_image_again():
    with tempfile.TemporaryDirectory(dir=HOME) as home:
        guest = owners_image(home, "guest")
        guest.is_instance(FIRST, key("first"), USER_DATA)
        guest.write("/then.sh", "")
        before = seen(guest.root)

        booted = guest.boot(ready())
        equal((booted.returncode, booted.stdout.splitlines()[-1:]), (0, [DONE]), f"first boot {booted}")
        machine, host_keys = guest.read("/etc/machine-id"), host_keys_of(guest)
        holds(len(machine) == 33 and len(host_keys) >= 4, f"no identity: {machine} {list(host_keys)}")
        for user in ("root", "home/debian"):
            holds(key("first").split()[1] in guest.read(f"/{user}/.ssh/authorized_keys"), f"no key for {user}")

        # The reboot after patching: nothing of the first boot happens again. Then the seal.
        sealed = guest.boot(f"{ready()}\n{SEAL.read_text(encoding='utf-8')}")
        equal((sealed.returncode, sealed.stderr), (0, ""), f"seal: {sealed.stdout}")
        equal(sealed.stdout.splitlines()[-1], "asg-patch seal: done", "its last line")
        equal(ran(guest, "user-data"), [FIRST], "user data, after a reboot")
        after = seen(guest.root)
        lost = [p for p in before if p not in after]
        equal(lost, [], "what the seal took away from the owner")
        differs = {p for p in before if p in after and before[p] != after[p] and not stat_only(before[p], after[p])}
        equal(sorted(differs - CHANGED), [], "what else differs")
        added = [p for p in after if p not in before and not ADDED.fullmatch(p)]
        equal(added, [], "what else is left of the instance")
        equal(guest.read("/etc/machine-id"), "", "the machine id")

        guest.is_instance(SECOND, key("second"), USER_DATA)
        booted = guest.boot(ready())
        equal(booted.returncode, 0, f"second boot: {booted}")
        equal(ran(guest, "user-data"), [FIRST, SECOND], "user data")
        equal(ran(guest, "per-instance"), [FIRST, SECOND], "the owner's per-instance script")
        equal(ran(guest, "per-once"), [FIRST, SECOND], "the owner's per-once script")
        equal(ran(guest, "per-boot"), [FIRST, FIRST, SECOND], "the owner's per-boot script")
        holds(guest.read("/etc/machine-id") != machine, "the machine id is the old one")
        fresh = host_keys_of(guest)
        equal(set(fresh), set(host_keys), "kinds of host keys")
        holds(not set(fresh.values()) & set(host_keys.values()), "a host key is the old one")
        keys_are_those_of(guest, "second")
        return (guest.read("/var/log/cloud-init.log") or "").partition("Cloud-init v. ")[2].split(" ")[0]


def stat_only(before, after):
    """A directory whose times changed: nothing that is compared."""
    return before[0].startswith("d") and before[1:3] == after[1:3] and before[0] == after[0]


def host_keys_of(guest):
    return {f.name: f.read_bytes() for f in guest.root.glob("etc/ssh/ssh_host_*")}


def keys_are_those_of(guest, name):
    """The instance's key where cloud-init writes it, and the owner's where the owner wrote them."""
    debian, root = guest.read("/home/debian/.ssh/authorized_keys"), guest.read("/root/.ssh/authorized_keys")
    equal(debian.split("\n"), ["# the team", key("owner"), key(name), ""], "the default user's keys")
    first, second = root.splitlines()
    equal(first, key("owner"), "root's foreign key")
    holds(second.startswith("no-port-forwarding") and second.endswith(key(name)), f"root's other line: {second}")
    deploy = guest.read("/home/deploy/.ssh/authorized_keys").splitlines()
    equal(deploy, [key("deploy"), key("first")], "keys of the owner's own user")


def what_ran_once_in_the_owners_image_stays_done():
    with tempfile.TemporaryDirectory(dir=HOME) as home:
        guest = owners_image(home, "guest")
        semaphore = "/var/lib/cloud/sem/config_scripts_per_once.once"
        guest.write(semaphore, "1: 1.0\n")
        os.utime(guest.root / semaphore.lstrip("/"), (1, 1))
        for instance, name in ((FIRST, "first"), (SECOND, "second")):
            guest.is_instance(instance, key(name), USER_DATA)
            sealed = guest.boot(SEAL.read_text(encoding="utf-8"))
            equal((sealed.returncode, sealed.stderr), (0, ""), f"seal of {name}")
            equal(guest.read(semaphore), "1: 1.0\n", "the image's semaphore")
            equal(ran(guest, "per-once"), [], "per-once scripts")
        equal(ran(guest, "user-data"), [FIRST, SECOND], "user data")


def a_failed_first_boot_is_reported_with_the_end_of_its_log():
    with tempfile.TemporaryDirectory(dir=HOME) as home:
        guest = Guest(home, "guest")
        guest.is_instance(FIRST, key("first"), "#!/bin/sh\necho the repository is away\nexit 1\n")
        ended = guest.boot(ready())
        said = ended.stdout.splitlines()
        equal((ended.returncode, ended.stderr), (10, ""), f"exit code: {said}")
        holds("the repository is away" in said, f"the log's end: {said}")
        holds(said[-1].startswith("asg-patch ready: first boot failed: ") and "scripts_user" in said[-1], said[-1])
        holds(len(ended.stdout) < 2500, f"{len(ended.stdout)} characters")
        return said[-1]


def a_first_boot_that_runs_is_waited_for():
    with tempfile.TemporaryDirectory(dir=HOME) as home:
        guest = Guest(home, "guest")
        guest.is_instance(FIRST, key("first"), "#!/bin/sh\nsleep 8\ntouch /finished\n")
        # Started in the background, as systemd does: the script sees the stages pass.
        waited = f"({STAGES}) >/boot.out 2>&1 &\n{ready()}"
        ended = guest.boot(waited, stages=":")
        said = ended.stdout.splitlines()
        equal((ended.returncode, said[-1]), (0, DONE), f"{said} {ended.stderr}")
        holds((guest.root / "finished").exists(), "it did not wait for user data")
        holds(any("waits for cloud-init" in line for line in said) and len(said) < 6, f"what it says: {said}")

        guest = Guest(home, "endless")
        guest.is_instance(FIRST, key("first"), "#!/bin/sh\nsleep 600\n")
        ended = guest.boot(f"({STAGES}) >/boot.out 2>&1 &\n{ready(limit=10)}", stages=":")
        equal((ended.returncode, ended.stderr), (10, ""), f"exit code: {ended.stdout}")
        holds("not done after 10 s" in ended.stdout.splitlines()[-1], ended.stdout)


def a_cloud_init_that_never_starts_or_is_off_or_absent_is_ready():
    with tempfile.TemporaryDirectory(dir=HOME) as home:
        guest = Guest(home, "guest")
        for about, prepare in (
            ("never starts", lambda: None),
            ("is off", lambda: guest.write("/etc/cloud/cloud-init.disabled", "")),
            ("is absent", lambda: (guest.root / "usr/bin/cloud-init").rename(guest.root / "usr/bin/gone")),
        ):
            prepare()
            ended = guest.boot(ready(), stages=":")
            equal((ended.returncode, ended.stderr), (0, ""), f"{about}: {ended.stdout}")
            sealed = guest.boot(SEAL.read_text(encoding="utf-8"), stages=":")
            equal((sealed.returncode, sealed.stderr), (0, ""), f"seal: {about}")


LOCKING = """
import fcntl, time
file = open('{lock}', 'w')
fcntl.lockf(file, fcntl.LOCK_EX)
open('/locked', 'w').close()
time.sleep({seconds})
"""


def a_held_lock_is_waited_for_and_named():
    locks = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock")
    with tempfile.TemporaryDirectory(dir=HOME) as home:
        guest = Guest(home, "guest")
        for lock in locks:
            for seconds, limit, code in ((6, 60, 0), (600, 4, 11)):
                guest.write("/hold.py", LOCKING.format(lock=lock, seconds=seconds))
                hold = "rm -f /locked; python3 /hold.py & until [ -e /locked ]; do sleep 0.1; done"
                ended = guest.boot(f"{hold}\n{ready(limit=limit, grace=0)}", stages=":")
                said = ended.stdout.splitlines()
                equal((ended.returncode, ended.stderr), (code, ""), f"{lock} {seconds} s: {said}")
                told = said[0] if code == 0 else said[-1]
                holds(f"{lock}, held by process" in told and "python3 /hold.py" in told, told)
        # apt-get itself, which a hook delays while it holds its lock.
        for lock, hook, work in ((locks[2], "APT::Update", "update"), (locks[0], "DPkg", "--yes remove sudo")):
            work = f'apt-get -o {hook}::Pre-Invoke::="touch /locked; sleep 6" {work} >/dev/null 2>&1 &'
            hold = f"rm -f /locked; {work}\nuntil [ -e /locked ]; do sleep 0.1; done"
            ended = guest.boot(f"{hold}\n{ready(grace=0)}", stages=":")
            said = ended.stdout.splitlines()
            equal((ended.returncode, said[-1]), (0, DONE), f"{lock}: {said}")
            holds(f"{lock}, held by process" in said[0] and "(apt-get " in said[0], f"{lock}: {said}")
        return ", ".join(locks)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for needed in ("apt-get", "unshare", "chroot"):
        if not shutil.which(needed):
            sys.exit(f"guest_check.py needs {needed}: it runs on Debian and Ubuntu")
    if os.geteuid() != 0:
        sys.exit("guest_check.py must be root: it makes a Debian root and boots it in namespaces of its own")
    HOME = Path(sys.argv[1]).resolve()
    HOME.mkdir(parents=True, exist_ok=True)
    BASE = base(HOME)
    sys.exit(
        run(
            [
                a_sealed_guest_is_the_owners_image_again,
                what_ran_once_in_the_owners_image_stays_done,
                a_failed_first_boot_is_reported_with_the_end_of_its_log,
                a_first_boot_that_runs_is_waited_for,
                a_cloud_init_that_never_starts_or_is_off_or_absent_is_ready,
                a_held_lock_is_waited_for_and_named,
            ]
        )
    )
