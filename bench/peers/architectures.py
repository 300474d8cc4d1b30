"""Every architecture beside llama.cpp on the same random weights: the likeliest tokens and their probabilities after a
prompt of random tokens, greedily, in float32. Ends with status 1 where they differ.

usage: architectures.py LLAMA [CASE …]      LLAMA is a folder made by llama-cpp.sh setup; the program must be built
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
CHROMATIN = os.environ.get("CHROMATIN", os.path.join(HERE, "../../build/release/apps/chromatin"))
PORT = 8399
PROMPT, GENERATED = 150, 24
TOLERANCE = 0.01  # of logarithms of probabilities
MARGIN = 0.02  # two tokens nearer to each other may change places

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}


def no_full_stretch(config):
    """llama.cpp goes by the pattern, and by the size of a head."""
    config.pop("layer_types")
    config["sliding_window_pattern"] = 3
    config["query_pre_attn_scalar"] = 32


CASES = {
    "llama3-tiny": None,
    "qwen2-tiny": None,
    "qwen3-tiny": None,
    "qwen3-moe-tiny": None,
    "smollm3-tiny": None,
    "granite-tiny": None,
    "phi3-tiny": None,
    "gemma2-tiny": lambda c: c.update(query_pre_attn_scalar=32),
    "gemma3-tiny": no_full_stretch,
    "qwen3-tiny, linear": lambda c: c.update(rope_scaling={"rope_type": "linear", "factor": 4.0}),
    "qwen3-tiny, yarn": lambda c: c.update(rope_scaling=YARN),
    "phi3-tiny, short": lambda c: c.update(original_max_position_embeddings=512),
}


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def theirs(root, model, prompt):
    """What llama.cpp's server says: a list of steps, each a list of (token, logarithm of its probability)."""
    server = subprocess.Popen(
        ["chroot", root, "llama-server", "-m", model, "--port", str(PORT), "-c", "512", "-np", "1", "-t", "2",
         "-ctk", "f32", "-ctv", "f32", "-fa", "off", "--no-warmup"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(240):
            if server.poll() is not None:
                raise RuntimeError("llama-server ended by itself")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=2).read()
                break
            except OSError:
                time.sleep(0.25)
        body = {"prompt": prompt, "n_predict": GENERATED, "temperature": 0, "n_probs": 10, "cache_prompt": False,
                "ignore_eos": True, "return_tokens": True, "samplers": ["temperature"]}
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}/completion", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        answer = json.load(urllib.request.urlopen(request, timeout=120))
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    return [[(t["id"], t["logprob"]) for t in step["top_logprobs"]] for step in answer["completion_probabilities"]]


def ours(folder, prompt):
    text = run(CHROMATIN, "bench", "logits", "--model", folder, "--tokens", ",".join(map(str, prompt)), "--generate",
               str(GENERATED))
    return [[(t["id"], t["logprob"]) for t in step] for step in json.loads(text)]


def compare(mine, other):
    """Steps until the texts part, the largest difference on the way, and whether they may part there."""
    worst, steps = 0.0, 0
    for a, b in zip(mine, other):
        known = dict(b)
        worst = max([worst] + [abs(p - known[t]) for t, p in a[:5] if t in known])
        steps += 1
        if a[0][0] != b[0][0]:
            return steps, worst, a[0][1] - a[1][1] < MARGIN
    return steps, worst, True


def main():
    root, chosen = os.path.abspath(sys.argv[1]), sys.argv[2:] or list(CASES)
    inside = os.path.join(root, "models", "architectures")
    shutil.rmtree(inside, ignore_errors=True)
    os.makedirs(inside)
    shutil.copy(os.path.join(HERE, "traits_to_gguf.py"), inside)
    bad = 0
    for case in chosen:
        folder = os.path.join(inside, case.replace(", ", "-"))
        run(CHROMATIN, "make-checkpoint", "--shape", case.split(",")[0], folder)
        file = os.path.join(folder, "config.json")
        config = json.load(open(file))
        if CASES[case]:
            CASES[case](config)
            json.dump(config, open(file, "w"))
        there = "/models/architectures/" + os.path.basename(folder)
        subprocess.run(["chroot", root, "python3", "/models/architectures/traits_to_gguf.py", there, there + ".gguf"],
                       check=True, stdout=subprocess.DEVNULL)
        prompt = random.Random(case).choices(range(256), k=PROMPT)
        steps, worst, may = compare(ours(folder, prompt), theirs(root, there + ".gguf", prompt))
        good = worst <= TOLERANCE and may
        bad += not good
        print(f"{case:<22} {steps:>3} of {GENERATED} tokens the same, log probabilities within {worst:.5f}"
              f"{'' if good else '   DIFFERS'}", flush=True)
    shutil.rmtree(inside)
    sys.exit(bad > 0)


main()
