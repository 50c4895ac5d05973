#!/bin/sh
# Succeeds when the bucket is mounted and answers. s3fs shows up in `mount` even when it cannot reach S3, and whatever
# touches a hung mount hangs too, so only a look inside with a time limit tells.
# shellcheck source=/dev/null
. /etc/learning-stack.env
grep -q " $MOUNT_POINT fuse.s3fs " /proc/mounts && timeout -k 1 5 stat "$MOUNT_POINT/." > /dev/null 2>&1
