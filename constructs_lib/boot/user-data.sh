#!/bin/bash
# What cloud-init runs early at every boot (a "boothook"), until the first boot is done: it writes the files of
# constructs_lib/boot/, which follow here, and has the first boot run. So no moment is one at which the power may not go.
[ ! -e /var/lib/learning-stack.done ] || exit 0
# What cloud-init itself does once, such as keys for SSH, it does again unless it was through with that.
[ -s /var/log/learning-stack.log ] || rm -f /var/lib/cloud/instance/sem/config_*
put() { install -m "$1" /dev/stdin "$2"; }
# A file that stands in one line, with a backtick where its own lines end.
unfold() { tr '`' '\n' | put "$@"; }
