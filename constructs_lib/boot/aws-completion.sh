# Completion for the AWS CLI in every login shell (primer, chapter 11-3).
# shellcheck shell=sh
if [ -n "${BASH_VERSION:-}" ]; then
  for completer in /usr/bin/aws_completer /usr/libexec/aws_completer /snap/aws-cli/current/bin/aws_completer; do
    # shellcheck disable=SC3044 # bash alone gets here
    [ ! -x "$completer" ] || complete -C "$completer" aws
  done
  unset completer
fi
