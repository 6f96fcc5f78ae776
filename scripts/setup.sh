#!/usr/bin/env bash
# Installs the Debian packages that tests and guest images need and that are missing; does nothing where all are there.
set -euo pipefail

packages=(
  debian-archive-keyring xz-utils                        # guest images
  gcc-riscv64-linux-gnu libc6-dev-riscv64-cross          # programs for guests
  qemu-system-misc qemu-system-x86 qemu-user qemu-utils opensbi # the oracles
  seabios grub-pc-bin grub-common xorriso mtools         # firmware of PCs, and CD-ROMs that they start from
  gcc binutils libc6-dev                                 # programs of PCs
  acpica-tools                                           # reads ACPI tables
  gdb-multiarch device-tree-compiler
)
keys=/usr/share/keyrings/debian-archive-trixie-stable.gpg # the guests' release; older keyrings lack it

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ -e "$keys" ] || missing+=(debian-archive-keyring)
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing ${missing[*]}"
if [ "$(id -u)" != 0 ]; then
  echo "setup: as root: apt-get install ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
