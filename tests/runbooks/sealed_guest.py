"""A guest that is sealed: what is in it, and what must become of each part."""

import json
import os
import stat

MACHINE = "1f2e3d4c5b6a79880123456789abcdef"

# A guest: its paths, and what becomes of each. NO_KEY: the line with the instance's key goes.
GONE, EMPTY, KEPT, NO_KEY = "gone", "empty", "kept", "no key"
GUEST = {
    "etc/machine-id": EMPTY,
    "etc/hostname": KEPT,
    "etc/passwd": KEPT,
    "etc/cloud/cloud.cfg": KEPT,
    "etc/cloud/clean.d/10-owner": KEPT,
    "etc/ssh/ssh_host_rsa_key": GONE,
    "etc/ssh/ssh_host_ed25519_key.pub": GONE,
    "etc/ssh/sshd_config": KEPT,
    "etc/ssh/sshd_config.d/10-hardening.conf": KEPT,
    "etc/ssh/ssh_config": KEPT,
    "etc/ssh/keys/ec2-user": NO_KEY,
    "etc/sudoers.d/90-cloud-init-users": KEPT,
    "etc/sudoers.d/10-admins": KEPT,
    "root/.ssh/authorized_keys": NO_KEY,
    "root/.ssh/config": KEPT,
    "root/.bash_history": KEPT,
    "root/.bashrc": KEPT,
    "home/ec2-user/.ssh/authorized_keys": NO_KEY,
    "home/ec2-user/.ssh/id_ed25519": KEPT,
    "home/ec2-user/.python_history": KEPT,
    "home/ec2-user/.config/app.toml": KEPT,
    "home/a user; rm -rf $HOME/.ssh/authorized_keys": NO_KEY,
    "home/a user; rm -rf $HOME/notes": KEPT,
    # The owner's own user, whom cloud-init does not know: the same key was put there by the owner.
    "home/deploy/.ssh/authorized_keys": KEPT,
    "opt/app/bin/app": KEPT,
    "run/cloud-init/instance-data.json": KEPT,
    "srv/data/1": KEPT,
    "tmp/half.tmp": KEPT,
    "tmp/socket": KEPT,
    "var/tmp/installer/part": KEPT,
    "var/lib/cloud/instances/i-1/user-data.txt": GONE,
    "var/lib/cloud/instances/i-1/cloud-config.txt": GONE,
    "var/lib/cloud/instances/i-1/sem/config_ssh": GONE,
    "var/lib/cloud/instances/i-1/sem/config_scripts_user": GONE,
    "var/lib/cloud/data/instance-id": GONE,
    "var/lib/cloud/sem/config_scripts_per_once.once": GONE,
    "var/lib/cloud/sem/config_ran_in_the_owners_image.once": KEPT,
    "var/lib/cloud/scripts/per-boot/10-app": KEPT,
    "var/lib/cloud/scripts/per-instance/10-app": KEPT,
    "var/lib/cloud/scripts/per-once/10-app": KEPT,
    "var/lib/cloud/seed/nocloud/meta-data": KEPT,
    "var/lib/cloud/handlers/part.py": KEPT,
    "var/lib/dbus/machine-id": EMPTY,
    "var/lib/systemd/random-seed": GONE,
    "var/lib/systemd/timers/stamp": KEPT,
    "var/lib/dhclient/dhclient--eth0.lease": GONE,
    "var/lib/dhcp/dhclient.eth0.leases": GONE,
    "var/lib/NetworkManager/internal-1-eth0.lease": GONE,
    "var/lib/NetworkManager/secret_key": KEPT,
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
    "var/log/cloud-init.log": EMPTY,
    "var/log/cloud-init-output.log": EMPTY,
    "var/log/cron": EMPTY,
    "var/log/wtmp": EMPTY,
    "var/log/btmp": EMPTY,
    "var/log/lastlog": EMPTY,
    "var/log/dmesg": EMPTY,
    "var/log/messages": KEPT,
    f"var/log/journal/{MACHINE}/system.journal": GONE,
    "var/log/journal/0123/system.journal": KEPT,
    "var/log/sa/sa17": GONE,
    "var/log/sa/sar17": GONE,
}
# Directories and links that are removed with all that is in them.
GONE_TOO = ("var/lib/cloud/instance", "var/lib/cloud/instances", "var/lib/cloud/data", f"var/log/journal/{MACHINE}")

