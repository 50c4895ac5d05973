#!/bin/bash
# The bastion's first boot, by cloud-init: s3fs, the mount, the AWS CLI (primer, chapters 10, 11). Can be run again.
set -uo pipefail
exec > >(tee -a /var/log/learning-stack.log) 2>&1
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l PATH=$PATH:/snap/bin

log() { echo "learning-stack $(date -u +%FT%TZ): $*"; }

# The deploy waits for this, 15 minutes. The reason has room for 64 characters.
report() {
  AWS_MAX_ATTEMPTS=10 aws cloudformation signal-resource --region "$REGION" --stack-name "$STACK" \
    --logical-resource-id "$SIGNAL" --status "$1" --unique-id "${2:0:64}" || log "no deploy takes the report"
}

fail() {
  log "failed: $*"
  journalctl -qb -u rc-local -n 5 -o cat
  command -v aws > /dev/null || install_awscli
  report FAILURE "$*"
  exit 1
}

# The internet may come late. What has not worked 12 minutes after the start fails.
try() {
  until "$@"; do
    ((SECONDS < 720)) || return 1
    sleep 5
  done
}

apt() { apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@"; }
apt_install() { apt update && apt install -y --no-install-recommends "$@"; }

round_trip() {
  local file=$MOUNT_POINT/.learning-stack-first-boot
  s3-mount-answers && date > "$file" && grep -q . "$file" && rm "$file"
}

install_s3fs() { try apt_install s3fs; }
# Ubuntu 24.04 has no package of it; AWS publishes it as a snap, too.
install_awscli() {
  if apt-cache show awscli > /dev/null 2>&1; then try apt_install awscli; else try snap install --classic aws-cli; fi
}

# The settings, and another way to install s3fs.
for file in /etc/learning-stack.env /usr/local/lib/learning-stack/*.sh; do
  # shellcheck source=/dev/null
  [ -e "$file" ] && . "$file"
done

log "first boot begins"
command -v s3fs > /dev/null || install_s3fs || fail "s3fs was not installed"
systemctl daemon-reload
systemctl enable -q rc-local.service
systemctl restart rc-local.service
try round_trip || fail "no file can be written to $MOUNT_POINT: see journalctl -u rc-local"
log "$BUCKET is mounted at $MOUNT_POINT"
command -v aws > /dev/null || install_awscli || fail "the AWS CLI was not installed"
report SUCCESS "$BUCKET is mounted"
log "first boot is complete"
