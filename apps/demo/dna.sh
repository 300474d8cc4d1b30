#!/usr/bin/env bash
# The DNA demo: a book in a simulated test tube. One block, a range, a chapter and everything are brought out of it by PCR,
# sequenced, decoded, and compared byte for byte.
# usage: dna.sh CHROMATIN
set -euo pipefail
chromatin=$(realpath "$1")
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/chromatin-dna-XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -r "$here/assets/alice/chapters" "$work/alice"
cd "$work"
dna() { "$chromatin" dna "$@"; }

echo "== Alice's Adventures in Wonderland as a directory of twelve chapters; an update to three blocks of chapter VII"
dna init tube
dna put tube alice --as alice
sed -i '20s/ the / THE /; 120s/ the / THE /; 220s/ the / THE /' alice/chapter-07.txt
dna update tube alice/chapter-07.txt alice/chapter-07.txt

# bring NAME READS PATH…: PCR, sequencing, decoding; everything after the store is simulated.
bring() {
  local name=$1 reads=$2
  shift 2
  echo
  echo "-- $name"
  dna pcr tube "$@" --out "$name.fa" | tail -n 1
  dna sequence "$name.fa" --reads "$reads" --out "$name.fastq.gz"
  # 3: part of the tube, which is what was asked for.
  dna decode tube "$name.fastq.gz" --out "$name" || [ $? -eq 3 ]
}
same() { cmp "$1" "$2" && echo "   the same, byte for byte: ${2#*/}"; }
block() { dd if="$1" bs=256 skip="$2" count=1 status=none of=expected; }

bring block 500 alice/chapter-07.txt --blocks 5
block alice/chapter-07.txt 5
same expected block/alice/chapter-07.txt.block-5

bring range 5000 alice/chapter-07.txt --blocks 10-19
for i in 10 19; do
  block alice/chapter-07.txt $i
  same expected "range/alice/chapter-07.txt.block-$i"
done

bring chapter 20000 alice/chapter-07.txt
same alice/chapter-07.txt chapter/alice/chapter-07.txt

bring everything 150000 .
diff -r alice everything/alice && echo "   the same, byte for byte: all twelve chapters, from the reads and the primers alone"

echo
dna cost tube alice/chapter-07.txt
