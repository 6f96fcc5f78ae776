#!/bin/sh
# First process of the test RAM disk. The kernel command line chooses checks: test=blk,net,rng,...;
# each check prints PASS or FAIL lines. Then the machine powers off (or end=reboot).
. /etc/common.sh
# How the architecture connects its devices; what is not there is no error.
for module in virtio_mmio virtio_pci; do modprobe $module 2>/dev/null; done
echo "BOOTED $(cut -d' ' -f1 /proc/uptime) nproc=$(nproc) $(uname -m)"

pass() { echo "PASS $*"; }
fail() { echo "FAIL $*"; }
# check NAME COMMAND...: the command's status decides.
check() { name=$1; shift; if "$@"; then pass "$name"; else fail "$name"; fi; }
same() { [ -n "$1" ] && [ "$1" = "$2" ] || { echo "got '$1', expected '$2'"; return 1; }; }
sum() { sha256sum | cut -d' ' -f1; }
# noise SEED MIB: the same bytes for the same seed.
noise() {
  i=0
  while [ $i -lt "$2" ]; do
    echo "$1 $i" | sha256sum > /tmp/seed
    j=0; while [ $j -lt 14 ]; do cat /tmp/seed /tmp/seed > /tmp/twice; mv /tmp/twice /tmp/seed; j=$((j + 1)); done
    head -c 1048576 /tmp/seed
    i=$((i + 1))
  done
}
# disk SERIAL: the disk with that serial number.
disk() {
  for d in /sys/block/vd* /sys/block/sd*; do
    # An ATA disk's stands in the page of SCSI inquiry data that the kernel makes for it.
    serial=$(cat "$d/serial" 2>/dev/null || tail -c +5 "$d/device/vpd_pg80" 2>/dev/null | tr -d ' \0')
    [ "$serial" = "$1" ] && echo "/dev/${d##*/}"
  done
}
drop_caches() { sync; echo 3 > /proc/sys/vm/drop_caches; }

# Two disks, known by serial number (data=SERIAL files=SERIAL). On `data` the first MiB holds what the host wrote (sha256=HEX); the guest writes
# 4 MiB after it, which the host then finds in the image (WROTE HEX). `files` takes a file system.
test_blk() {
  modprobe virtio_blk
  for module in ata_piix sd_mod; do modprobe $module 2>/dev/null; done
  data=$(disk "$(option data)")
  files=$(disk "$(option files)")
  check 'blk: disks by serial number' [ -b "$data" -a -b "$files" ]
  check 'blk: size' same "$(blockdev --getsize64 "$data")" "$(option size)"
  check 'blk: reads what the host wrote' same "$(head -c 1048576 "$data" | sum)" "$(option sha256)"
  noise typevisor 4 > /tmp/noise
  wrote=$(sum < /tmp/noise)
  check 'blk: writes' dd if=/tmp/noise of="$data" bs=64k seek=16 conv=fsync,notrunc 2> /tmp/dd.log
  drop_caches
  check 'blk: reads back in large requests' same "$(dd if="$data" bs=1M skip=1 count=4 2>/dev/null | sum)" "$wrote"
  drop_caches
  check 'blk: reads back in small requests' same "$(dd if="$data" bs=4k skip=256 count=1024 2>/dev/null | sum)" "$wrote"
  echo "WROTE $wrote"
  mke2fs "$files" > /tmp/mke2fs.log 2>&1
  check 'blk: a file system mounts' mount -t ext4 "$files" /mnt
  cp /tmp/noise /mnt/noise
  check 'blk: and unmounts' umount /mnt
  drop_caches
  check 'blk: mounts again' mount -t ext4 "$files" /mnt
  check 'blk: a file survived' same "$(sum < /mnt/noise)" "$wrote"
  umount /mnt
}

test_net() {
  modprobe virtio_net
  check 'net: eth0 is there' [ -e /sys/class/net/eth0 ]
  network_up
  check 'net: lease by DHCP' grep -q '^lease 10\.0\.2\.' /tmp/udhcpc.log
  check 'net: link is up' same "$(cat /sys/class/net/eth0/carrier)" 1
  check 'net: gateway answers ping' ping -c 3 -W 5 -q 10.0.2.2
  for counter in rx_packets tx_packets; do
    check "net: $counter counts" [ "$(cat /sys/class/net/eth0/statistics/$counter)" -ge 3 ]
  done
}

