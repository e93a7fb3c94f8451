"""Token ids in, logits where an answer is learnt out: a lean Qwen3 for training on a CPU.

Law: parameter names and arithmetic are those of transformers' ``Qwen3ForCausalLM``, so its weights load there as they
are and give the same logits.
"""

import copy
import dataclasses
import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The network's dimensions."""

    hidden: int = 192
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    feed_forward: int = 384
    vocabulary: int = 2048
    rope_theta: float = 100_000.0
    context_tokens: int = 2048


class RmsNorm(nn.Module):
    """Scaling to unit root mean square."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), self.weight, 1e-6)


class Linear(nn.Module):
    """A product without a bias, of f32 or of bf16 numbers; what comes out is f32."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight: Tensor = nn.Parameter(torch.empty(outputs, inputs))
        self.in_bf16 = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.in_bf16:
            return functional.linear(x, self.weight)
        return functional.linear(x.bfloat16(), self.weight.bfloat16()).float()


class Attention(nn.Module):
    """Grouped-query attention with RMS norms on queries and keys, and RoPE."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.q_proj = Linear(shape.hidden, shape.heads * shape.head_dim)
        self.k_proj = Linear(shape.hidden, shape.kv_heads * shape.head_dim)
        self.v_proj = Linear(shape.hidden, shape.kv_heads * shape.head_dim)
        self.o_proj = Linear(shape.heads * shape.head_dim, shape.hidden)
        self.q_norm, self.k_norm = RmsNorm(shape.head_dim), RmsNorm(shape.head_dim)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Return the causal attention over rows that are padded on the right."""
        rows, length, _ = x.shape
        dim = self.shape.head_dim
        q = self.q_norm(self.q_proj(x).view(rows, length, -1, dim)).transpose(1, 2)
        k = self.k_norm(self.k_proj(x).view(rows, length, -1, dim)).transpose(1, 2)
        v = self.v_proj(x).view(rows, length, -1, dim).transpose(1, 2)
        q, k = _rotated(q, cos, sin), _rotated(k, cos, sin)
        repeats = self.shape.heads // self.shape.kv_heads
        k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(rows, length, -1))
        return out


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = Linear(shape.hidden, shape.feed_forward)
        self.up_proj = Linear(shape.hidden, shape.feed_forward)
        self.down_proj = Linear(shape.feed_forward, shape.hidden)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    """One layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(shape), FeedForward(shape)
        self.input_layernorm, self.post_attention_layernorm = RmsNorm(shape.hidden), RmsNorm(shape.hidden)


class Decoder(nn.Module):
    """Embedding, layers and the last norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = RmsNorm(shape.hidden)

    @property
    def blocks(self) -> list[Block]:
        """The layers, from the first on."""
        return cast("list[Block]", list(self.layers))


