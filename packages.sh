#!/bin/sh
# Installs the Debian packages of packages.txt, or of another list, that are missing.
set -eu
cd "$(dirname "$0")"
missing=""
for package in $(cat "${1:-packages.txt}"); do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
echo "installing:$missing"
if [ "$(id -u)" = 0 ]; then as=""; elif command -v sudo > /dev/null; then as="sudo"; else
  echo "these Debian packages are missing, and only root can install them:$missing" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$as apt-get update -qq
# shellcheck disable=SC2086
$as apt-get install -y -qq --no-install-recommends $missing > /dev/null
