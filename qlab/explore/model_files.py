"""A model in a file, before and after quantization: every byte of both files, and what it is spent on."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import torch
from safetensors.torch import save_model
from torch import nn

from qlab.anatomy import FilePart, FileTable, file_table
from qlab.granularity import Granularity
from qlab.layers import QuantLayer
from qlab.swapping import replace_embedding, replace_linear
from qlab.zoo import word_model

WHAT = "nothing", "linear layers", "embeddings too"
WEIGHTS = "int8", "int4", "int3", "int2"
RESTS = "float32", "bfloat16", "float16"
FILES = "torch.save", "safetensors"
KINDS = "codes", "scales", "linear weights", "embeddings", "other floats", "names, headers"
MAX_WEIGHTS = 1 << 22  # of all parameters; more would make a slider stutter


@dataclass(frozen=True)
class Settings:
    """How a model is written: what is quantized, its format and granularity, the type of the rest, the file."""

    quantize: str = "nothing"
    weight: str = "int8"
    granularity: Granularity | None = None
    rest: str = "float32"
    file: str = "torch.save"


@dataclass(frozen=True)
class Written:
    """A written file. `kinds` has the kind of each part, `in_parameters` the bytes that parameters() would count.

    `refused` says why the rest is in float32 after all, if another type was asked for.
    """

    table: FileTable
    kinds: tuple[str, ...]
    in_parameters: int
    refused: str = ""

    @property
    def by_kind(self) -> dict[str, int]:
        """Bytes of each kind, all of them."""
        total = dict.fromkeys(KINDS, 0)
        for part, kind in zip(self.table.parts, self.kinds, strict=True):
            total[kind] += part.nbytes
        return total


@dataclass(frozen=True, eq=False)
class Subject:
    """A float32 model, how Python names it, and its linear layers and embeddings by name."""

    model: nn.Module
    call: tuple[str, ...]
    layers: dict[str, nn.Module]

    @property
    def choices(self) -> tuple[str, ...]:
        """What of it can be quantized."""
        return WHAT if any(isinstance(layer, nn.Embedding) for layer in self.layers.values()) else WHAT[:2]


def subject(model: nn.Module | None = None) -> Subject:
    """The model to explore: None for the word model, or your own module, which is copied.

    Raises ValueError for anything but a module with linear layers, finite weights, and at most 2**22 of them.
    """
    if isinstance(model, Subject):
        return model
    if model is None:
        return _words()
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got a {type(model).__name__}")
    weights = sum(p.numel() for p in model.parameters())
    if weights > MAX_WEIGHTS:
        raise ValueError(f"{weights:,} parameters, more than {MAX_WEIGHTS:,}; explore a part of the model")
    own = nn.Sequential(model) if isinstance(model, nn.Linear) else model
    own = copy.deepcopy(own).to("cpu", torch.float32).eval()
    if not all(t.isfinite().all() for t in own.state_dict().values()):
        raise ValueError("the model has NaN or infinite weights, and no scale fits those")
    if not any(isinstance(m, nn.Linear) for m in own.modules()):
        raise ValueError(f"a {type(model).__name__} without linear layers: there is nothing to quantize")
    return Subject(own, ("your_model",), _layers(own))


@cache
def _words() -> Subject:
    model = word_model()
    return Subject(model, (), _layers(model))


def _layers(model: nn.Module) -> dict[str, nn.Module]:
    """What can be quantized, each under its first name."""
    report = [replace_linear(model, lambda old: old), replace_embedding(model, lambda old: old)]  # each for itself
    names = [one.names[0] for part in report for one in part.layers]
    return {name: model.get_submodule(name) for name, _ in model.named_modules() if name in names}


@lru_cache(maxsize=64)
def written(chosen: Subject, settings: Settings) -> Written:
    """The model's file with these settings. Where a half type cannot hold it, the rest stays float32."""
    try:
        model, refused = quantized(chosen, settings), ""
    except ValueError as error:
        model = quantized(chosen, Settings(settings.quantize, settings.weight, settings.granularity))
        refused = f"{settings.rest} cannot hold this model ({error}). Shown: float32."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        if settings.file == "torch.save":
            torch.save(model.state_dict(), path)
        else:
            save_model(model, str(path))
        table = file_table(path)
    kinds = tuple(_kind(model, part) for part in table.parts)
    return Written(table, kinds, sum(p.nbytes for p in model.parameters()), refused)


def quantized(chosen: Subject, settings: Settings) -> nn.Module:
    """A copy of the model, first in the type of the rest, then quantized. What stays as it was is shared with it.

    ValueError where the type of the rest cannot hold the weights or their scales.
    """
    tensors = [*chosen.model.parameters(), *chosen.model.buffers()]
    model = copy.deepcopy(chosen.model, {id(t): _cast(t, getattr(torch, settings.rest)) for t in tensors})
    if settings.quantize != "nothing":
        replace_linear(model, weight=settings.weight, granularity=settings.granularity)
    if settings.quantize == "embeddings too":
        replace_embedding(model, weight=settings.weight, granularity=settings.granularity)
    return model


def _cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The tensor in another type, integers as they are; a parameter stays one."""
    if not tensor.is_floating_point():
        return tensor
    cast = tensor.detach().to(dtype)
    if not cast.isfinite().all():
        raise ValueError(f"its largest value is {tensor.abs().max():.3g}")
    return nn.Parameter(cast, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else cast


def _kind(model: nn.Module, part: FilePart) -> str:
    """What the bytes of a part are spent on. Tensors that share memory count as the first of them."""
    if not part.dtype:
        return "names, headers"
    owner, _, own = part.name.split(", ")[0].rpartition(".")
    layer = model.get_submodule(owner)
    if isinstance(layer, QuantLayer) and own != "bias":
        return "codes" if own.startswith("codes_") else "scales"
    if own == "weight" and isinstance(layer, nn.Embedding):
        return "embeddings"
    return "linear weights" if own == "weight" and isinstance(layer, nn.Linear) else "other floats"
