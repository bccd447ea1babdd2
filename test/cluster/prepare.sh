#!/bin/sh
# Installs the few system programs that the real-cluster tests need, where that is possible. Never fails: without them
# the tests say that they were skipped, and why.
PATH=$PATH:/usr/sbin:/sbin
wanted=
have() { command -v "$1" >/dev/null 2>&1; }
have ip || wanted="$wanted iproute2"
have iptables || wanted="$wanted iptables"
have conntrack || wanted="$wanted conntrack"
have openssl || wanted="$wanted openssl"
# Brings Traefik, once.
python3 -m pip --version >/dev/null 2>&1 || wanted="$wanted python3-pip"
[ -n "$wanted" ] || exit 0
if [ "$(id -u)" != 0 ] || ! have apt-get; then
  echo "real-cluster tests: not installed and not installable here:$wanted" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $wanted >/dev/null 2>&1 ||
  { apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq --no-install-recommends $wanted >/dev/null; } ||
  echo "real-cluster tests: apt-get could not install:$wanted" >&2
exit 0
