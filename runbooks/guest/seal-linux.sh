#!/bin/sh
# asg-patch seal (Linux): removes what belongs to this instance and must not be copied into an image, then syncs.
# What the owner put there stays: docs/guest.md has the list of both, with the reasons.
# Run as the last command before CreateImage: the SSM agent's own working files stay, and nothing may
# boot the guest between this and the snapshot.
set -u
export LC_ALL=C

# The instance's public keys, without type and comment: from what cloud-init wrote down at this boot, else from IMDS.
# instance-data.json is JSON with one value a line in every version since 18.4.
instance_keys() {
  if [ -r /run/cloud-init/instance-data.json ]; then
    awk '/"public_ssh_keys": \[/ { inside = 1 } inside { print } /\]/ { inside = 0 }' /run/cloud-init/instance-data.json
  else
    for index in $(imds public-keys/ | cut -d = -f 1); do
      imds "public-keys/$index/openssh-key"
      echo
    done
  fi | grep -oE 'AAAA[A-Za-z0-9+/]+=*' | sort -u
}

imds() {
  base=http://169.254.169.254/latest
  if command -v curl >/dev/null 2>&1; then
    token=$(curl -sf -m 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$base/api/token")
    curl -sf -m 3 -H "X-aws-ec2-metadata-token: $token" "$base/meta-data/$1"
  elif command -v wget >/dev/null 2>&1; then
    token=$(wget -q -T 3 -t 1 -O - --method=PUT --header='X-aws-ec2-metadata-token-ttl-seconds: 60' "$base/api/token")
    wget -q -T 3 -t 1 -O - --header="X-aws-ec2-metadata-token: $token" "$base/meta-data/$1"
  fi 2>/dev/null
}

# Whom cloud-init gives the instance's key: root and its default user (cc_ssh.py), who is named in root's line and in
# the configuration. The same key in another user's file was put there by the owner.
users_of_the_key() {
  echo root
  sed -n 's/.*Please login as the user \\"\([^"\\]*\)\\".*/\1/p' /root/.ssh/authorized_keys
  sed -n -e '/^[[:space:]]*default_user:/,/^[[:space:]]*name:/s/^[[:space:]]*name:[[:space:]]*//p' -e 's/^user:[[:space:]]*//p' \
    /etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d/*.cfg /var/lib/cloud/instance/cloud-config.txt | sed 's/[[:space:]]*#.*//' | tr -d "\"' "
}

# Where sshd looks for a user's keys: AuthorizedKeysFile may say otherwise than the default (sshd_config(5)).
key_files_of() {
  printf '%s\n' "$2/.ssh/authorized_keys"
  sed -n 's/^[[:space:]]*[Aa]uthorized[Kk]eys[Ff]ile[[:space:]=]*//p' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf |
    tr -s '[:blank:]' '\n' | sed -e "s|%h|$2|g" -e "s|%u|$1|g" -e "s|^\([^/]\)|$2/\1|"
}

key_files() {
  users_of_the_key | sort -u | while read -r user; do
    home=$(awk -F : -v user="$user" '$1 == user { print $6; exit }' /etc/passwd)
    [ -z "$home" ] || key_files_of "$user" "$home"
  done | sort -u | while IFS= read -r file; do
    [ ! -f "$file" ] || printf '%s\n' "$file"
  done
}

# Prints the lines of a file that hold none of the instance's keys; fails if there were others.
without_keys() {
  awk -v keys="$keys" '
    BEGIN { split(keys, list, "\n"); for (i in list) ours[list[i]] = 1 }
    !/^[[:space:]]*#/ { for (i = 1; i <= NF; i++) if ($i in ours) { found = 1; next } }
    { print }
    END { exit found }' "$1"
}

remove_keys() {
  printf '%s\n' "$files" | while IFS= read -r file; do
    left=$(without_keys "$file") && continue
    # Written in place: owner, mode and label stay.
    if [ -n "$left" ]; then printf '%s\n' "$left" >"$file"; else : >"$file"; fi
  done
}

keys='' files=''
if [ -d /var/lib/cloud/instance ]; then
  keys=$(instance_keys 2>/dev/null)
  files=$(key_files 2>/dev/null)
  if [ -z "$keys" ] && [ -n "$files" ] && [ ! -r /run/cloud-init/instance-data.json ]; then
    echo "asg-patch seal: warning: the instance's key is not known (cloud-init and IMDS name none): all keys stay"
  fi
fi
[ -z "$keys" ] || [ -z "$files" ] || remove_keys

# Not by `cloud-init clean`: in every version so far it removes the owner's scripts/per-boot, per-instance and per-once
# too (canonical/cloud-init#3227). seed, scripts, handlers stay. Of the semaphores of what runs once ever, those go that
# this instance wrote; what ran while the owner's own image was made does not run again.
# shellcheck disable=SC2012 # names of semaphores are plain
born=$(ls -t /var/lib/cloud/instance/sem/* 2>/dev/null | tail -n 1)
if [ -n "$born" ] && [ -d /var/lib/cloud/sem ]; then
  find /var/lib/cloud/sem -type f -newer "$born" -exec rm -f {} +
fi
rm -rf /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data

rm -f /etc/ssh/ssh_host_*

# The journal's directory is named after the machine id.
if [ -s /etc/machine-id ]; then
  id=$(cat /etc/machine-id)
  case "$id" in
    *[!0-9a-f]*) ;;
    *) rm -rf "/var/log/journal/$id" ;;
  esac
fi
# The machine id must exist and be empty: systemd then makes a new one, and does not take the boot for the very first,
# at which it would set the owner's units back to their presets (machine-id(5)).
: > /etc/machine-id
[ ! -L /var/lib/dbus/machine-id ] && [ -e /var/lib/dbus/machine-id ] && : > /var/lib/dbus/machine-id
rm -f /var/lib/systemd/random-seed

for log in /var/log/cloud-init.log /var/log/cloud-init-output.log /var/log/audit/audit.log /var/log/boot.log \
  /var/log/dmesg /var/log/cron /var/log/wtmp /var/log/btmp /var/log/lastlog; do
  [ -f "$log" ] && : > "$log"
done
rm -f /var/log/sa/sa*
rm -f /var/lib/dhclient/*.lease* /var/lib/dhcp/*.lease* /var/lib/NetworkManager/*.lease

# A stale state file keeps a clone from joining its cluster.
rm -f /var/lib/ecs/data/agent.db /var/lib/ecs/data/ecs_agent_data.json

# What opens every instance of the image, or makes two of them one, must be gone, whatever was reported above.
for gone in /etc/ssh/ssh_host_* /var/lib/cloud/instance /var/lib/cloud/data/instance-id; do
  if [ -e "$gone" ]; then
    echo "asg-patch seal: expected $gone to be removed, found it" >&2
    exit 1
  fi
done
if [ -s /etc/machine-id ]; then
  echo "asg-patch seal: expected /etc/machine-id to be empty, found it filled" >&2
  exit 1
fi
if [ -n "$keys" ] && [ -n "$files" ]; then
  printf '%s\n' "$files" | while IFS= read -r file; do
    if ! without_keys "$file" >/dev/null; then
      echo "asg-patch seal: expected the instance's key to be removed from $file, found it" >&2
      exit 1
    fi
  done || exit 1
fi

sync
echo "asg-patch seal: done"
