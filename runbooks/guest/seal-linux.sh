#!/bin/sh
# asg-patch seal (Linux): removes what must not be copied into an image, then syncs.
# Run as the last command before CreateImage: the SSM agent's own working files stay, and nothing may
# boot the guest between this and the snapshot. Source of the list: EC2 Image Builder, security best
# practices.
set -u

if command -v cloud-init >/dev/null 2>&1; then
  cloud-init clean --logs --machine-id >/dev/null 2>&1 || cloud-init clean --logs >/dev/null 2>&1 || true
fi
rm -rf /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /var/lib/cloud/sem

rm -f /etc/ssh/ssh_host_*
for home in /root /home/*; do
  rm -f "$home/.ssh/authorized_keys" "$home/.bash_history" "$home/.python_history" "$home/.lesshst"
done
rm -f /etc/sudoers.d/90-cloud-init-users

# The machine id must exist and be empty: systemd then makes a new one at first boot.
: > /etc/machine-id
[ ! -L /var/lib/dbus/machine-id ] && [ -e /var/lib/dbus/machine-id ] && : > /var/lib/dbus/machine-id
rm -f /var/lib/systemd/random-seed

for log in /var/log/audit/audit.log /var/log/boot.log /var/log/dmesg /var/log/cron /var/log/wtmp /var/log/btmp; do
  [ -f "$log" ] && : > "$log"
done
rm -rf /var/log/journal/* /var/log/sa/sa* /var/tmp/* /tmp/*.tmp
rm -f /var/lib/dhclient/*.lease* /var/lib/dhcp/*.lease*

# A stale state file keeps a clone from joining its cluster.
rm -f /var/lib/ecs/data/agent.db /var/lib/ecs/data/ecs_agent_data.json

# A secret that opens every instance of the image must be gone, whatever the tools above reported.
for secret in /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys /etc/sudoers.d/90-cloud-init-users; do
  if [ -e "$secret" ]; then
    echo "asg-patch seal: expected $secret to be removed, found it" >&2
    exit 1
  fi
done
if [ -s /etc/machine-id ]; then
  echo "asg-patch seal: expected /etc/machine-id to be empty, found it filled" >&2
  exit 1
fi

sync
echo "asg-patch seal: done"
