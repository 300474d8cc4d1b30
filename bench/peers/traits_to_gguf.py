"""Converts a made checkpoint of any architecture that chromatin serves to GGUF, as llama.cpp reads it, in float32.

Only for bench/peers/architectures.py. Needs numpy and gguf. usage: traits_to_gguf.py CHECKPOINT OUT.gguf
"""
import json
import math
import struct
import sys

import gguf
import numpy as np

NAMES = {"Gemma2ForCausalLM": "gemma2", "Gemma3ForCausalLM": "gemma3", "GraniteForCausalLM": "granite",
         "LlamaForCausalLM": "llama", "Phi3ForCausalLM": "phi3", "Qwen2ForCausalLM": "qwen2",
         "Qwen3ForCausalLM": "qwen3", "Qwen3MoeForCausalLM": "qwen3moe", "SmolLM3ForCausalLM": "smollm3"}
PARTS = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv",
         "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
         "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.gate_up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "mlp.gate": "ffn_gate_inp"}

source, target = sys.argv[1:3]
cfg = json.load(open(f"{source}/config.json"))
arch = NAMES[cfg["architectures"][0]]
heads, kv_heads = cfg["num_attention_heads"], cfg["num_key_value_heads"]
head_dim = cfg.get("head_dim", {"gemma2": 256, "gemma3": 256, "qwen3": 128}.get(arch, cfg["hidden_size"] // heads))
gemma = arch.startswith("gemma")


def tensors():
    """Name and float32 values of every tensor."""
    blob = open(f"{source}/model.safetensors", "rb").read()
    (n,) = struct.unpack("<Q", blob[:8])
    for name, t in json.loads(blob[8 : 8 + n]).items():
        a, b = t["data_offsets"]
        bits = np.frombuffer(blob[8 + n + a : 8 + n + b], dtype=np.uint16).astype(np.uint32) << 16
        yield name, bits.view(np.float32).reshape(t["shape"])


def pairs_side_by_side(w, n):
    """llama.cpp's rotary order of some architectures from Hugging Face's halves."""
    return w.reshape(n, 2, w.shape[0] // n // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def part_name(part):
    if part == "post_attention_layernorm":
        return "post_attention_norm" if gemma else "ffn_norm"
    return PARTS[part]


w = gguf.GGUFWriter(target, arch)
w.add_context_length(cfg["max_position_embeddings"])
w.add_embedding_length(cfg["hidden_size"])
w.add_block_count(cfg["num_hidden_layers"])
w.add_feed_forward_length(cfg["intermediate_size"])
w.add_head_count(heads)
w.add_head_count_kv(kv_heads)
w.add_key_length(head_dim)
w.add_value_length(head_dim)
w.add_rope_dimension_count(int(head_dim * cfg.get("partial_rotary_factor", 1)))
w.add_rope_freq_base(float(cfg.get("rope_theta", 10000.0)))
w.add_layer_norm_rms_eps(cfg["rms_norm_eps"])
w.add_vocab_size(cfg["vocab_size"])
w.add_file_type(gguf.LlamaFileType.ALL_F32)
if "sliding_window" in cfg:
    w.add_sliding_window(cfg["sliding_window"])
if arch == "gemma3":
    w.add_uint32("gemma3.attention.sliding_window_pattern", cfg["sliding_window_pattern"])
if arch == "gemma2":
    w.add_attn_logit_softcapping(cfg["attn_logit_softcapping"])
    w.add_final_logit_softcapping(cfg["final_logit_softcapping"])
if arch == "granite":
    w.add_attention_scale(cfg["attention_multiplier"])
    w.add_embedding_scale(cfg["embedding_multiplier"])
    w.add_residual_scale(cfg["residual_multiplier"])
    w.add_logit_scale(cfg["logits_scaling"])
if arch == "qwen3moe":
    w.add_expert_count(cfg["num_experts"])
    w.add_expert_used_count(cfg["num_experts_per_tok"])
    w.add_expert_feed_forward_length(cfg["moe_intermediate_size"])

rope = cfg.get("rope_scaling") or {}
kind = rope.get("rope_type", rope.get("type"))
if kind in ("linear", "yarn"):
    w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR if kind == "linear" else gguf.RopeScalingType.YARN)
    w.add_rope_scaling_factor(float(rope["factor"]))
    if kind == "yarn":
        w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
if kind == "longrope":
    original = cfg["original_max_position_embeddings"]
    ratio = cfg["max_position_embeddings"] / original
    w.add_rope_scaling_orig_ctx_len(original)
    w.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(ratio) / math.log(original)) if ratio > 1 else 1.0)
    for length in ("long", "short"):
        w.add_tensor(f"rope_factors_{length}.weight", np.array(rope[f"{length}_factor"], dtype=np.float32))
if kind == "llama3":
    turns = []
    for i in range(0, head_dim, 2):
        wavelength = 2 * math.pi * cfg["rope_theta"] ** (i / head_dim)
        original, low, high = rope["original_max_position_embeddings"], rope["low_freq_factor"], rope["high_freq_factor"]
        share = min(max((original / wavelength - low) / (high - low), 0), 1)
        turns.append(1 / ((1 - share) / rope["factor"] + share))
    w.add_tensor("rope_freqs.weight", np.array(turns, dtype=np.float32))

words = json.load(open(f"{source}/tokenizer.json"))
texts = {i: t for t, i in words["model"]["vocab"].items()}
special = {t["id"]: t["content"] for t in words["added_tokens"]}
texts.update(special)
size = cfg["vocab_size"]
w.add_tokenizer_model("gpt2")
w.add_tokenizer_pre("qwen2")
w.add_token_list([texts.get(i, f"[unused{i}]") for i in range(size)])
w.add_token_types([3 if i in special else 1 if i in texts else 5 for i in range(size)])
w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in words["model"]["merges"]])
w.add_eos_token_id(min(special))  # generation is told to ignore it
w.add_add_bos_token(False)

experts = {}
for name, values in tensors():
    if name in ("model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"):
        out = {"model.embed": "token_embd", "lm_head.wei": "output", "model.norm.": "output_norm"}[name[:11]] + ".weight"
        w.add_tensor(out, values + 1 if gemma and "norm" in out else values)
        continue
    _, _, layer, rest = name.split(".", 3)
    part, suffix = rest.rsplit(".", 1)
    if part.startswith("mlp.experts."):
        _, _, expert, of = part.split(".")
        experts.setdefault((layer, PARTS["mlp." + of]), {})[int(expert)] = values
        continue
    if gemma and part.endswith("norm"):
        values = values + 1
    if arch in ("llama", "granite", "smollm3") and part in ("self_attn.q_proj", "self_attn.k_proj"):
        values = pairs_side_by_side(values, heads if part == "self_attn.q_proj" else kv_heads)
    w.add_tensor(f"blk.{layer}.{part_name(part)}.{suffix}", np.ascontiguousarray(values))
for (layer, part), of in experts.items():
    w.add_tensor(f"blk.{layer}.{part}_exps.weight", np.stack([of[e] for e in sorted(of)]))
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
