#!/usr/bin/env bash
# Packs what a bare machine with a GPU needs to run the programs built here: them, and the shared libraries that come
# from Debian packages. What every Linux has (glibc, libstdc++) and what belongs to the GPU (driver, cuBLASLt) is taken
# from there.
#
#     packaging/gpu_machine.sh [BUILD]       # build/release: fills build/gpu-machine
#     build/gpu-machine/run.sh test_gpu      # there, in a copy of the source tree; so does "chromatin bench gpu"
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
out=build/gpu-machine
programs=(apps/chromatin tests/test_gpu)
bytes_max=$((55 << 20))

# Libraries that are there, by the beginnings of their names.
there='linux-vdso|ld-linux|libc\.|libm\.|libmvec\.|libdl\.|librt\.|libpthread\.|libresolv\.|libstdc\+\+|libgcc_s|libcuda|libcublas|libnvidia'

rm -rf "$out"
mkdir -p "$out/files/bin" "$out/files/lib" "$out/files/wrapped"
for program in "${programs[@]}"; do
  name=$(basename "$program")
  strip -o "$out/files/wrapped/$name" "$build/$program"
  # Only our programs see the libraries: PyTorch, say, has its own.
  cat > "$out/files/bin/$name" <<'EOF'
#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
export LD_LIBRARY_PATH="$here/lib${CHROMATIN_CUBLAS:+:$CHROMATIN_CUBLAS}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$here/wrapped/$(basename "$0")" "$@"
EOF
  chmod +x "$out/files/bin/$name"
  ldd "$build/$program"
done | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | sort -u | while read -r name file; do
  [[ "$name" =~ ^($there) ]] || strip --strip-unneeded -o "$out/files/lib/$name" "$file"
done

tar -C "$out/files" -c . | xz -T0 -3 > "$out/files.tar.xz"
rm -r "$out/files"

source=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$build/CMakeCache.txt")
sed "s|@SOURCE@|$source|" > "$out/run.sh" <<'EOF'
#!/bin/sh
# run.sh COMMAND …: with the packed programs on the PATH. Tests and the embedded model's folder are looked for where the
# programs were built; a link there leads to this tree.
set -e
here=$(cd "$(dirname "$0")" && pwd)
place=${CHROMATIN_PLACE:-/tmp/chromatin-gpu-machine}
source=@SOURCE@
stamp=$(cksum < "$here/files.tar.xz")
if [ "$(cat "$place/stamp" 2>/dev/null)" != "$stamp" ]; then
  rm -rf "$place"
  mkdir -p "$place"
  tar -C "$place" -xf "$here/files.tar.xz"
  echo "$stamp" > "$place/stamp"
fi
[ -e "$source" ] || { mkdir -p "$(dirname "$source")" && ln -s "$(cd "$here/../.." && pwd)" "$source"; }
if [ -z "$CHROMATIN_CUBLAS" ]; then
  python=$(command -v python3 >/dev/null && python3 -c 'import site; print(*site.getsitepackages())' 2>/dev/null || true)
  for folder in /usr/local/cuda/lib64 /usr/local/cuda/targets/x86_64-linux/lib /usr/lib/x86_64-linux-gnu \
      $(for p in $python; do echo "$p/nvidia/cu13/lib" "$p/nvidia/cublas/lib"; done); do
    [ -e "$folder/libcublasLt.so.13" ] && CHROMATIN_CUBLAS=$folder && break
  done
  export CHROMATIN_CUBLAS
fi
[ -n "$CHROMATIN_CUBLAS" ] || echo "run.sh: libcublasLt.so.13 is not found; CHROMATIN_CUBLAS=FOLDER says where it is" >&2
PATH=$place/bin:$PATH exec "$@"
EOF
chmod +x "$out/run.sh"

bytes=$(stat -c %s "$out/files.tar.xz")
echo "$out: $((bytes >> 20)) MiB; there: $out/run.sh test_gpu"
if ((bytes > bytes_max)); then
  echo "that is more than $((bytes_max >> 20)) MiB" >&2
  exit 1
fi
