#!/bin/bash
# What cloud-init runs, once: it writes the files of constructs_lib/boot/, which follow here, and runs the first boot, which
# is the last of them. Its log: /var/log/learning-stack.log
put() { install -D -m "$1" /dev/stdin "$2"; }
