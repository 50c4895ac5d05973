#!/bin/sh
# Succeeds when the mount answers; 1: not mounted, more: hung. s3fs is in `mount` even then: only a look inside tells.
# shellcheck source=/dev/null
. /etc/learning-stack.env
grep -q " $MOUNT_POINT fuse.s3fs " /proc/mounts && timeout -k 1 5 stat "$MOUNT_POINT/." > /dev/null 2>&1
