# Completion for the AWS CLI in every login shell (primer, chapter 11-3). Where it is: from apt, or from a snap.
# shellcheck shell=sh disable=SC2016,SC3044 # the completing shell reads $PATH; bash alone gets there
[ -z "${BASH_VERSION:-}" ] || complete -C 'PATH=$PATH:/usr/libexec:/snap/aws-cli/current/bin aws_completer' aws
