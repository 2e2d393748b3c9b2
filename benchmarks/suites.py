"""What is measured, on what, and how good it has to be."""

import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import product

import torch
from torch import nn

import qlab as ql
from benchmarks import peers
from benchmarks.timing import Claim, Suite

GRANULARITIES = {"per tensor": ql.PerTensor(), "per channel": ql.PerAxis(0), "groups of 128": ql.PerGroup(128)}
SCHEMES = ("symmetric", "affine")
CASES = [(f"{g}, {s}", GRANULARITIES[g], s) for g, s in product(GRANULARITIES, SCHEMES)]


def all_suites(x: torch.Tensor, matrix: int = 1024, compiled: bool = False) -> Iterator[Suite]:
    """Every suite, on the float32 matrix `x`; integer products are of square matrices of size `matrix`.

    compiled: compile the layers that are compared as compiled ones, which takes half a minute.
    """
    yield quantizing(x)
    yield dequantizing(x)
    yield from (against_the_plain_form(x, *case) for case in CASES)
    yield looping(x)
    yield from (round_trip(x, *case) for case in CASES)
    yield from (with_given_qparams(x, name) for name in ("per tensor", "per channel"))
    yield from (multiplying(matrix, affine) for affine in (False, True))
    yield packing(x)
    yield from (dynamic_layer(size, m, compiled) for size in (matrix, 4 * matrix) for m in (16, 64, 256))
    yield from (weight_only_layer(4 * matrix, *case) for case in ((1, 0.85), (256, 1.15)))


def quantizing(x):
    copy = torch.empty_like(x)
    functions = {"copy_": lambda: copy.copy_(x)}
    functions |= {name: partial(quantized, x, granularity, scheme) for name, granularity, scheme in CASES}
    claims = [Claim(f"choose + quantize, {name}", "copy_", 2.7, ours=name) for name, *_ in CASES]
    return Suite(functions, claims, rounds=25)


def quantized(x, granularity, scheme):
    return ql.quantize(x, ql.choose_qparams(x, "int8", scheme, granularity))


def against_the_plain_form(x, name, granularity, scheme):
    return Suite(
        {
            "ours": lambda: quantized(x, granularity, scheme),
            "plain form": lambda: peers.plain(x, granularity, scheme),
            "plain form without the NaN check": lambda: peers.plain(x, granularity, scheme, check=False),
        },
        [
            Claim(f"choose + quantize, {name}", "plain form", 5, faster=True),
            Claim(f"choose + quantize, {name}", "plain form without the NaN check", faster=True),
        ],
    )


def looping(x):
    group = ql.PerGroup(128)
    return Suite(
        {
            "ours": lambda: quantized(x, group, "symmetric"),
            "a loop over groups": lambda: peers.loop_over_groups(x, 128),
        },
        [Claim("choose + quantize, groups of 128, symmetric", "a loop over groups", 50, faster=True)],
        rounds=5,
    )


def round_trip(x, name, granularity, scheme):
    out = torch.empty_like(x)

    def quantized():
        return ql.quantize(x, ql.choose_qparams(x, "int8", scheme, granularity))

    functions = {
        "ours": lambda: ql.dequantize(quantized()),
        "with out": lambda: ql.dequantize(quantized(), out=out),
    }
    rivals = ["torchao"]
    if peers.torchao:
        functions["torchao"] = lambda: peers.torchao_round_trip(x, granularity, scheme)
    if scheme == "symmetric" and not isinstance(granularity, ql.PerGroup):
        rivals.append("quanto")
        if peers.quanto:
            functions["quanto"] = lambda: peers.quanto_round_trip(x, granularity)
    figure = f"choose + quantize + dequantize, {name}"
    claims = [Claim(figure, rival, 3.5, faster=True) for rival in rivals]
    claims += [Claim(f"{figure}, into out", rival, 3.5, faster=True, ours="with out") for rival in rivals]
    return Suite(functions, claims)


def with_given_qparams(x, name):
    out, qp = torch.empty_like(x), ql.choose_qparams(x, "int8", "affine", GRANULARITIES[name])
    peer, target = ("quantize_per_tensor", 1) if name == "per tensor" else ("quantize_per_channel", 1.8)
    figure, peer = f"quantize + dequantize, {name}, affine, qparams given", f"torch.{peer}"
    return Suite(
        {
            "ours": lambda: ql.dequantize(ql.quantize(x, qp)),
            "with out": lambda: ql.dequantize(ql.quantize(x, qp), out=out),
            peer: lambda: peers.torch_round_trip(x, qp),
        },
        [
            Claim(figure, peer, target, faster=True),
            Claim(f"{figure}, into out", peer, target, faster=True, ours="with out"),
        ],
    )


