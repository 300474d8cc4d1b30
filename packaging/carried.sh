#!/bin/sh
# carried.sh [OUT]: copies what the preset gpu-only takes from Debian packages to OUT (build/carried), for a machine that
# has nvcc, CMake and a C++ compiler and none of the packages. There, with that folder in the tree:
#     cmake --preset gpu-only && cmake --build --preset gpu-only && ctest --preset gpu-only
set -eu
cd "$(dirname "$0")/.."
out=${1:-build/carried}
rm -rf "$out"
mkdir -p "$out/include/boost" "$out/lib"
cp -r /usr/include/fmt /usr/include/nlohmann /usr/include/xxhash.h /usr/include/utf8proc.h "$out/include"
for part in googletest googlemock; do
  mkdir -p "$out/$part"
  cp -r "/usr/src/googletest/$part/include" "/usr/src/googletest/$part/src" "$out/$part"
done
# Of Boost, what one header needs.
echo '#include <boost/context/fiber.hpp>' | g++ -x c++ -std=c++20 -M - | tr -d '\\' | tr ' ' '\n' | grep '^/usr/include/boost/' |
  while read -r header; do
    mkdir -p "$out/include/$(dirname "${header#/usr/include/}")"
    cp "$header" "$out/include/${header#/usr/include/}"
  done
cp "$(g++ -print-file-name=libboost_context.a)" "$(g++ -print-file-name=libutf8proc.a)" "$out/lib"
du -sh "$out"
