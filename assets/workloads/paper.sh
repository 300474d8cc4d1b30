#!/bin/sh
# CachedAttention's table and its ablations (arXiv 2403.19708, §4), simulated: docs/results.md, "The paper's table".
# Usage: paper.sh CHROMATIN OUT [WHAT…]: OUT gets a table, JSON and a page for each part; WHAT names parts, or all.
set -eu
chromatin=$1 out=$2
shift 2
assets=$(dirname "$0")/..
mkdir -p "$out"
[ $# -gt 0 ] ||
  set -- llama-13b llama-65b llama-70b falcon-40b capacity arrivals queue think loading choice link saving overflow long

run() { # NAME MACHINE POLICIES [OPTION…]
  name=$1 machine=$2 policies=$3
  shift 3
  echo "== $name"
  "$chromatin" simulate "$assets/workloads/paper.toml" --machine "$assets/machines/$machine.toml" --policy "$policies" \
    --block-tokens 512 --set reuse.device_keeps=false --set reuse.exact=false --set compute.queue=16384 \
    "$@" --json "$out/$name.json" --html "$out/$name.html" |
    tee "$out/$name.txt"
}

# A quarter of the conversations, as many at a time: ablations are compared with each other.
few="--set conversations.count=2250 --set conversations.warm_up_turns=2500"

for what in "$@"; do
  case $what in
    llama-* | falcon-*) run "$what" "$what" recompute,lookahead,lru,fifo,predictive ;;
    capacity) run capacity llama-13b lookahead,lru,fifo,predictive $few --capacity 1300000,3250000,6500000,13000000 ;;
    arrivals)
      for rate in 0.1 0.2 0.35 0.5 1 2; do
        for machine in llama-13b llama-65b; do
          run "arrivals-$machine-$rate" $machine recompute,lookahead,lru $few --set conversations.per_s=$rate
        done
      done
      ;;
    queue)
      # What knowing the queue is worth, at 0.5, 1, 1.5 and 2 times the rate that is served.
      for rate in 0.18 0.36 0.54 0.72; do
        full="$few --capacity 400000 --set conversations.per_s=$rate"
        run "queue-$rate" llama-13b lru,lookahead,predictive $full
        run "queue-$rate-unheard" llama-13b predictive $full --set reuse.policies_hear_queue=false
      done
      ;;
    think) for s in 10 600 3600; do run "think-$s" llama-13b lookahead,lru,fifo $few --set conversations.think_s=$s; done ;;
    loading)
      # Served without a queue: what is loaded is loaded while a turn waits for it.
      calm="$few --set conversations.per_s=0.05"
      run load-anew llama-65b recompute $calm
      run load-whole llama-65b lookahead $calm --set reuse.layerwise_loading=false --set reuse.recomputes=false
      run load-layers llama-65b lookahead $calm --set reuse.recomputes=false
      run load-choice llama-65b lookahead $calm
      ;;
    choice)
      # Load or compute, beside loading all and computing all, from disks that are slower than computing and faster.
      for s in 60 600 3600; do
        for gb in 2 5 20 50; do
          thin="--set conversations.count=600 --set conversations.warm_up_turns=0 --set conversations.think_s=$s"
          run "choice-$s-$gb" llama-13b recompute,lru $thin --set disk.read_gb_per_s=$gb
          run "choice-$s-$gb-load" llama-13b lru $thin --set disk.read_gb_per_s=$gb --set reuse.recomputes=false
        done
      done
      ;;
    link)
      # What loading from the host ahead of a turn's place in the batch could bring at most: a link that takes no time.
      for machine in llama-13b llama-65b; do
        run "link-$machine" $machine lookahead $few
        run "link-$machine-free" $machine lookahead $few --set link.to_device_gb_per_s=1000000
      done
      ;;
    saving)
      run save-async llama-65b lookahead $few
      run save-sync llama-65b lookahead $few --set reuse.asynchronous_saving=false
      ;;
    overflow)
      for machine in llama-13b llama-65b llama-70b falcon-40b; do
        run "overflow-$machine" $machine lookahead $few --set reuse.valid_over_truncation=false
        run "overflow-valid-$machine" $machine lookahead $few
      done
      ;;
    long)
      for tokens in 16384 32768; do
        run "long-$tokens" llama-70b recompute,lookahead --set model.context_tokens=$((tokens + 8192)) \
          --set conversations.tokens_max=$tokens --set conversations.over_2k=0.999 --set conversations.over_4k=0.99 \
          --set conversations.count=300 --set conversations.per_s=0.02 --set conversations.warm_up_turns=0
      done
      ;;
    *) echo "paper.sh: there is no part $what" >&2 && exit 1 ;;
  esac
done
