#!/usr/bin/env bash
# The archive demo: conversations go from the disk into simulated DNA, and one of them comes back and goes on.
# usage: archive.sh CHROMATIN
set -euo pipefail
chromatin=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/chromatin-archive-XXXXXX")
server=
trap '[ -z "$server" ] || kill "$server" 2> "$work/end" || true; wait; rm -rf "$work"' EXIT
socket="unix:$work/socket"

start() {
  "$chromatin" serve --http off --socket "$work/socket" --disk "$work/cache" --dna "$work/dna" \
    --dna-pool 1s --dna-synthesis 2s --dna-sequencing 1s 2> "$work/log" &
  server=$!
  for _ in $(seq 300); do
    grep -q '^listening' "$work/log" && return
    sleep 0.1
  done
  cat "$work/log" >&2
  return 1
}
stop() {
  kill "$server"
  wait "$server" || true
  server=
}
say() { echo "$2" | "$chromatin" chat --server "$socket" --id "$1"; }
archive() { "$chromatin" archive --server "$socket" "$@"; }

echo "== Two conversations go into DNA; the laboratory is simulated, and takes seconds"
start
say hotel "Please find me a hotel in San Jose."
say dinner "I want to book a table for dinner."
archive hotel
archive dinner --wait
archive

echo
echo "== One of them is asked for, goes on, and is archived again: an update in the tube"
"$chromatin" recall --server "$socket" hotel --wait
say hotel "For two nights, with breakfast."
archive hotel --wait

echo
echo "== The server stops and starts; the same conversation comes back once more, and goes on"
stop
start
"$chromatin" recall --server "$socket" hotel --wait
say hotel "Is there a garden?"
archive

echo
echo "== What that took: reads of the recall, against reading the whole partition"
for tube in "$work"/dna/tubes/*; do
  directory=$("$chromatin" dna ls "$tube" | awk '/\/$/ { sub("/", "", $NF); print $NF; exit }')
  "$chromatin" dna cost "$tube" "$directory/transcript"
done
stop
