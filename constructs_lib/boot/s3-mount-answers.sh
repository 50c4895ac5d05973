#!/bin/sh
# Succeeds when S3 answers at the mount point, or at $1: of a name that is not there ($2), it says so. (What S3 refuses is in
# `mount` even so, and knows its own folder.) 1: not mounted, or refused; more: hung. A look may hang beyond its own end.
# shellcheck source=/dev/null
. /etc/learning-stack.env
point=${1:-$MOUNT_POINT}
grep " $point " /proc/mounts | tail -n 1 | grep -q ' fuse.s3fs ' || exit 1
timeout -k 1 5 stat -f "$point" > /dev/null 2>&1 || exit
LC_ALL=C timeout -k 1 6 stat "$point/.missing-${2:-$$}" 2>&1 | timeout 5 grep -q 'No such file'
