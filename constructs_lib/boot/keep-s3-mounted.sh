#!/bin/sh
# Mounts the bucket, and mounts it again whenever it stops answering. Started by /etc/rc.local; never ends.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck source=/dev/null
. /etc/learning-stack.env

options="rw,allow_other,uid=$MOUNT_UID,gid=$MOUNT_GID" # everyone on the bastion may use it; files belong to `ubuntu`
options="$options,iam_role=$ROLE"                        # credentials come from the role: no key on any disk
options="$options,url=$S3_URL,endpoint=$REGION"          # the region's own address, which the S3 endpoint serves
options="$options,retries=2,connect_timeout=5"           # fail soon: this loop tries again

mkdir -p "$MOUNT_POINT"
while true; do
  if ! s3-mount-answers; then
    umount --lazy "$MOUNT_POINT" 2> /dev/null # what a killed s3fs leaves behind
    s3fs "$BUCKET" "$MOUNT_POINT" -o "$options"
  fi
  sleep 10
done
