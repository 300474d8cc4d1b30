"""Writes a GGUF file of random weights in a shape of Qwen3's, dense or with experts: every matrix as blocks of the kind
that llama-quantize would give it, so that no float model has to be written and quantised first.

Only for measuring beside llama.cpp. Needs numpy and gguf. usage: random_gguf.py FOLDER Q8_0|Q4_K_M OUT.gguf
FOLDER has config.json, tokenizer.json and tokenizer_config.json.
"""
import json
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

DEVIATION = 0.02  # of the weights, about
source, kind, target = sys.argv[1:4]
cfg = json.load(open(f"{source}/config.json"))
hidden, layers, size = cfg["hidden_size"], cfg["num_hidden_layers"], cfg["vocab_size"]
head_dim = cfg.get("head_dim", hidden // cfg["num_attention_heads"])
queries, keys = (cfg[of] * head_dim for of in ("num_attention_heads", "num_key_value_heads"))
experts = cfg.get("num_experts", 0)
width = cfg["moe_intermediate_size"] if experts else cfg["intermediate_size"]
random = np.random.default_rng(1)


def factors(count, middle):
    """Positive half-precision numbers, as bytes."""
    return (middle * random.uniform(0.75, 1.25, count)).astype(np.float16)


def q8_0(count):
    blocks = np.frombuffer(random.bytes(count * 34), np.uint8).reshape(count, 34).copy()
    blocks[:, 2:] = np.maximum(blocks[:, 2:].view(np.int8), -127).view(np.uint8)
    blocks[:, :2] = factors(count, DEVIATION / 73).view(np.uint8).reshape(count, 2)
    return blocks


def q4_k(count):
    """The minimum of a group is the middle of its values, so that the weights lie around zero."""
    blocks = np.frombuffer(random.bytes(count * 144), np.uint8).reshape(count, 144).copy()
    scale = factors(count, DEVIATION / 48 / 4.6)
    blocks[:, :2] = scale.view(np.uint8).reshape(count, 2)
    blocks[:, 2:4] = (7.5 * scale.astype(np.float32)).astype(np.float16).view(np.uint8).reshape(count, 2)
    groups = random.integers(32, 64, (count, 8), dtype=np.uint8)
    blocks[:, 4:8] = blocks[:, 8:12] = groups[:, :4] | groups[:, 4:] >> 4 << 6
    blocks[:, 12:16] = groups[:, 4:] & 15 | groups[:, 4:] << 4
    return blocks


def q6_k(count):
    blocks = np.frombuffer(random.bytes(count * 210), np.uint8).reshape(count, 210).copy()
    blocks[:, 192:208] = random.integers(16, 32, (count, 16), dtype=np.uint8)
    blocks[:, 208:] = factors(count, DEVIATION / 24 / 18.5).view(np.uint8).reshape(count, 2)
    return blocks


MADE = {Type.Q8_0: (q8_0, 32, 34), Type.Q4_K: (q4_k, 256, 144), Type.Q6_K: (q6_k, 256, 210)}


def needs_more_bits(layer):
    """llama-quantize's choice for values and the down projection of Q4_K_M."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def type_of(name, layer):
    if kind == "Q8_0":
        return Type.Q8_0
    precise = name in ("attn_v", "ffn_down", "ffn_down_exps") and needs_more_bits(layer)
    last = name == ("token_embd" if cfg["tie_word_embeddings"] else "output")
    return Type.Q6_K if precise or last else Type.Q4_K


def tensors():
    """Name, type (None: floats around `mean`), shape with the inputs last."""
    yield "token_embd", type_of("token_embd", 0), (size, hidden)
    yield "output_norm", None, (hidden,)
    if not cfg["tie_word_embeddings"]:
        yield "output", type_of("output", 0), (size, hidden)
    feed_forward = {"ffn_gate": (width, hidden), "ffn_up": (width, hidden), "ffn_down": (hidden, width)}
    if experts:
        feed_forward = {f"{name}_exps": (experts, *shape) for name, shape in feed_forward.items()}
    matrices = {"attn_q": (queries, hidden), "attn_k": (keys, hidden), "attn_v": (keys, hidden),
                "attn_output": (hidden, queries), **feed_forward}
    for layer in range(layers):
        for name, values in (("attn_norm", hidden), ("ffn_norm", hidden), ("attn_q_norm", head_dim),
                             ("attn_k_norm", head_dim)):
            yield f"blk.{layer}.{name}", None, (values,)
        if experts:
            yield f"blk.{layer}.ffn_gate_inp", None, (experts, hidden)
        for name, shape in matrices.items():
            yield f"blk.{layer}.{name}", type_of(name, layer), shape


def bytes_of(type, shape):
    _, values, block_bytes = MADE[type]
    return (*shape[:-1], shape[-1] // values * block_bytes)


def data_of(type, shape):
    if type is None:
        return random.normal(1 if len(shape) == 1 else 0, DEVIATION, shape).astype(np.float32)
    make, values, _ = MADE[type]
    return make(int(np.prod(shape)) // values).reshape(bytes_of(type, shape))


w = gguf.GGUFWriter(target, "qwen3moe" if experts else "qwen3")
w.add_name(f"random {kind}")
w.add_context_length(cfg["max_position_embeddings"])
w.add_embedding_length(hidden)
w.add_block_count(layers)
w.add_feed_forward_length(cfg["intermediate_size"])
w.add_head_count(cfg["num_attention_heads"])
w.add_head_count_kv(cfg["num_key_value_heads"])
w.add_key_length(head_dim)
w.add_value_length(head_dim)
w.add_rope_freq_base(float(cfg["rope_theta"]))
w.add_layer_norm_rms_eps(cfg["rms_norm_eps"])
w.add_vocab_size(size)
w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if kind == "Q8_0" else gguf.LlamaFileType.MOSTLY_Q4_K_M)
w.add_quantization_version(gguf.GGML_QUANT_VERSION)
if experts:
    w.add_expert_count(experts)
    w.add_expert_used_count(cfg["num_experts_per_tok"])
    w.add_expert_feed_forward_length(width)

tokenizer = json.load(open(f"{source}/tokenizer.json"))
special = {t["id"]: t["content"] for t in tokenizer["added_tokens"]}
texts = {number: text for text, number in tokenizer["model"]["vocab"].items()} | special
names = json.load(open(f"{source}/tokenizer_config.json"))
w.add_tokenizer_model("gpt2")
w.add_tokenizer_pre("qwen2")
w.add_token_list([texts.get(i, f"[PAD{i}]") for i in range(size)])
w.add_token_types([gguf.TokenType.CONTROL if i in special else
                   gguf.TokenType.NORMAL if i in texts else gguf.TokenType.UNUSED for i in range(size)])
w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]])
w.add_eos_token_id(next(i for i, text in special.items() if text == names["eos_token"]))
w.add_add_bos_token(False)
w.add_chat_template(names["chat_template"])

for name, type, shape in tensors():
    there = shape if type is None else bytes_of(type, shape)
    dtype = np.dtype(np.float32 if type is None else np.uint8)
    w.add_tensor_info(f"{name}.weight", there, dtype, int(np.prod(there)) * dtype.itemsize, type)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_ti_data_to_file()
for _, type, shape in tensors():
    w.write_tensor_data(data_of(type, shape))
w.close()
