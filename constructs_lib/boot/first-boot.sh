#!/bin/bash
# The bastion's first boot, once, by cloud-init: s3fs, the mount, and after it the AWS CLI (primer, chapters 10 and 11).
# Every step can be run again.
set -uo pipefail
exec > >(tee -a /var/log/learning-stack.log) 2>&1
# shellcheck source=/dev/null
. /etc/learning-stack.env
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
  apt-get update -q && apt-get install -qy --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

s3fs_from_source() { # the primer's way, at a tag that is checked to be the commit we know
  local source=/usr/local/src/s3fs-fuse
  try apt_install automake autotools-dev fuse3 g++ git libcurl4-openssl-dev libfuse3-dev libssl-dev libxml2-dev \
    make pkg-config || return 1
  rm -rf "$source"
  try git clone -q --depth 1 --branch "$S3FS_TAG" "$S3FS_GIT" "$source" || return 1
  if [ "$(git -C "$source" rev-parse HEAD)" != "$S3FS_COMMIT" ]; then
    log "$S3FS_GIT: tag $S3FS_TAG is not commit $S3FS_COMMIT"
    return 1
  fi
  (cd "$source" && ./autogen.sh && ./configure && make -j"$(nproc)" && make install)
}

awscli_has_version_2() { apt-cache show awscli 2> /dev/null | grep -q '^Version: 2'; }

awscli_from_aws() { # checked against the signature of AWS's own key
  local work zip url
  work=$(mktemp -d) && zip=$work/awscli.zip
  url=https://awscli.amazonaws.com/awscli-exe-linux-$(uname -m).zip
  try apt_install curl gnupg unzip || return 1
  try curl -fsS -o "$zip" "$url" && try curl -fsS -o "$zip.sig" "$url.sig" || return 1
  gpg --batch --yes --dearmor -o "$work/key.gpg" /usr/local/share/learning-stack/awscli.asc || return 1
  if ! gpgv --status-fd 1 --keyring "$work/key.gpg" "$zip.sig" "$zip" |
    grep -q '^\[GNUPG:\] VALIDSIG FB5DB77FD5C118B80511ADA8A6310ACC4672475C '; then
    log "$url: the signature is not that of the AWS CLI team"
    return 1
  fi
  unzip -qo "$zip" -d "$work" && "$work/aws/install" --update && rm -rf "$work"
}

log "first boot begins"

if ! command -v s3fs > /dev/null; then
  case $S3FS_INSTALL in
    apt) try apt_install s3fs ;;
    source) s3fs_from_source ;;
  esac || fail "s3fs was not installed ($S3FS_INSTALL)"
fi

systemctl daemon-reload
systemctl enable -q rc-local.service
systemctl restart rc-local.service
try s3-mount-answers || fail "$MOUNT_POINT does not answer: see journalctl -u rc-local"
log "$BUCKET is mounted at $MOUNT_POINT"

if ! command -v aws > /dev/null; then
  try apt-get update -q
  if awscli_has_version_2; then try apt_install awscli; else awscli_from_aws; fi || fail "the AWS CLI was not installed"
fi

log "first boot is complete"
