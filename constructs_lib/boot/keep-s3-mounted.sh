#!/bin/sh
# Mounts the bucket, and mounts it again whenever s3fs dies or hangs. Started by /etc/rc.local; never ends.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck source=/dev/null
. /etc/learning-stack.env

# For everyone here; the role gives the keys, none is on a disk; the region's own address, which the S3 endpoint serves.
options="rw,allow_other,uid=$MOUNT_UID,gid=$MOUNT_GID,iam_role=$ROLE,url=$S3_URL,endpoint=$REGION"
options="$options,retries=2,connect_timeout=5"
# Measured (bench/): no second hash of what TLS protects halves the CPU of a write; a file that has not changed is read
# again from memory. A name that was missing a moment ago is asked for again after 60 s, not 15 minutes.
options="$options,enable_unsigned_payload,auto_cache,stat_cache_expire=60"

# A mount that does not answer in time gets two looks; one that is not there gets four. One that is slow, as its s3fs is
# at work (its CPU time grows), is left alone: a file is on its way.
cpu_time() { cut -d ' ' -f 14,15 "/proc/$1/stat"; }
end_when_hung() {
  missed=0
  while [ "$missed" -lt 4 ] && sleep 5; do
    before=$(cpu_time "$1")
    s3-mount-answers
    case $? in
      0) missed=0 ;;
      1) missed=$((missed + 1)) ;;
      *) [ "$(cpu_time "$1")" != "$before" ] || missed=$((missed + 2)) ;;
    esac
  done
  echo "s3fs does not answer: ending it"
  kill -KILL "$1"
}

mkdir -p "$MOUNT_POINT"
while true; do
  # Somebody else may be at it; a killed s3fs leaves a mount behind; not even root writes where nothing is mounted.
  s3-mount-answers && sleep 5 && continue
  umount --lazy "$MOUNT_POINT" 2> /dev/null
  chattr +i "$MOUNT_POINT"
  s3fs "$BUCKET" "$MOUNT_POINT" -f -o "$options" &
  s3fs=$!
  end_when_hung "$s3fs" &
  watch=$!
  wait "$s3fs"
  echo "s3fs ended with status $?: mounting again"
  kill "$watch" 2> /dev/null
  sleep 2
done
