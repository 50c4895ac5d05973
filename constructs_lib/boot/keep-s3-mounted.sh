#!/bin/sh
# Keeps the bucket mounted: when s3fs is dead, hangs or is refused by S3, another one takes its place as soon as that one
# answers. Started by /etc/rc.local; never ends.
# shellcheck source=/dev/null
. /etc/learning-stack.env

# For everyone here; the role gives the keys, none is on a disk; the region's own address, which the S3 endpoint serves.
options="rw,allow_other,uid=$MOUNT_UID,gid=$MOUNT_GID,iam_role=$ROLE,url=$S3_URL,endpoint=$REGION"
# A listing in which S3 refuses one name for long comes out empty, with no error: ten tries make that a matter of minutes.
options="$options,retries=10,connect_timeout=5"
# Measured (bench/): no second hash of what TLS protects halves the CPU of a write; a file that has not changed is read
# again from memory. A name that was missing a moment ago is asked for again after 60 s, not 15 minutes.
options="$options,enable_unsigned_payload,auto_cache,stat_cache_expire=60"

# Where another one is tried, before it is seen at the mount point.
new=/run/s3fs
is_mounted() { grep -q " $MOUNT_POINT $1 " /proc/mounts; }
seconds() { cut -d . -f 1 /proc/uptime; }
say() { echo "learning-stack $(date -u +%FT%TZ): $BUCKET is $*"; }

# A line on the console and a failed unit say it, until the bucket is back.
away() {
  [ -z "$away" ] || return
  away=$1
  say "away: $1"
  systemd-run -qu s3-away false
}

# Below s3fs lies a mount that nobody serves. So a bucket that is away is an error for all who look, root too, and never an
# empty folder; what is in the bare one is hidden, and stays. Should even that be gone, nobody writes into it.
bar() {
  ! is_mounted fuse || return
  while is_mounted fuse.s3fs; do umount -l "$MOUNT_POINT"; done
  chattr +i "$MOUNT_POINT"
  mount -it fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 s3-away "$MOUNT_POINT" 3<> /dev/fuse
}

# Whatever lies over that goes: an s3fs, or what somebody else mounted there.
clear() { until grep " $MOUNT_POINT " /proc/mounts | tail -n 1 | grep -q ' fuse '; do umount -l "$MOUNT_POINT" || break; done; }

# The old s3fs, if it lives, is left to whoever has a file open in it. Only one that hangs is ended, after the two minutes
# in which it gives a transfer up by itself, and unless it is at work: its CPU time grows.
cpu_time() { cut -d ' ' -f 14,15 "/proc/$1/stat" 2> /dev/null; }
end_when_hung() {
  before=$(cpu_time "$1")
  sleep 130
  [ "$(cpu_time "$1")" != "$before" ] || kill -KILL "$1"
}

replace() {
  bar
  why=$(learning-stack-first-boot why)
  [ -z "$why" ] || {
    away "$why"
    return
  }
  umount -l $new 2> /dev/null
  systemd-cat -t s3fs s3fs "$BUCKET" $new -f -o "$options" &
  next=$!
  end=$(($(seconds) + 15))
  until s3-mount-answers $new; do
    sleep 0.5
    [ "$(seconds)" -lt $end ] && kill -0 $next 2> /dev/null && continue
    kill -KILL $next 2> /dev/null
    away "$(journalctl -qbt s3fs -n 2 -o cat)"
    return
  done
  # The other one may have been slow, and no more.
  s3-mount-answers && kill -KILL $next && return
  clear
  # Of what the folder was when it was entered: should s3fs go meanwhile, the bare one is never bound, where writes are lost.
  (cd $new && stat -f -c %T . | grep -q fuse && mount -c --bind . "$MOUNT_POINT") || {
    kill -KILL $next
    return
  }
  umount -l $new
  [ "$1" = 1 ] || end_when_hung "$s3fs" &
  s3fs=$next
}

mkdir -p $new
# shellcheck disable=SC2174 # of those above it, nobody asks
mkdir -p -m 0 "$MOUNT_POINT"
# Who looks for files by name does not look through the bucket, at a price.
sed -i '/fuse.s3fs/!s/^PRUNEFS *= *"/&fuse.s3fs /' /etc/updatedb.conf 2> /dev/null
systemctl reset-failed s3-away 2> /dev/null
away='' failures=0 s3fs=''
while true; do
  # A look each 5 s. s3fs remembers what is missing: S3 is asked each 20 s.
  s3-mount-answers "$MOUNT_POINT" $(($(seconds) / 20))-$failures
  found=$?
  if [ $found != 0 ]; then
    failures=$((failures + 1))
    replace $found
  elif [ -n "$away" ]; then
    away=''
    say back
    systemctl reset-failed s3-away
  fi
  sleep 5
done
