#!/bin/sh
# Succeeds when the mount answers. s3fs is in `mount` even when it hangs: only a look inside, with a time limit, tells.
# shellcheck source=/dev/null
. /etc/learning-stack.env
grep -q " $MOUNT_POINT fuse.s3fs " /proc/mounts && timeout -k 1 5 stat "$MOUNT_POINT/." > /dev/null 2>&1
