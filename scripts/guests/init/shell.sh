#!/bin/sh
# First process of the shell RAM disk: drivers, network, then a shell with job control on the console.
. /etc/common.sh
for module in virtio_mmio virtio_pci virtio_blk virtio_net virtio_rng ata_piix sd_mod; do modprobe $module 2>/dev/null; done
hostname typevisor
network_up
echo
echo "Linux $(uname -r) $(uname -m), $(nproc) CPU, $(free -m | awk '/^Mem:/ { print $2 }') MiB," \
  "disks: $(ls /sys/block | grep -E '^(vd|sd)' | tr '\n' ' ')" \
  "eth0: $(ip -4 -o addr show eth0 2>/dev/null | awk '{ print $4 }')"
echo "More drivers: modprobe NAME (ext4 vfat 9p ...). poweroff ends the machine."
# Without an init process that could be asked, poweroff and its like need -f.
cat > /etc/profile << 'END'
for verb in poweroff reboot halt; do alias $verb="sync; busybox $verb -f"; done
END
cd /root
while :; do setsid cttyhack sh -l; done