def dequantizing(x):
    out, copy = torch.empty_like(x), torch.empty_like(x)
    functions = {"copy_": lambda: copy.copy_(x)}
    for name, granularity, scheme in CASES:
        functions[name] = partial(ql.dequantize, quantized(x, granularity, scheme), out=out)
    claims = [Claim(f"dequantize into out, {name}", "copy_", 1.3, ours=name) for name, *_ in CASES]
    return Suite(functions, claims, rounds=25)


def multiplying(size, affine):
    """Activations per tensor; weights (N, K), transposed, one scale and zero point for each of N."""
    generator = torch.Generator().manual_seed(0)
    scheme, activations = ("affine", "uint8") if affine else ("symmetric", "int8")
    x, w = (torch.randn(size, size, generator=generator) for _ in range(2))
    a = ql.quantize(x, ql.choose_qparams(x, activations, scheme))
    rows = ql.quantize(w, ql.choose_qparams(w, "int8", scheme, ql.PerAxis(0)))
    scale, zero_point = rows.qparams.scale.t(), rows.qparams.zero_point
    zero_point = None if zero_point is None else zero_point.t()
    b = ql.QTensor(rows.data.t(), ql.QParams(scale, zero_point, "int8", ql.PerAxis(1)))
    return Suite(
        {"torch._int_mm": lambda: torch._int_mm(a.data, b.data), "ours": lambda: ql.int_matmul(a, b)},
        [Claim(f"int_matmul, {size}^3, {scheme} {activations} x int8", "torch._int_mm", 1.7 if affine else 1.15)],
        rounds=101,
    )


def packing(x):
    copy = torch.empty_like(x)
    codes = ql.quantize(x, ql.choose_qparams(x, "int4", "symmetric", ql.PerGroup(128))).data
    packed = ql.pack(codes, 4)
    return Suite(
        {
            "copy_": lambda: copy.copy_(x),
            "pack": lambda: ql.pack(codes, 4),
            "unpack": lambda: ql.unpack(packed, 4, codes.shape[-1], signed=True),
        },
        [Claim(f"{name} int4", "copy_", 2, ours=name) for name in ("pack", "unpack")],
    )


def dynamic_layer(size, tokens, compiled):
    linear = nn.Linear(size, size).requires_grad_(False)
    layer, x = ql.QuantLinear.from_float(linear, activation="int8"), torch.randn(tokens, size)
    figure, target = f"W8A8 linear layer, {size}x{size}, {tokens} tokens", 3.5 if size <= 1024 else 5
    weight, codes = layer.qweight.data, torch.randint(-127, 128, (tokens, size), dtype=torch.int8)
    functions = {
        "F.linear": lambda: linear(x),
        "ours": lambda: layer(x),
        "integer product": lambda: torch._int_mm(weight, codes.t()),
    }
    claims = [
        Claim(figure, "F.linear", target, faster=True),
        Claim("its integer product alone", "F.linear", faster=True, ours="integer product"),
        Claim(figure, "torchao, compiled", 0.9, faster=True),
    ]
    functions |= {"F.linear again": functions["F.linear"]}  # so that each finds the cache as F.linear leaves it
    if peers.torchao:
        functions["torchao, compiled"] = partial(peers.torchao_layer(linear, compiled), x)
    return Suite(functions, claims, rounds=51 if size <= 1024 else 15)


def weight_only_layer(size, tokens, target):
    linear = nn.Linear(size, size).requires_grad_(False)
    layer, x = ql.QuantLinear.from_float(linear), torch.randn(tokens, size)
    return Suite(
        {
            "F.linear": lambda: linear(x),
            "ours": lambda: layer(x),
            "F.linear again": lambda: linear(x),
            "cast and scale": lambda: peers.cast_and_scale(layer, x),
        },
        [
            Claim(f"W8A16 linear layer, float32, {size}x{size}, {tokens} tokens", "F.linear", target),
            Claim("cast and scale, the same layer", "F.linear", ours="cast and scale"),
        ],
    )


def seconds_to_import(runs: int = 7) -> float:
    """How long `import qlab` takes where torch is imported already, each time in a fresh interpreter."""
    code = "import time, torch; start = time.perf_counter(); import qlab; print(time.perf_counter() - start)"
    fresh = partial(subprocess.run, [sys.executable, "-c", code], capture_output=True, check=True)
    return statistics.median(float(fresh().stdout) for _ in range(runs))