BLOB = "AAAAB3NzaC1yc2EAAAADAQABAAABAQC/" + "Fi+" * 40 + "=="
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "Ow" * 21
OURS = f"ssh-rsa {BLOB} my-key\n"
REFUSED = (
    'no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command="echo \'Please login as the user \\"ec2-user\\" '
    f'rather than the user \\"root\\".\';echo;sleep 10;exit 142" {OURS}'
)
THEIRS = (
    f"# the team, and never again ssh-rsa {BLOB} my-key\n\n"
    f'from="10.0.0.0/8",command="/usr/bin/backup  --all" ssh-ed25519 {OTHER} backup of \\n things\n'
    f"ssh-ed25519 {OTHER}A almost-the-same\n"
)
PASSWD = """root:x:0:0:root:{root}/root:/bin/sh
ec2-user:x:1000:1000::{root}/home/ec2-user:/bin/sh
boss:x:1001:1001::{root}/home/a user; rm -rf $HOME:/bin/sh
deploy:x:1002:1002::{root}/home/deploy:/bin/sh
homeless:x:1003:1003:::/bin/sh
"""
CLOUD_CFG = """users:
   - default
system_info:
   default_user:
     name: 'ec2-user' # as AWS has it
     lock_passwd: true
"""
INSTANCE_DATA = {"ds": {"meta_data": {}}, "v1": {"public_ssh_keys": [OURS.strip()], "region": None}}


def texts(root):
    """What stands in the files that the script reads, in a guest whose root is `root`."""
    key_file = f"{THEIRS}{OURS}"
    return {
        "etc/machine-id": MACHINE + "\n",
        "etc/passwd": PASSWD.format(root=root),
        "etc/cloud/cloud.cfg": CLOUD_CFG,
        "etc/ssh/sshd_config": f"Port 22\nAuthorizedKeysFile .ssh/authorized_keys {root}/etc/ssh/keys/%u\n",
        "etc/ssh/keys/ec2-user": key_file,
        "root/.ssh/authorized_keys": f"{THEIRS}{REFUSED}",
        "home/ec2-user/.ssh/authorized_keys": key_file,
        "home/deploy/.ssh/authorized_keys": key_file,
        "home/a user; rm -rf $HOME/.ssh/authorized_keys": OURS,
        "run/cloud-init/instance-data.json": json.dumps(INSTANCE_DATA, indent=1, sort_keys=True) + "\n",
        # User data may name another default user.
        "var/lib/cloud/instances/i-1/cloud-config.txt": "#cloud-config\nuser: boss\n",
    }


def guest(root, inside=None):
    """All of it below `root`; the script will see that directory as `inside`."""
    own = texts(root if inside is None else inside)
    for path in GUEST:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(own.get(path, f"{path} before\n"), encoding="utf-8")
        file.chmod(0o640)
    (root / "var/log/elsewhere").symlink_to("messages")
    (root / "var/lib/cloud/instance").symlink_to("instances/i-1")
    os.utime(root / "var/lib/cloud/sem/config_ran_in_the_owners_image.once", (1, 1))
    os.utime(root / "var/lib/cloud/instances/i-1/sem/config_ssh", (9, 9))


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


def expected(before, changes=()):
    """What is there after the seal; `changes` are fates other than those of GUEST."""
    after = {}
    for path, (mode, what) in before.items():
        fate = (GUEST | dict(changes)).get(path, KEPT)
        if any(path == g or path.startswith(g + "/") for g in GONE_TOO):
            fate = GONE
        if fate == EMPTY:
            after[path] = (mode, b"")
        elif fate == NO_KEY:
            after[path] = (mode, without_ours(what.decode()).encode())
        elif fate == KEPT:
            after[path] = (mode, what)
    return after


def without_ours(text):
    """A file of keys without the lines that cloud-init wrote for the instance's key."""
    return "".join(line for line in text.splitlines(keepends=True) if line not in (OURS, REFUSED))


def differences(found, wanted):
    paths = sorted(set(found) | set(wanted))
    return [f"{p}: {found.get(p)!r:.99}, not {wanted.get(p)!r:.99}" for p in paths if found.get(p) != wanted.get(p)]
