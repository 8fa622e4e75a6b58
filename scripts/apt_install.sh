#!/bin/bash
# apt_install.sh PACKAGE ... — install the Debian packages that are missing; quick and silent when none is.
set -euo pipefail

if ! command -v dpkg-query >/dev/null; then
  echo "apt_install.sh: not a Debian system; please install the equivalents of: $*" >&2
  exit 0
fi

missing=()
for package in "$@"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

as_root=()
if [[ $EUID -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "apt_install.sh: run as root, without sudo here: apt-get install ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

echo "installing ${missing[*]}"
apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}
apt_get update
apt_get install -y --no-install-recommends "${missing[@]}"
