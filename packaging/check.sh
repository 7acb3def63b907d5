#!/usr/bin/env bash
# Checks what packaging/pack.sh made: the program needs nothing newer than glibc 2.17, and the .deb
# can be installed, works, and goes again. The machine is left as it was.
set -euo pipefail
cd "$(dirname "$0")/.."

GLIBC=2.17
out=target/packages
program=$out/bk-launch
deb=$(ls "$out"/*.deb)
rpm=$(ls "$out"/*.rpm)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

fail() {
    printf 'packaging/check.sh: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

symbols() {
    local newest
    newest=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
    printf 'newest symbol of glibc: %s; %s bytes\n' "$newest" "$(stat -c %s "$program")"
    [ "$(printf '%s\n' "$newest" "GLIBC_$GLIBC" | sort -V | tail -n 1)" = "GLIBC_$GLIBC" ] ||
        fail "the program needs $newest"
    objdump -p "$program" | grep NEEDED
    if objdump -p "$program" | grep NEEDED | grep -vE ' (libc|libm|libdl|libpthread|librt|ld-linux-[a-z0-9-]*)\.so\.[0-9]+$'; then
        fail "the program needs a library that is no part of glibc"
    fi
}

# The pages that the manual has, as names of files.
pages() {
    "$program" man --dir "$scratch/man"
    (cd "$scratch/man" && printf '%s.gz\n' *)
}

# Compares the list of files that is read with what a package must have; $1 is the folder of zsh.
contents() {
    local listed file
    listed=$(cat)
    for file in bin/bk-launch share/bash-completion/completions/bk-launch \
        share/fish/vendor_completions.d/bk-launch.fish "share/zsh/$1/_bk-launch" \
        $(cd samples && find . -type f | sed 's#^\.#share/doc/bk-launch/examples#') \
        $(pages | sed 's#^#share/man/man1/#'); do
        grep -qx "/usr/$file" <<<"$listed" || fail "a package lacks /usr/$file"
    done
}

in_rpm() {
    rpm -qp --qf '%{PAYLOADCOMPRESSOR} %{FILEDIGESTALGO} %{NAME} %{VERSION}\n' "$rpm" |
        grep -qx "gzip 8 bk-launch $version" || fail "rpm 4.11 may not read the .rpm"
    # The newest of these that rpm 4.11 has is FileDigests.
    if rpm -qp --requires "$rpm" | grep '^rpmlib(' |
        grep -vE '^rpmlib\((CompressedFileNames|PayloadFilesHavePrefix|FileDigests)\)'; then
        fail "rpm 4.11 lacks a feature that the .rpm asks for"
    fi
    rpm -qlp "$rpm" | contents site-functions
}

installed() {
    local page
    [ "$(/usr/bin/bk-launch --version)" = "bk-launch $version" ] || fail "another version runs"
    cmp /usr/bin/bk-launch "$program"
    dpkg -L bk-launch | contents vendor-completions
    for page in $(pages); do
        page=${page%.1.gz}
        man -P cat 1 "$page" | grep '^NAME' >/dev/null || fail "man shows no $page"
    done
    # shellcheck disable=SC2016
    bash -ec 'source /usr/share/bash-completion/completions/bk-launch
        COMP_WORDS=(bk-launch run --rate-p) COMP_CWORD=2
        _bk_launch bk-launch --rate-p
        [ "${COMPREPLY[*]}" = --rate-per-biz ]' || fail "bash does not complete --rate-per-biz"
    systemd-analyze verify /usr/share/doc/bk-launch/examples/systemd/*.{service,timer}
    ! grep -r /usr/local/bin/ /usr/share/doc/bk-launch/examples || fail "a sample names another path"
    TMPDIR=$scratch /usr/bin/bk-launch demo >/dev/null
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
symbols
in_rpm
dpkg -s bk-launch >/dev/null 2>&1 && fail "a package bk-launch is installed here already"
trap 'rm -rf "$scratch"; as_root dpkg --purge bk-launch' EXIT
# Images of containers leave manuals out of what they install.
as_root dpkg --path-include='/usr/share/*' -i "$deb"
hash -r
installed
as_root dpkg --purge bk-launch
rm -rf "$scratch"
trap - EXIT
[ ! -e /usr/bin/bk-launch ] || fail "a file is left behind"
printf 'the packages are good\n'
