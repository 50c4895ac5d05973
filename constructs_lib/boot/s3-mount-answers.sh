#!/bin/sh
# Succeeds when the bucket is mounted and answers. s3fs itself exits 0 and shows up in `mount` even when it cannot
# reach S3, so only a look inside tells.
# shellcheck source=/dev/null
. /etc/learning-stack.env
mountpoint -q "$MOUNT_POINT" && timeout 5 stat "$MOUNT_POINT/." > /dev/null 2>&1
