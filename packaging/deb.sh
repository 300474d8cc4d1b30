#!/bin/sh
# deb.sh BUILD OUT: Debian packages of what is built in BUILD, a CMake build of the target `packaged`; they are left in OUT.
set -eu
from=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
rm -rf tree chromatin_* libchromatin-dev_*
mkdir tree
cp -r "$from/debian" tree/debian
cd tree
CHROMATIN_BUILD="$build" dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes > ../log 2>&1 ||
  { tail -n 30 ../log >&2; echo "deb.sh: no packages; $PWD/../log says why" >&2; exit 1; }
cd ..
rm -rf tree
ls -- *.deb
