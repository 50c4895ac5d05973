# shellcheck shell=bash
# The primer's way (chapter 10-3), at a tag that is checked to be the commit we know. Read by first-boot.sh.
SOURCE=/usr/local/src/s3fs-fuse
install_s3fs() {
  try apt_install automake autotools-dev fuse3 g++ git libcurl4-openssl-dev libfuse-dev libssl-dev libxml2-dev \
    make pkg-config
  try clone
  [ "$(git -C $SOURCE rev-parse HEAD)" = "$S3FS_COMMIT" ] || fail "tag $S3FS_TAG is not commit $S3FS_COMMIT"
  # One file at a time: two compilers do not fit into the 512 MiB of a t3.nano.
  (cd $SOURCE && ./autogen.sh && ./configure && make && make install) || fail "s3fs was not built"
}
clone() {
  rm -rf $SOURCE
  said=$(git clone -q --depth 1 -b "$S3FS_TAG" "$S3FS_GIT" $SOURCE 2>&1) && return
  log "$said"
  [[ $said =~ 'not found'|'error: 40' ]] && fail "no source of s3fs"
}
