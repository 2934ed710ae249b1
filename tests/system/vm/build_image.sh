#!/usr/bin/env bash
# Builds the disk of the test machine: a Debian 12 with its kernel, cameras made of software in two
# versions of v4l2loopback, and programs that use cameras.
#
#     build_image.sh FOLDER
#
# Writes FOLDER/disk.img, FOLDER/kernel and FOLDER/initrd. Needs root, debootstrap and e2fsprogs.
set -euo pipefail

# In mount namespaces of its own, so that whatever happens no mount is left behind.
if [ -z "${IN_OWN_NAMESPACE:-}" ]; then
    IN_OWN_NAMESPACE=1 exec unshare --mount --propagation private -- "$BASH" "$0" "$@"
fi

release=bookworm       # v4l2loopback 0.12.7, as in Ubuntu 22.04 and 24.04
newer_release=trixie   # v4l2loopback 0.15
here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$1" && pwd)
root=$folder/root
newer=/opt/v4l2loopback-newer

step() { printf '%s %s\n' "$(date +%T)" "$*"; }

in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" chroot "$root" "$@"
}

install_in_root() { in_root apt-get install -y -qq --no-install-recommends "$@"; }

# mirror RELEASE: where this machine's apt gets the packages of a Debian release
mirror() {
    local uri
    uri=$(apt-get indextargets --format '$(RELEASE) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
        awk -v release="$1" '!found && ($1 == release || $2 == release) { found = 1; print $NF }')
    case $uri in
    mirror+file:*) awk '!/^#/ { print $1; exit }' "/${uri#mirror+file:/}" ;; # a list of mirrors
    *) printf '%s' "$uri" ;;
    esac
}

# apt_proxy SCHEME: the proxy that this machine's apt uses for addresses of that scheme
apt_proxy() { apt-config shell found "Acquire::$1::Proxy" | sed "s/^found='\(.*\)'$/\1/"; }

export http_proxy=${http_proxy:-$(apt_proxy http)} https_proxy=${https_proxy:-$(apt_proxy https)}
debian=$(mirror "$release")
security=$(mirror "$release-security")
[ -n "$debian" ] || {
    echo "apt has no source for Debian $release on this machine; add one to /etc/apt/sources.list.d"
    exit 1
}

step "Debian from $debian"
debootstrap --variant=minbase --include=ca-certificates "$release" "$root" "$debian"
mount -t proc proc "$root/proc"
{
    echo "deb $debian $release main"
    [ -z "$security" ] || echo "deb $security $release-security main"
} >"$root/etc/apt/sources.list"
printf 'Acquire::Languages "none";\nDPkg::Options { "--force-unsafe-io"; };\n' >"$root/etc/apt/apt.conf.d/90machine"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no service is started while it is built
chmod +x "$root/usr/sbin/policy-rc.d"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"

step 'the kernel and v4l2loopback'
in_root apt-get update -qq
install_in_root initramfs-tools
printf 'MODULES=list\nBUSYBOX=auto\n' >"$root/etc/initramfs-tools/conf.d/machine"
printf 'virtio_pci\nvirtio_blk\next4\n' >"$root/etc/initramfs-tools/modules"
install_in_root linux-image-amd64 linux-headers-amd64
install_in_root v4l2loopback-dkms v4l2loopback-utils
version=$(ls "$root/lib/modules" | sort -V | tail -n 1)
[ -n "$(find "$root/lib/modules/$version" -name 'v4l2loopback.ko*')" ] || {
    cat "$root"/var/lib/dkms/v4l2loopback/*/build/make.log
    echo 'v4l2loopback was not built'
    exit 1
}

step "v4l2loopback of $newer_release, built for the same kernel"
printf 'deb %s %s main\n' "$debian" "$newer_release" >"$root/etc/apt/sources.list.d/newer.list"
printf 'Package: *\nPin: release n=%s\nPin-Priority: 1\n' "$newer_release" >"$root/etc/apt/preferences.d/newer"
in_root apt-get update -qq
in_root bash -euo pipefail -c "
    mkdir -p $newer /tmp/newer && cd /tmp/newer
    apt-get download -qq v4l2loopback-dkms/$newer_release v4l2loopback-utils/$newer_release
    for package in *.deb; do dpkg-deb --extract \$package .; done
    cp -r usr/src/v4l2loopback-*/. usr/bin/v4l2loopback-ctl $newer
    make -s -C /lib/modules/$version/build M=$newer modules
    rm -r /tmp/newer"
rm "$root/etc/apt/sources.list.d/newer.list" "$root/etc/apt/preferences.d/newer"

step 'programs that use cameras'
install_in_root python3 kmod iproute2 procps v4l-utils ffmpeg chromium fonts-dejavu-core \
    libgl1 libglib2.0-0
in_root useradd --create-home --groups video tester
in_root depmod "$version"
in_root update-initramfs -u -k "$version"
in_root apt-get clean
umount "$root/proc"

step 'the disk'
install -m 755 "$here/init" "$root/sbin/init-machine"
cp -L "$root/boot/vmlinuz-$version" "$folder/kernel"
cp -L "$root/boot/initrd.img-$version" "$folder/initrd"
used_mib=$(du -sm "$root" | cut -f 1)
truncate -s $((used_mib * 5 / 4 + 512))M "$folder/disk.img"
mkfs.ext4 -q -F -O ^has_journal -d "$root" "$folder/disk.img"
rm -r "$root"
step "done: Linux $version, $used_mib MiB"
