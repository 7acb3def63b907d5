#!/usr/bin/env bash
# Builds the program for glibc 2.17 and newer, and packs it: target/packages/ then has the program
# itself, a .deb and an .rpm. See packaging/README.md for what has to be installed.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
machine=$(uname -m)
architecture=$(dpkg --print-architecture)
work=$PWD/target/packaging
out=$PWD/target/packages
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH

packaging/cargo.sh build --release --locked --bin bk-launch
rm -rf "$work/tree" "$work/deb" "$work/rpm" "$out"
mkdir -p "$work/man" "$out"
program=$out/bk-launch
cp "target/$machine-unknown-linux-gnu/release/bk-launch" "$program"

# Puts what both packages have below folder $1; the folder of zsh's completions is $2.
tree() {
    local share=$1/usr/share
    install -D -m 755 "$program" "$1/usr/bin/bk-launch"
    mkdir -p "$share/man/man1" "$share/bash-completion/completions" "$share/fish/vendor_completions.d" \
        "$share/zsh/$2" "$share/doc/bk-launch/examples"
    "$program" completions bash >"$share/bash-completion/completions/bk-launch"
    "$program" completions fish >"$share/fish/vendor_completions.d/bk-launch.fish"
    "$program" completions zsh >"$share/zsh/$2/_bk-launch"
    "$program" man --dir "$share/man/man1"
    gzip -9n "$share"/man/man1/*
    cp README.md CHANGELOG.md "$share/doc/bk-launch"
    cp -r docs "$share/doc/bk-launch/docs"
    rm "$share"/doc/bk-launch/docs/*.sh
    cp -r samples/. "$share/doc/bk-launch/examples"
    # The documents link it by that name.
    ln -s examples "$share/doc/bk-launch/samples"
    sed -i 's#/usr/local/bin/#/usr/bin/#' "$share"/doc/bk-launch/examples/{crontab,systemd/*.service}
    find "$1" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference -d "@$SOURCE_DATE_EPOCH" {} +
}

deb() {
    local root=$work/deb
    tree "$root" vendor-completions
    cp LICENSE "$root/usr/share/doc/bk-launch/copyright"
    mv "$root/usr/share/doc/bk-launch/CHANGELOG.md" "$root/usr/share/doc/bk-launch/changelog"
    gzip -9n "$root/usr/share/doc/bk-launch/changelog"
    mkdir "$root/DEBIAN"
    sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@SIZE@/$(du -sk "$root/usr" | cut -f1)/" \
        packaging/control >"$root/DEBIAN/control"
    dpkg-deb --root-owner-group -Zxz --build "$root" "$out"
}

rpm() {
    tree "$work/rpm/tree" site-functions
    install -D -m 644 LICENSE "$work/rpm/tree/usr/share/licenses/bk-launch/LICENSE"
    rpmbuild -bb --quiet --target "$machine" --define "_topdir $work/rpm/top" --define "_rpmdir $out" \
        --define '_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm' \
        --define "version_ $version" --define "root_ $work/rpm/tree" packaging/bk-launch.spec
}

deb
rpm
ls -l "$out"
