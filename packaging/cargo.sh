#!/usr/bin/env bash
# cargo, with zig as the C compiler and linker: what it builds runs on glibc 2.17 and newer.
#
#   packaging/cargo.sh build --release --locked
#
# Everything that it installs and caches is below target/packaging.
set -euo pipefail
cd "$(dirname "$0")/.."

home=$PWD/target/packaging
if ! cmp -s packaging/requirements.txt "$home/venv/requirements.txt"; then
    python3 -m venv --clear "$home/venv"
    "$home/venv/bin/pip" install --quiet --disable-pip-version-check --requirement packaging/requirements.txt
    cp packaging/requirements.txt "$home/venv/requirements.txt"
fi
export PATH=$home/venv/bin:$PATH
export CARGO_ZIGBUILD_CACHE_DIR=$home/zigbuild
export ZIG_GLOBAL_CACHE_DIR=$home/zig ZIG_LOCAL_CACHE_DIR=$home/zig

command=$1
shift
[ "$command" = build ] && command=zigbuild
exec cargo "$command" --target "$(uname -m)-unknown-linux-gnu.2.17" "$@"
