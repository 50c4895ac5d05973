# Completion for the AWS CLI in every login shell (primer, chapter 11-3).
# shellcheck shell=sh
if [ -n "${BASH_VERSION:-}" ] && command -v aws_completer > /dev/null; then
  # shellcheck disable=SC3044 # bash alone gets here
  complete -C aws_completer aws
fi
