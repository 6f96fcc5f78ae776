# Sourced by the first process of the shell and test RAM disks: file systems, drivers, network.
/bin/busybox mkdir -p /proc /sys /dev /tmp /mnt /root /etc
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root TERM="${TERM:-vt100}"
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
ln -sf /proc/self/fd /dev/fd
echo 4 > /proc/sys/kernel/printk

# Value of a word NAME=VALUE of the kernel command line.
option() {
  for word in $(cat /proc/cmdline); do
    case $word in "$1"=*) echo "${word#*=}"; return;; esac
  done
}

# Address by DHCP; the fixed address of a user-mode network where nobody answers.
network_up() {
  ip link set lo up
  [ -e /sys/class/net/eth0 ] || return 1
  ip link set eth0 up
  udhcpc -i eth0 -n -q -t 3 -T 1 -s /etc/udhcpc.sh > /tmp/udhcpc.log 2>&1 && return
  ip addr add 10.0.2.15/24 dev eth0
  ip route add default via 10.0.2.2
  echo nameserver 10.0.2.3 > /etc/resolv.conf
}
