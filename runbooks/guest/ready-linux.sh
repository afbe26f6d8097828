#!/bin/sh
# asg-patch ready (Linux): waits until first boot is over and no package manager works, then says so.
#
# Exit codes: 0 ready, 10 first boot failed or does not end, 11 a package manager still works at the limit.
#
# Run Command keeps the first 2,500 characters of a command's output (amazon-ssm-agent, TruncateOutput): little is
# printed while it waits, and log lines are cut, so that the last line is always among them.
set -u
export LC_ALL=C

limit=1200 # seconds for everything; user data that installs software takes minutes, rarely ten
pause=5    # seconds between two looks
grace=60   # seconds after which a cloud-init that has not started is taken for one that never will
report=300 # seconds between two lines about the same cause

say() { echo "asg-patch ready: $*"; }

# Seconds since boot: the clock may jump while the guest boots.
now() { awk '{ print int($1) }' /proc/uptime; }

begun=$(now)
passed() { echo $(($(now) - begun)); }

told='' told_at=0
# Says what is waited for: when that changes, and every now and then.
waiting_for() {
  if [ "$1" != "$told" ] || [ "$(passed)" -ge $((told_at + report)) ]; then
    say "$(passed) s: waits for $1"
    told=$1 told_at=$(passed)
  fi
  sleep "$pause"
}

first_boot_failed() {
  for log in /var/log/cloud-init-output.log /var/log/cloud-init.log; do
    if [ -s "$log" ]; then
      echo "The end of $log"
      tail -n 15 "$log" | cut -c 1-100
      break
    fi
  done
  say "first boot failed: $1"
  exit 10
}

# `cloud-init status --wait` waits for ever for a cloud-init that never starts (18.2 to 22.4: "not run"; later: "not
# started"), so this looks by itself.
#
# Prints one of: done, degraded, running, waiting, off, error, unknown.
first_boot() {
  status=$(cloud-init status 2>/dev/null)
  code=$?
  case "$status" in
    *'status: error'*) echo error ;;
    *'status: running'*) echo running ;;
    # From 23.4 on, exit code 2 stands for errors that cloud-init recovered from.
    *'status: done'*) if [ "$code" -eq 2 ]; then echo degraded; else echo "done"; fi ;;
    *'status: disabled'*) echo off ;;
    *'status: not run'* | *'status: not started'*) echo waiting ;;
    # Before 17.2 there is no such command. A cloud-init that is broken answers nothing either.
    *)
      if [ -e /run/cloud-init/result.json ]; then
        if tr -d ' \n' </run/cloud-init/result.json | grep -q '"errors":\["'; then echo error; else echo unknown; fi
      elif [ -e /run/cloud-init/status.json ]; then
        echo running
      else
        echo waiting
      fi
      ;;
  esac
}

# The first error that cloud-init noted, in one line.
first_error() {
  cat /run/cloud-init/result.json /run/cloud-init/status.json 2>/dev/null |
    awk '/"errors": \[$/ { getline; gsub(/^[ \t]*"|",?$/, ""); print; exit }' | cut -c 1-300
}

await_first_boot() {
  command -v cloud-init >/dev/null 2>&1 || return 0
  while :; do
    state=$(first_boot)
    case "$state" in
      done | off) return 0 ;;
      degraded)
        say 'warning: cloud-init reports errors that it recovered from (cloud-init status --long)'
        return 0
        ;;
      unknown)
        say 'warning: cloud-init ended, and says no more (cloud-init status)'
        return 0
        ;;
      error) first_boot_failed "cloud-init status is error: $(first_error)" ;;
      waiting) [ "$(passed)" -lt "$grace" ] || return 0 ;;
      *) ;;
    esac
    [ "$(passed)" -lt "$limit" ] || first_boot_failed "cloud-init is not done after $limit s"
    waiting_for "cloud-init ($state)"
  done
}

# Processes that hold the lock that a file is. dpkg, apt and rpm lock with fcntl; /proc/locks has the inodes of all locks
# (proc(5)), with `->` before those who wait for one. An inode alone could be that of another file system.
lock_holders() {
  [ -f "$1" ] && [ -r /proc/locks ] || return 0
  # shellcheck disable=SC2012 # a fixed name, and `stat` is not POSIX
  inode=$(ls -i "$1" | awk '{ print $1 }')
  # shellcheck disable=SC2013 # one number a line
  for pid in $(awk -v inode="$inode" '$2 != "->" { n = split($6, id, ":"); if (id[n] == inode) print $5 }' /proc/locks); do
    if find "/proc/$pid/fd" -lname "$1" 2>/dev/null | grep -q .; then
      echo "$pid"
    elif [ "$pid" -le 0 ]; then # a lock of an open file description belongs to no process
      find /proc/[0-9]*/fd -lname "$1" 2>/dev/null | head -n 1 | cut -d / -f 3
    fi
  done
}

# The process that wrote its number into a file, if it lives and is the one meant: libzypp leaves its file behind.
writer() {
  [ -s "$1" ] || return 0
  pid=$(awk '{ print $1 + 0; exit }' "$1")
  [ "$pid" -gt 0 ] && [ -r "/proc/$pid/cmdline" ] || return 0
  grep -aqiE "$2" "/proc/$pid/cmdline" && echo "$pid"
}

# A process's command in one line.
name_of() { tr '\0\n' '  ' <"/proc/$1/cmdline" 2>/dev/null | cut -c 1-60 | sed 's/ *$//'; }

# One line about the first package manager that works, nothing when none does.
busy() {
  for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock \
    /var/lib/rpm/.rpm.lock /usr/lib/sysimage/rpm/.rpm.lock; do
    holder=$(lock_holders "$lock" | head -n 1)
    [ -z "$holder" ] || { echo "$lock, held by process $holder ($(name_of "$holder"))"; return; }
  done
  for file in /var/run/yum.pid /var/lib/dnf/rpmdb_lock.pid /var/cache/dnf/metadata_lock.pid \
    /var/cache/dnf/download_lock.pid /run/zypp.pid; do
    holder=$(writer "$file" 'yum|dnf|packagekit|zyp|yast|ssm')
    [ -z "$holder" ] || { echo "$file, written by process $holder ($(name_of "$holder"))"; return; }
  done
  # Between two of their steps these hold no lock. The service unattended-upgrades itself always runs.
  if command -v systemctl >/dev/null 2>&1; then
    for unit in apt-daily apt-daily-upgrade dnf-makecache dnf-automatic dnf-automatic-install; do
      [ "$(systemctl is-active "$unit.service" 2>/dev/null)" != activating ] || { echo "$unit.service"; return; }
    done
  fi
  holder=$(grep -las '/usr/bin/[u]nattended-upgrade' /proc/[0-9]*/cmdline | head -n 1 | cut -d / -f 3)
  [ -z "$holder" ] || echo "unattended-upgrade, process $holder"
}

# Free at two looks: apt releases its locks for a moment between two steps.
await_package_managers() {
  free=0
  while [ "$free" -lt 2 ]; do
    cause=$(busy)
    if [ -z "$cause" ]; then
      free=$((free + 1))
      [ "$free" -ge 2 ] || sleep "$pause"
      continue
    fi
    free=0
    if [ "$(passed)" -ge "$limit" ]; then
      say "still busy after $limit s: $cause"
      exit 11
    fi
    waiting_for "$cause"
  done
}

await_first_boot
await_package_managers
say "done"
