#!/bin/bash
# The bastion's first boot, once, by cloud-init: s3fs, the mount, and after it the AWS CLI (primer, chapters 10 and 11).
# Every step can be run again.
set -uo pipefail
exec > >(tee -a /var/log/learning-stack.log) 2>&1
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l

log() { echo "learning-stack $(date -u +%FT%TZ): $*"; }

fail() {
  log "failed: $*"
  exit 1
}

# The Elastic IP, and with it the internet, comes only once the instance runs: try for ten minutes.
try() {
  local deadline=$((SECONDS + 600))
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 5
  done
}

apt_install() {
  apt-get update -q && apt-get install -qy --no-install-recommends -o DPkg::Lock::Timeout=300 \
    -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@"
}

# A look inside can be answered from memory; a file that comes back from S3 cannot.
round_trip() {
  local file=$MOUNT_POINT/.learning-stack-first-boot
  s3-mount-answers && date > "$file" && grep -q . "$file" && rm "$file"
}

install_s3fs() { try apt_install s3fs; }
install_awscli() { try apt_install awscli; }

# The settings, and the other ways to install, where one was chosen or is needed.
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
log "first boot is complete"
