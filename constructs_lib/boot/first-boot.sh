#!/bin/bash
# The bastion's first boot: s3fs, the mount, the report to the deploy, the AWS CLI (primer, chapters 10 and 11). It is run
# again at each boot until it is through. A step that has its own time is this file with the step's name.
set -uo pipefail
[ $# != 0 ] || exec > >(tee -a /var/log/learning-stack.log) 2>&1
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l PATH=$PATH:/snap/bin
STAMP=/var/lib/learning-stack
file=.learning-stack-first-boot said=''
# shellcheck source=/dev/null
. /etc/learning-stack.env

log() { echo "learning-stack $(date -u +%FT%TZ): $*"; }

# What is definite ends the first boot at once; what may pass is tried again, for as long as there is time.
fail() {
  log "failed: $*"
  exit 1
}
try() { until "$@"; do sleep 5; done; }

metadata() {
  imds=http://169.254.169.254/latest
  token=$(curl -sf -m 5 -X PUT -H X-aws-ec2-metadata-token-ttl-seconds:60 $imds/api/token) &&
    curl -sf -m 5 -H "X-aws-ec2-metadata-token:$token" "$imds/meta-data/$1"
}

# Asks a service of AWS in the role's name, with what the image has in its first second. No list of processes shows a key.
signed() {
  keys=$(metadata "iam/security-credentials/$ROLE") || return
  key() { sed -n "s/.*\"$1\" *: *\"\(.*\)\".*/\1/p" <<< "$keys"; }
  curl -sS -m 15 --aws-sigv4 "aws:amz:$REGION:$1" -K <(
    echo "user=$(key AccessKeyId):$(key SecretAccessKey)"
    echo "header=x-amz-security-token:$(key Token)"
  ) "${@:2}"
}

# The deploy counts a signal with the id of this very instance. It has no room for a reason, which the console has.
report() {
  log "reports $1"
  signed cloudformation "${S3_URL/s3/cloudformation}" -f -o /dev/null --retry 9 --retry-connrefused --retry-max-time 60 \
    -d "Action=SignalResource&Version=2010-05-15&StackName=$STACK&LogicalResourceId=$SIGNAL" \
    -d "UniqueId=$(metadata instance-id)&Status=$1" || log "no deploy takes the report"
}

# Where the power went in the middle of it, dpkg first goes on with what it had begun, and what apt had fetched is not good.
apt() { apt-get -qy -o DPkg::Lock::Timeout=300 -o Acquire::http::Timeout=20 "$@"; }
apt_install() {
  dpkg --configure -a
  apt -o APT::Update::Error-Mode=any -o Acquire::Languages=none update || { rm -rf /var/lib/apt/lists/*; return 1; }
  apt-cache show "$@" > /dev/null || fail "Ubuntu lacks $*"
  apt install -f --no-install-recommends "$@" || { apt clean; return 1; }
}

install_s3fs() { try apt_install s3fs; }

mount_bucket() {
  log "s3fs is to be installed"
  [ -e $STAMP.s3fs ] || { install_s3fs && sync && touch $STAMP.s3fs; }
  mountpoint -q "$MOUNT_POINT" || [ -z "$(ls -A "$MOUNT_POINT" 2> /dev/null)" ] || fail "the mount point is not empty: $MOUNT_POINT"
  systemctl enable -q rc-local
  systemctl restart rc-local
  log "$BUCKET is to be mounted"
  try round_trip
  log "$BUCKET is mounted at $MOUNT_POINT, by $(s3fs --version | grep -o "V[0-9].*")"
}

# Why S3 does not serve the role: nothing if it does. A mount says no more than "Input/output error".
why() {
  answer=$(signed s3 "$S3_URL/$BUCKET/$file" -m 5 -w ' %{http_code}' "$@" 2>&1)
  case $?$answer in
    22) answer="the metadata service has no role $ROLE" ;;
    [1-9] | [1-9][0-9]) answer="the metadata service does not answer" ;;
    *NoSuchKey* | *' 200') return ;;
  esac
  tr '\n' ' ' <<< "$answer" | sed 's/<[^>]*>/ /g'
}

round_trip() {
  s3-mount-answers && (date > "$MOUNT_POINT/$file") && grep -q . "$MOUNT_POINT/$file" && rm "$MOUNT_POINT/$file" && return
  before=$said
  said=$(why -X PUT -d x)
  # A role that is younger than a minute may not be known everywhere yet.
  [[ $SECONDS -lt 60 || ! $said =~ AccessDenied|NoSuchBucket|Redirect|'no role' ]] ||
    fail "no file can be written to $BUCKET: $said"
  [ "$said" = "$before" ] || log "not yet: $said"
  return 1
}

# Ubuntu 24.04 has no package of it; AWS publishes it as a snap, too. (One that is there may have been unpacked by half.)
install_awscli() {
  if apt-cache show awscli &> /dev/null; then try apt_install awscli; else try snap install --classic aws-cli; fi
}

# Session Manager's agent keeps the connection that it made from the address $1, and which leads nowhere once the deploy
# has brought the Elastic IP, soon after the report: it begins anew.
reconnect_agent() {
  for _ in {1..720}; do
    sleep 5
    now=$(metadata public-ipv4) && [ "$now" != "$1" ] || continue
    exec systemctl try-restart '*amazon-ssm-agent.service'
  done
}

# Another way to install s3fs.
# shellcheck source=/dev/null
[ ! -e /usr/local/lib/s3fs-from-source.sh ] || . /usr/local/lib/s3fs-from-source.sh

# Since the machine began, nearly as the deploy counts. By hand, much later, no time ends a step.
SECONDS=$(($(ps -o etimes= 1)))
if [ $# != 0 ]; then "$@"; exit; fi
log "first boot begins"
timeout -k 5 $((SECONDS < GIVE_UP ? GIVE_UP - SECONDS : 0)) "$0" mount_bucket || {
  [ $? -lt 124 ] || log "failed: no end after $GIVE_UP s"
  report FAILURE
  exit 1
}
systemd-run -q "$0" reconnect_agent "$(metadata public-ipv4)"
report SUCCESS
timeout -k 5 1800 "$0" install_awscli || fail "the AWS CLI was not installed"
log "first boot is complete"
touch $STAMP.done
