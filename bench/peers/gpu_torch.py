#!/usr/bin/env python3
"""The shapes of `chromatin bench gpu` through PyTorch: bf16, torch.matmul, scaled_dot_product_attention.

    bench/peers/gpu_torch.py > torch.json
    chromatin bench gpu --torch torch.json

A LLaMA of random weights as a plain loop over layers: no compiler, fused products for Q, K, V and for gate and up, a
cache that is written in place, keys rotated when they are stored. Decode runs as a CUDA graph, --no-graph as it comes.
"""
import argparse
import json
import statistics
import sys

import torch
import torch.nn.functional as F

SHAPES = {
    "llama-7b": dict(layers=32, hidden=4096, heads=32, kv_heads=32, head_dim=128, ffn=11008, vocabulary=32000),
    "tiny": dict(layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, ffn=96, vocabulary=512),
}


class Clock:
    """Seconds of work in the device, or of the processor where there is none."""

    def __init__(self, device, repeats):
        self.cuda, self.repeats = device.type == "cuda", repeats

    def once(self, work):
        if not self.cuda:
            import time
            begin = time.perf_counter()
            work()
            return time.perf_counter() - begin
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
        work()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) * 1e-3

    def median(self, work):
        self.once(work)
        self.once(work)
        return statistics.median(self.once(work) for _ in range(self.repeats))


def random(*shape, device):
    return torch.empty(*shape, dtype=torch.bfloat16, device=device).normal_(0, 0.02)


class Model:
    def __init__(self, s, device, positions):
        self.s, self.device = s, device
        q, kv = s["heads"] * s["head_dim"], s["kv_heads"] * s["head_dim"]
        self.embedding = random(s["vocabulary"], s["hidden"], device=device)
        self.head = random(s["vocabulary"], s["hidden"], device=device)
        self.norm = torch.ones(s["hidden"], dtype=torch.bfloat16, device=device)
        self.layers = [dict(qkv=random(q + 2 * kv, s["hidden"], device=device),
                            out=random(s["hidden"], q, device=device),
                            gate_up=random(2 * s["ffn"], s["hidden"], device=device),
                            down=random(s["hidden"], s["ffn"], device=device)) for _ in range(s["layers"])]
        inverse = 10000.0 ** (-torch.arange(0, s["head_dim"], 2, device=device).float() / s["head_dim"])
        angles = torch.outer(torch.arange(positions, device=device).float(), inverse)
        angles = torch.cat([angles, angles], dim=1)
        self.cosines, self.sines = angles.cos().bfloat16(), angles.sin().bfloat16()

    def cache(self, batch, tokens):
        s = self.s
        return [[torch.zeros(batch, s["kv_heads"], tokens, s["head_dim"], dtype=torch.bfloat16, device=self.device)
                 for _ in range(2)] for _ in range(s["layers"])]

    def rotate(self, x, positions):
        half = x.shape[-1] // 2
        turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
        return x * self.cosines[positions] + turned * self.sines[positions]

    def forward(self, tokens, positions, cache, context):
        """tokens [batch, count]; positions: a tensor of count; context: tokens with the new ones. The next tokens."""
        s = self.s
        batch, count = tokens.shape
        heads, kv_heads, head_dim = s["heads"], s["kv_heads"], s["head_dim"]
        grouped = dict(enable_gqa=True) if heads != kv_heads else {}
        x = self.embedding[tokens]
        for layer, (keys, values) in zip(self.layers, cache):
            h = F.rms_norm(x, (s["hidden"],), self.norm, 1e-5)
            qkv = torch.matmul(h, layer["qkv"].t()).view(batch, count, heads + 2 * kv_heads, head_dim).transpose(1, 2)
            q, k, v = qkv.split([heads, kv_heads, kv_heads], dim=1)
            q = self.rotate(q, positions)
            keys.index_copy_(2, positions, self.rotate(k, positions))
            values.index_copy_(2, positions, v)
            y = F.scaled_dot_product_attention(q, keys[:, :, :context], values[:, :, :context],
                                               is_causal=count > 1, **grouped)
            x = x + torch.matmul(y.transpose(1, 2).reshape(batch, count, heads * head_dim), layer["out"].t())
            h = F.rms_norm(x, (s["hidden"],), self.norm, 1e-5)
            gate, up = torch.matmul(h, layer["gate_up"].t()).chunk(2, dim=-1)
            x = x + torch.matmul(F.silu(gate) * up, layer["down"].t())
        h = F.rms_norm(x[:, -1], (s["hidden"],), self.norm, 1e-5)
        return torch.matmul(h, self.head.t()).float().argmax(dim=-1, keepdim=True)


