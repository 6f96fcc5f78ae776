#!/bin/sh
# What busybox's DHCP client runs with the lease in its environment.
case $1 in
  deconfig) ip addr flush dev "$interface"; ip link set "$interface" up;;
  bound | renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/${mask:-24}" dev "$interface"
    for gateway in $router; do ip route replace default via "$gateway"; done
    : > /etc/resolv.conf
    for server in $dns; do echo "nameserver $server" >> /etc/resolv.conf; done
    echo "lease $ip from $serverid";;
esac