class Reader(nn.Module):
    """The decoder with its head tied to the embedding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, self.model = shape, Decoder(shape)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                narrow = 0.3 if "o_proj" in name or "down_proj" in name else 0.7
                nn.init.normal_(weight, 0, 0.02 if "embed" in name else narrow / math.sqrt(weight.shape[1]))
        turns = torch.outer(torch.arange(shape.context_tokens).float(), _frequencies(shape))
        turns = torch.cat((turns, turns), -1)
        self.register_buffer("cos", turns.cos(), persistent=False)
        self.register_buffer("sin", turns.sin(), persistent=False)
        self.cos: Tensor
        self.sin: Tensor

    def multiply_in_bf16(self, *, chosen: bool) -> None:
        """Choose the numbers that the layers' matrices are multiplied in; attention, norms and logits stay f32."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.in_bf16 = chosen

    def forward(self, ids: Tensor, wanted: Tensor) -> Tensor:
        """Return logits, shape (wanted, vocabulary). ``ids``: (rows, length); ``wanted``: flat positions."""
        return self.read(ids, wanted)[0]

    def read(self, ids: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits, and the states behind half of the layers, shape (rows, length, hidden)."""
        length = ids.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        x = self.model.embed_tokens(ids)
        states = x
        last = len(self.model.blocks) - 1
        for index, block in enumerate(self.model.blocks):
            x = x + block.self_attn(block.input_layernorm(x), cos, sin)
            if index == last:  # what is not wanted goes no further
                x = x.reshape(-1, x.shape[-1])[wanted]
            x = x + block.mlp(block.post_attention_layernorm(x))
            if index + 1 == len(self.model.blocks) // 2:
                states = x
        return functional.linear(self.model.norm(x), self.model.embed_tokens.weight), states


def _frequencies(shape: Shape) -> Tensor:
    return 1.0 / (shape.rope_theta ** (torch.arange(0, shape.head_dim, 2).float() / shape.head_dim))


@torch.no_grad()
def deepen(reader: Reader, layers: int) -> None:
    """Give the reader more layers, without a change to what it computes.

    A new layer comes behind each of the last ones: its copy, whose outputs add nothing until they are trained (after
    progressive stacking: Gong et al. 2019). ``layers``: at most twice as many as there are.
    """
    blocks = reader.model.blocks
    added = layers - len(blocks)
    stacked = blocks[: len(blocks) - added]
    for block in blocks[len(blocks) - added :]:
        copied = copy.deepcopy(block)
        copied.self_attn.o_proj.weight.zero_()
        copied.mlp.down_proj.weight.zero_()
        stacked += [block, copied]
    reader.model.layers = nn.ModuleList(stacked)
    reader.shape = dataclasses.replace(reader.shape, layers=layers)


@torch.no_grad()
def prime_induction(reader: Reader, *, signal: float = 0.05, constant: float = 0.25, gain: float = 1.0) -> None:
    """Write two pairs of copying heads into the random weights, so that the model copies before its first step.

    Layer 0, heads 0 and 1: the tokens one and two places back (a constant dimension turned by RoPE's phases). Layer 1,
    heads 0 and 1: find where the present token stood before, and copy what followed it (induction heads: Olsson et al.
    2022, arXiv 2209.11895). Needs two heads for each KV head and a head_dim of 64. Without it the same model stands at
    loss 2.1 where with it it stands at 0.64, after 0.46 M tokens.
    """
    shape = reader.shape
    half = shape.hidden // 2
    spare = (shape.hidden - half) // 2  # residual: [0] constant, [1:half] token, then token t-1, then token t-2
    embedding = reader.model.embed_tokens.weight
    embedding[:, half:] *= 0.1
    embedding[:, 1:half].normal_(0, signal)
    embedding[:, 0] = constant
    first, second, *_ = reader.model.blocks
    for block in (first, second):
        block.mlp.down_proj.weight *= 0.3
        block.self_attn.o_proj.weight *= 0.3
    width = min(shape.head_dim, spare, half - 1)
    token_basis = torch.linalg.qr(torch.randn(half - 1, width))[0].T
    _look_back(first.self_attn, shape, half, token_basis)
    _match_and_copy(second.self_attn, shape, half, token_basis, gain)


def _look_back(attention: Attention, shape: Shape, half: int, basis: Tensor) -> None:
    pairs, dim = shape.head_dim // 2, shape.head_dim
    spare = (shape.hidden - half) // 2
    frequencies = _frequencies(shape)
    fast = 5 * pairs // 16
    strength = torch.zeros(pairs)
    strength[:fast] = torch.linspace(1.7, 0.8, fast)
    attention.k_proj.weight[:dim] = 0
    attention.k_proj.weight[:pairs, 0] = strength
    for back in (1, 2):
        rows = slice((back - 1) * dim, back * dim)
        query = torch.cat((strength * torch.cos(frequencies * back), -strength * torch.sin(frequencies * back)))
        attention.q_proj.weight[rows] = 0
        attention.q_proj.weight[rows, 0] = query
    for norm in (attention.q_norm, attention.k_norm):
        norm.weight[:fast] = 2.2
        norm.weight[pairs : pairs + fast] = 2.2
    width = len(basis)
    attention.v_proj.weight[:dim] = 0
    attention.v_proj.weight[:width, 1:half] = basis
    for head, target in ((0, half), (1, half + spare)):
        attention.o_proj.weight[:, head * dim : (head + 1) * dim] = 0
        attention.o_proj.weight[target : target + width, head * dim : head * dim + width] = torch.eye(width) * 0.25


def _match_and_copy(attention: Attention, shape: Shape, half: int, basis: Tensor, gain: float) -> None:
    pairs, dim = shape.head_dim // 2, shape.head_dim
    spare, width = (shape.hidden - half) // 2, len(basis)
    slow = [i for i, frequency in enumerate(_frequencies(shape)) if frequency < 2e-3]
    dims = [*slow, *(pairs + i for i in slow)]
    even, odd = dims[0::2], dims[1::2]
    by_last, by_one_before = torch.randn(len(even), width) / width**0.5, torch.randn(len(odd), width) / width**0.5
    keys = attention.k_proj.weight[:dim]
    keys.zero_()
    keys[even, half : half + width] = by_last
    keys[odd, half + spare : half + spare + width] = by_one_before * 0.7
    for head in (0, 1):
        query = attention.q_proj.weight[head * dim : (head + 1) * dim]
        query.zero_()
        query[even, 1:half] = by_last @ basis
        if head:
            query[odd, half : half + width] = by_one_before * 2.8
    for norm in (attention.q_norm, attention.k_norm):
        norm.weight[dims] = 1.5
    copied = min(dim, half - 1)
    out = torch.linalg.qr(torch.randn(half - 1, copied))[0].T
    attention.v_proj.weight[:dim] = 0
    attention.v_proj.weight[:copied, 1:half] = out
    for head in (0, 1):
        attention.o_proj.weight[:, head * dim : (head + 1) * dim] = 0
        attention.o_proj.weight[1:half, head * dim : head * dim + copied] = out.T * gain
