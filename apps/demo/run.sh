#!/usr/bin/env bash
# The demo: real conversations with and without reuse, then a server that is stopped and started again.
# usage: run.sh CHROMATIN OUT
set -euo pipefail
chromatin=$(realpath "$1"); out=$2
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$out"
work=$(mktemp -d "${TMPDIR:-/tmp}/chromatin-demo-XXXXXX")
server=""
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

echo "== 1. real conversations, without and with reuse; memory so small that every tier is needed"
"$chromatin" replay "$here/assets/conversations/sgd-sample.jsonl" --reuse both --join 3 --concurrency 4 \
  --device-mem 24M --host-mem 48M --disk-size 1G --json "$out/replay.json" --html "$out/replay.html"
echo
echo "figures: $out/replay.json   charts: $out/replay.html"

start() {
  : > "$work/log"  # else the line of the server before would be taken for this one's
  "$chromatin" serve --socket "$work/socket" --disk "$work/store" --disk-size 256M --device-mem 24M --host-mem 48M 2> "$work/log" &
  server=$!
  for _ in $(seq 200); do grep -q 'listening' "$work/log" && return; sleep 0.05; done
  echo "the server does not start:" >&2
  cat "$work/log" >&2
  exit 1
}
stop() { kill -TERM "$server"; wait "$server" || true; server=""; }
chat() { "$chromatin" chat --server "unix:$work/socket" --id dinner 2>&1; }  # the dim lines too, in their order

echo
echo "== 2. a conversation, the server stopped and started again, the conversation continued"
start
printf '%s\n' "I want to book a table for dinner." "In San Jose please, something Italian." "For two people at half past seven." \
  "What is their address?" | chat
stop
echo "-- the server is stopped and started again"
start
grep 'found' "$work/log" | sed "s|^$work/||"
echo "Yes, please make the reservation." | chat | tee "$work/continued"
stop
echo "-- of the prompt's $(grep -o '[0-9]* tokens:' "$work/continued" | tr -dc 0-9) tokens," \
  "$(grep -o '[0-9]* from disk' "$work/continued" | tr -dc 0-9) were found on disk"