def prefill_ms(model, clock, tokens):
    cache = model.cache(1, tokens)
    ids = torch.arange(tokens, device=model.device).view(1, -1) * 7919 % model.s["vocabulary"]
    positions = torch.arange(tokens, device=model.device)
    return clock.median(lambda: model.forward(ids, positions, cache, tokens)) * 1e3


def decode_ms(model, clock, batch, context, graph):
    """Of one step at the end of the context: what a step in the middle of a burst takes."""
    cache = model.cache(batch, context)
    ids = torch.zeros(batch, 1, dtype=torch.long, device=model.device)
    positions = torch.tensor([context - 1], device=model.device)
    step = lambda: model.forward(ids, positions, cache, context)
    if graph and clock.cuda:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            step()
            step()
        torch.cuda.current_stream().wait_stream(side)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            step()
        step = captured.replay
    steps = 16
    return clock.median(lambda: [step() for _ in range(steps)]) / steps * 1e3


def attention_s(model, clock, rows, context):
    """One layer; as many copies as there are layers take turns, so that a short history is not in the chip's caches."""
    s, count = model.s, model.s["layers"]
    q = random(1, s["heads"], rows, s["head_dim"], device=model.device)
    cache = [[random(1, s["kv_heads"], context, s["head_dim"], device=model.device) for _ in range(2)]
             for _ in range(count)]
    grouped = dict(enable_gqa=True) if s["heads"] != s["kv_heads"] else {}
    work = lambda: [F.scaled_dot_product_attention(q, k, v, is_causal=rows > 1, **grouped) for k, v in cache]
    return clock.median(work) / count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="llama-7b", choices=SHAPES)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--prefill", type=int, nargs="*", default=[512, 2048, 8192])
    parser.add_argument("--batch", type=int, nargs="*", default=[1, 8, 32])
    parser.add_argument("--context", type=int, default=2048, help="of decode")
    parser.add_argument("--attention-prefill", type=int, nargs="*", default=[2048, 8192])
    parser.add_argument("--attention-decode", type=int, nargs="*", default=[2048, 32768])
    parser.add_argument("--product", type=int, default=8192)
    parser.add_argument("--no-graph", action="store_true", help="decode without a CUDA graph")
    a = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    clock, figures = Clock(device, a.repeats), {}

    def add(key, value):
        figures[key] = value
        print(f"{key:<40} {value:10.3f}", file=sys.stderr, flush=True)

    with torch.inference_mode():
        x, w = (random(a.product, a.product, device=device) for _ in range(2))
        add("product_tflop_per_s", 2 * a.product**3 / clock.median(lambda: torch.matmul(x, w.t())) * 1e-12)
        del x, w
        s = SHAPES[a.shape]
        model = Model(s, device, max(a.prefill + [a.context + 32]))
        for tokens in a.prefill:
            add(f"prefill.{tokens}.ms", prefill_ms(model, clock, tokens))
        for batch in a.batch:
            add(f"decode.{batch}.ms", decode_ms(model, clock, batch, a.context + 32, not a.no_graph))
        for rows in a.attention_prefill:
            operations = 2 * s["heads"] * s["head_dim"] * rows * (rows + 1)
            add(f"attention_prefill.{rows}.tflop_per_s", operations / attention_s(model, clock, rows, rows) * 1e-12)
        for keys in a.attention_decode:
            size = 4 * keys * s["kv_heads"] * s["head_dim"]
            add(f"attention_decode.{keys}.gb_per_s", size / attention_s(model, clock, 1, keys) * 1e-9)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "the processor"
    json.dump({"torch": torch.__version__, "device": name, "shape": a.shape, "figures": figures}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
