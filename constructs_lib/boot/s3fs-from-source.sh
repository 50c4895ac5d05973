# shellcheck shell=bash
# The primer's way (chapter 10-3), at a tag that is checked to be the commit we know. Read by first-boot.sh.
install_s3fs() {
  local source=/usr/local/src/s3fs-fuse
  try apt_install automake autotools-dev fuse3 g++ git libcurl4-openssl-dev libfuse3-dev libssl-dev libxml2-dev \
    make pkg-config || return 1
  rm -rf "$source"
  try git clone -q --depth 1 --branch "$S3FS_TAG" "$S3FS_GIT" "$source" || return 1
  if [ "$(git -C "$source" rev-parse HEAD)" != "$S3FS_COMMIT" ]; then
    log "$S3FS_GIT: tag $S3FS_TAG is not commit $S3FS_COMMIT"
    return 1
  fi
  (cd "$source" && ./autogen.sh && ./configure && make -j"$(nproc)" && make install)
}