# Loads url=ADDRESS twice and compares with sha256=HEX.
test_http() {
  modprobe virtio_net
  network_up
  for turn in 1 2; do
    check "http: load $turn" same "$(wget -q -O - "$(option url)" | sum)" "$(option sha256)"
  done
}

test_rng() {
  modprobe virtio_rng
  check 'rng: the driver is bound' grep -q virtio /sys/class/misc/hw_random/rng_current
  a=$(head -c 64 /dev/hwrng | sum); b=$(head -c 64 /dev/hwrng | sum); zero=$(head -c 64 /dev/zero | sum)
  check 'rng: bytes are not constant' [ -n "$a" -a "$a" != "$b" -a "$a" != "$zero" ]
}

# The host types what READY asks for.
test_console() {
  check 'console: standard input is a terminal' [ -t 0 ]
  stty -echo
  echo 'READY line'; read -r line
  check 'console: a line arrives' same "$line" 'The quick brown fox jumps over the lazy dog 0123456789'
  echo 'READY burst'; count=0; lines=''
  while read -r line && [ "$line" != end ]; do count=$((count + 1)); lines="$lines$line"; done
  check 'console: every character of a burst arrives' same "$count:$(printf %s "$lines" | sum)" "$(option burst)"
  stty echo
  i=0; while [ $i -lt 200 ]; do echo "ROW $i 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"; i=$((i + 1)); done
  pass 'console: rows written'
}

# virtio console: the host sees what is written to hvc0.
test_hvc() {
  check 'hvc: /dev/hvc0 is there' [ -c /dev/hvc0 ]
  check 'hvc: takes output' sh -c 'echo "hello from hvc0" > /dev/hvc0'
}

# smp=N processors, each loaded at once, each with the same answer as alone.
test_smp() {
  check 'smp: nproc' same "$(nproc)" "$(option smp)"
  # load CPU: a sum computed on that processor.
  load() { taskset -c "$1" dd if=/dev/zero bs=64k count=64 2>/dev/null | taskset -c "$1" sha256sum | cut -d' ' -f1; }
  alone=$(load 0)
  n=0; while [ $n -lt "$(nproc)" ]; do load $n > /tmp/load.$n & n=$((n + 1)); done; wait
  n=0; while [ $n -lt "$(nproc)" ]; do check "smp: load on CPU $n" same "$(cat /tmp/load.$n)" "$alone"; n=$((n + 1)); done
  n=0; while [ $n -lt 20 ]; do (echo x | cat | cat > /tmp/pipe.$n) & n=$((n + 1)); done; wait
  check 'smp: twenty pipelines at once' same "$(cat /tmp/pipe.* | wc -l)" 20
  check 'smp: timer ticks on every CPU' awk '/riscv-timer|Local timer/ { for (i = 2; i <= n + 1; i++) if ($i < 1) exit 1; seen = 1 }
    END { exit !seen }' "n=$(nproc)" /proc/interrupts
}

# The host presses the power button when READY is shown: one event of the keyboard driver, KEY_POWER down.
test_button() {
  for module in button evdev; do modprobe $module; done
  for name in /sys/class/input/event*/device/name; do
    event=${name%/device/name}
    grep -q 'Power Button' "$name" && button=/dev/input/${event##*/}
  done
  check 'button: it is there' [ -c "$button" ]
  { sleep 1; echo 'READY button'; } &
  pressed=$(dd if="$button" bs=24 count=1 2>/dev/null | tail -c 8 | hexdump -e '8/1 "%02x"')
  check 'button: pressed' same "$pressed" 0100740001000000
}

# Time passes at the rate that the real-time clock says.
test_time() {
  up=$(cut -d. -f1 /proc/uptime); wall=$(date +%s)
  sleep 3
  up=$(($(cut -d. -f1 /proc/uptime) - up)); wall=$(($(date +%s) - wall))
  check 'time: sleep 3 takes 3 seconds of uptime' [ $up -ge 3 -a $up -le 5 ]
  check 'time: and of wall clock' [ $wall -ge 3 -a $wall -le 5 ]
  check 'time: the real-time clock is set' [ "$(date +%Y)" -ge 2025 ]
}

for name in $(option test | tr , ' '); do
  case $name in
    blk | net | http | rng | console | hvc | smp | button | time) "test_$name";;
    *) fail "$name: no such check";;
  esac
done
echo "DONE"
sync
case $(option end) in
  reboot) reboot -f;;
  *) poweroff -f;;
esac
