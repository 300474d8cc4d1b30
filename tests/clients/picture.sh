#!/bin/sh
# Takes docs/dashboard.png: real conversations on a server with little memory, and somebody who chats.
# Usage: picture.sh CHROMATIN FOLDER FILE: FOLDER has the packages of package.json (the tests leave them in build/release/npm).
set -eu
chromatin=$(realpath "$1") npm=$2 file=$(realpath "$3")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
"$chromatin" serve --threads 1 --socket "$work/socket" --http 127.0.0.1:8123 --disk "$work/store" --device-mem 12M --host-mem 32M 2> "$work/log" &
until grep -q listening "$work/log"; do sleep 0.1; done
"$chromatin" replay "$here/../../assets/conversations/sgd-sample.jsonl" --server "unix:$work/socket" --reuse on --join 4 \
  --concurrency 24 --think-ms 1500 --answer-tokens 150 > "$work/replay" 2>&1 &
cp "$here/picture.mjs" "$npm"
(cd "$npm" && node picture.mjs http://127.0.0.1:8123 "$file")
