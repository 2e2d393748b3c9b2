"""Whole models in a smaller float type, and how many bytes a model takes.

`downcast` really changes the type to float16 or bfloat16. For fp8, in which few operations exist, it rounds the
weights and keeps them in their type. There is no scale here: a number is replaced by the nearest one of the format,
as `tensor.to` does. With scales it is quantization, and begins in `qparams`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial

import torch
from torch import nn

from qlab.casting import cast
from qlab.selection import Rule, select_modules

TARGETS = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
DEFAULTS = ("float64", "float32", "float16", "bfloat16")


def downcast(model: nn.Module, dtype: str | torch.dtype, exclude: Rule | Iterable[Rule] = ()) -> nn.Module:
    """A copy of the model whose float tensors have been rounded to `dtype`; the model itself is left alone.

    dtype: "float16" or "bfloat16": parameters and float buffers get this type, and float inputs of the copy are
    cast to it. "float8_e4m3fn" or "float8_e5m2": parameters get the nearest values of the format, those beyond its
    range the largest, and keep their type (so the footprint stays the same: the format is simulated). Integer
    buffers, such as BatchNorm's count, are never touched; gradients are not copied.

    exclude: modules to keep as they are, by full name, last component or type, with all that is below them; see
    `select_modules`. They compute in their own type: what enters them is cast to it, what leaves them is cast back.
    A module that shares a tensor with an excluded one is kept as well.

    Raises ValueError for another dtype, an exclusion that matches nothing, or a parameter that float16 turns into
    infinity.

    >>> model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    >>> half = downcast(model, "bfloat16", exclude=nn.LayerNorm)
    >>> [m.weight.dtype for m in half]
    [torch.bfloat16, torch.float32, torch.bfloat16]
    >>> half(torch.ones(1, 4)).dtype
    torch.bfloat16
    """
    target = _check_target(dtype)
    copied = copy.deepcopy(model)
    islands = _islands(copied, select_modules(copied, exclude))
    kept = {id(tensor) for tensors in islands.values() for tensor in tensors}
    if target.itemsize > 1:
        _insert_casts(copied, islands, target)
    for name, tensor in [*copied.named_parameters(), *copied.named_buffers()]:
        if not tensor.is_floating_point() or id(tensor) in kept:
            continue
        if target.itemsize > 1:
            tensor.data = _lowered(name, tensor, target)
        elif isinstance(tensor, nn.Parameter):
            tensor.data = cast(tensor.data, str(target).removeprefix("torch.")).to(tensor.dtype)
    return copied


def memory_footprint(model: nn.Module) -> int:
    """Bytes of a model's parameters and buffers, tensors used twice counted once, and of packed weights.

    Packed weights are those that torch's own quantized modules hold outside of parameters and buffers; quantities
    that only a forward pass needs (activations, gradients, optimizer states) are not counted.

    >>> memory_footprint(nn.Linear(1000, 10))  # 10,000 weights and 10 biases of 4 bytes
    40040
    """
    named = dict([*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)])
    packed = [value for name, value in model.state_dict().items() if name not in named]
    flat = [item for value in packed for item in (value if isinstance(value, tuple) else (value,))]
    return sum(t.nbytes for t in (*_tensors(model), *flat) if isinstance(t, torch.Tensor))


@contextmanager
def default_dtype(dtype: str | torch.dtype) -> Iterator[None]:
    """The float type of new tensors while a with block runs; the one before is put back, after an error too.

    dtype: a torch float type or its name. It holds for the whole process, not only for this thread. Raises
    ValueError for anything that is not a float type of torch.

    >>> with default_dtype("bfloat16"):
    ...     nn.Linear(2, 2).weight.dtype
    torch.bfloat16
    >>> torch.get_default_dtype()
    torch.float32
    """
    name, before = str(dtype).removeprefix("torch."), torch.get_default_dtype()
    if name not in DEFAULTS:
        raise ValueError(f"the default type can be {' or '.join(DEFAULTS)}, got {dtype!r}")
    torch.set_default_dtype(getattr(torch, name))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _tensors(model: nn.Module) -> list[torch.Tensor]:
    return [*model.parameters(), *model.buffers()]


def _check_target(dtype: str | torch.dtype) -> torch.dtype:
    name = str(dtype).removeprefix("torch.")
    if name not in TARGETS:
        near = get_close_matches(name, TARGETS, n=2, cutoff=0.4) or TARGETS
        raise ValueError(f"a model can be downcast to {' or '.join(TARGETS)}; got {dtype!r}, try {near[0]!r}")
    return getattr(torch, name)


def _lowered(name: str, tensor: torch.Tensor, target: torch.dtype) -> torch.Tensor:
    """`tensor` in the smaller type; ValueError where a number of a parameter overflows."""
    lowered = tensor.data.to(target)
    lost = lowered.isinf() & tensor.data.isfinite()
    if isinstance(tensor, nn.Parameter) and lost.any():
        raise ValueError(
            f"{int(lost.sum())} elements of {name} are beyond {target}, such as {tensor.data[lost][0].item():g}; "
            f"use bfloat16, or exclude the module"
        )
    return lowered


def _islands(model: nn.Module, excluded: dict[str, nn.Module]) -> dict[nn.Module, list[torch.Tensor]]:
    """The modules that stay in another type than what is around them, with the tensors that stay for their sake.

    They are the excluded modules that are in no other one, and the modules that share a tensor with them.
    """
    outermost = [m for name, m in excluded.items() if not any(name.startswith(f"{outer}.") for outer in excluded)]
    inside = {inner for module in outermost for inner in module.modules()}
    kept = {id(tensor) for module in outermost for tensor in _tensors(module)}
    islands = {module: _tensors(module) for module in outermost}
    for module in model.modules():
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if module not in inside and any(id(tensor) in kept for tensor in own):
            islands[module] = own
    return islands


def _insert_casts(model: nn.Module, islands: dict[nn.Module, list[torch.Tensor]], target: torch.dtype) -> None:
    """Hooks that cast what enters the model to `target`, and what enters and leaves its islands."""
    for module in model.modules():
        _remove_casts(module)
    model.register_forward_pre_hook(partial(_cast_inputs, target), with_kwargs=True)
    usual = _float_type(_tensors(model), torch.get_default_dtype())
    for module, tensors in islands.items():
        module.register_forward_pre_hook(partial(_cast_inputs, _float_type(tensors, usual)), with_kwargs=True)
        module.register_forward_hook(partial(_cast_output, target))


def _remove_casts(module: nn.Module) -> None:
    """Undo `_insert_casts` on one module, for a model that is downcast a second time."""
    for hooks in (module._forward_pre_hooks, module._forward_hooks):
        for key in [k for k, hook in hooks.items() if getattr(hook, "func", None) in (_cast_inputs, _cast_output)]:
            del hooks[key]


def _float_type(tensors: list[torch.Tensor], otherwise: torch.dtype) -> torch.dtype:
    return next((t.dtype for t in tensors if t.is_floating_point()), otherwise)


def _cast_inputs(target: torch.dtype, module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    return _cast_floats(args, target), _cast_floats(kwargs, target)


def _cast_output(target: torch.dtype, module: nn.Module, args: tuple, output: object) -> object:
    return _cast_floats(output, target)


def _cast_floats(value: object, target: torch.dtype) -> object:
    """Float tensors cast, in tuples, lists and dicts too; everything else as it is."""
    if isinstance(value, torch.Tensor):
        return value.to(target) if value.is_floating_point() else value
    if type(value) in (tuple, list):
        return type(value)(_cast_floats(item, target) for item in value)
    if type(value) is dict:
        return {key: _cast_floats(item, target) for key, item in value.items()}
    return value
