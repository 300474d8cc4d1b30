#!/bin/sh
# from_clone.sh ROOT: the seconds from `git clone` to the first streamed piece of an answer, on the bare Debian 12 in the
# folder ROOT, with one command, `make serve`. Run it as root. Such a folder is made, for example, by
#   mmdebstrap --variant=minbase --include=git,make,curl,ca-certificates bookworm ROOT
set -eu
http=127.0.0.1:8088

outside() {
  mkdir -p "$1/mnt/source"
  rm -rf "$1/root/chromatin"
  # What is mounted, and the server, go when the shell inside ends.
  exec unshare --mount --pid --fork --kill-child "$0" --mounted "$1"
}

mounted() {
  mount --bind "$(dirname "$0")/.." "$1/mnt/source"
  mount --rbind /dev "$1/dev"
  mount -t proc proc "$1/proc"
  exec chroot "$1" /mnt/source/packaging/from_clone.sh --inside
}

passed() { awk "BEGIN { printf \"%.1f s: \", $(date +%s.%N) - $begun }"; }

inside() {
  cd /root
  git config --global --replace-all safe.directory '*'
  begun=$(date +%s.%N)
  git clone --quiet /mnt/source chromatin
  make -C chromatin serve FLAGS="--listen 127.0.0.1:8087 --http $http" > serve.log 2>&1 &
  until curl --silent --fail --output page.html "http://$http/"; do
    kill -0 $! 2> /dev/null || { tail -n 30 serve.log >&2; exit 1; }
    sleep 0.2
  done
  echo "$(passed)the page"
  curl --silent --no-buffer "http://$http/v1/chat/completions" --header 'content-type: application/json' \
    --data '{"stream": true, "messages": [{"role": "user", "content": "Hello"}]}' |
    { read -r first && echo "$(passed)$first"; }
}

case "${1:-}" in
  --mounted) mounted "$2" ;;
  --inside) inside ;;
  "" | -*) sed -n '2,4s/^# //p' "$0" >&2; exit 1 ;;
  *) outside "$1" ;;
esac
