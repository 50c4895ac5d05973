# shellcheck shell=bash
# For a release without an awscli package: AWS's installer, checked against AWS's key. Read by first-boot.sh.
install_awscli() {
  local work zip url
  work=$(mktemp -d) && zip=$work/awscli.zip
  url=https://awscli.amazonaws.com/awscli-exe-linux-$(uname -m).zip
  try apt_install curl unzip || return 1
  try curl -fsS -o "$zip" "$url" && try curl -fsS -o "$zip.sig" "$url.sig" || return 1
  if ! gpgv --status-fd 1 --keyring /usr/local/lib/learning-stack/awscli.gpg "$zip.sig" "$zip" |
    grep -q '^\[GNUPG:\] VALIDSIG FB5DB77FD5C118B80511ADA8A6310ACC4672475C '; then
    log "$url: the signature is not that of the AWS CLI team"
    return 1
  fi
  unzip -qo "$zip" -d "$work" && "$work/aws/install" --update && rm -rf "$work"
}
