"""What is in a model's file, byte by byte: one line a tensor, and one for all that is no tensor.

Two kinds of file are read. A safetensors file is a length of 8 bytes, a JSON header of that length, and the tensors
(https://huggingface.co/docs/safetensors). A file of `torch.save` is an uncompressed zip archive with a pickle and a
record for each storage; the rest are the archive's own headers, and padding that aligns each record to 64 bytes.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class FilePart:
    """Some bytes of a file: a tensor (dtype and shape as the file has them), or something else (both empty)."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int


@dataclass(frozen=True)
class FileTable:
    """The parts of a file, in the file's order, whose bytes add up to its size; it prints as a table."""

    parts: tuple[FilePart, ...]

    @property
    def nbytes(self) -> int:
        """The size of the file."""
        return sum(part.nbytes for part in self.parts)

    def by_dtype(self) -> dict[str, int]:
        """Bytes of all tensors of a dtype; "" stands for what is no tensor.

        >>> FileTable((FilePart("a", "int8", (2,), 2), FilePart("b", "int8", (3,), 3))).by_dtype()
        {'int8': 5}
        """
        total = {}
        for part in self.parts:
            total[part.dtype] = total.get(part.dtype, 0) + part.nbytes
        return total

    def __repr__(self) -> str:
        rows = [(p.name, p.dtype, "x".join(map(str, p.shape)), f"{p.nbytes:,}") for p in self.parts]
        rows = [("part", "dtype", "shape", "bytes"), *rows, ("total", "", "", f"{self.nbytes:,}")]
        name, dtype, shape, nbytes = (max(map(len, column)) for column in zip(*rows, strict=True))
        return "\n".join(f"{n:{name}}  {d:{dtype}}  {s:{shape}}  {b:>{nbytes}}" for n, d, s, b in rows)


def file_table(path: str | Path) -> FileTable:
    """The parts of a file of safetensors, or of tensors that `torch.save` wrote, usually a state_dict.

    A tensor quantized by torch.ao appears under the name of its integers, one of its scales and zero points each
    where it has them per channel. Tensors that share memory are stored once, and get one line with all their names.

    Raises ValueError for any other file, FileNotFoundError for none.

    >>> import tempfile
    >>> from safetensors.torch import save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file({"weight": torch.zeros(2, 3)}, f"{folder}/model.safetensors")
    ...     print(file_table(f"{folder}/model.safetensors"))
    part    dtype  shape  bytes
    header                   72
    weight  F32    2x3       24
    total                    96
    """
    path = Path(path)
    read = _zip_parts if zipfile.is_zipfile(path) else _safetensors_parts
    return FileTable(tuple(read(path)))


def _safetensors_parts(path: Path) -> Iterator[FilePart]:
    with path.open("rb") as file:
        length, size = int.from_bytes(file.read(8), "little"), path.stat().st_size
        try:
            header = json.loads(file.read(length)) if length + 8 <= size else None
        except ValueError:
            header = None
    if not isinstance(header, dict):
        raise ValueError(
            f"{path} is neither a safetensors file nor one that torch.save wrote in its zip format; "
            f"give the file of a saved state_dict"
        )
    yield FilePart("header", "", (), 8 + length)
    tensors = [(name, entry) for name, entry in header.items() if name != "__metadata__"]
    for name, entry in sorted(tensors, key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        yield FilePart(name, entry["dtype"], tuple(entry["shape"]), end - begin)


def _zip_parts(path: Path) -> Iterator[FilePart]:
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path} holds more than tensors; save model.state_dict() instead: {error}") from error
    storages = {}  # torch.save numbers them in the order in which it meets them, and so does this
    for name, tensor in _tensors("", saved):
        names, _ = storages.setdefault(tensor.untyped_storage()._cdata, ([], tensor))
        names.append(name)
    with zipfile.ZipFile(path) as archive:
        sizes = {record.filename.partition("/")[2]: record.file_size for record in archive.infolist()}
    parts = [FilePart("names and shapes", "", (), sizes["data.pkl"])]
    for i, (names, tensor) in enumerate(storages.values()):
        dtype = str(tensor.dtype).removeprefix("torch.")
        parts.append(FilePart(", ".join(names), dtype, tuple(tensor.shape), sizes[f"data/{i}"]))
    yield from parts
    yield FilePart("archive", "", (), path.stat().st_size - sum(part.nbytes for part in parts))


def _tensors(name: str, saved) -> Iterator[tuple[str, torch.Tensor]]:
    """All tensors of nested dictionaries and sequences, with dotted names."""
    if isinstance(saved, torch.Tensor):
        yield name, saved
        if saved.is_quantized and "per_channel" in str(saved.qscheme()):
            yield f"{name}.scale", saved.q_per_channel_scales()
            yield f"{name}.zero_point", saved.q_per_channel_zero_points()
    elif isinstance(saved, dict | list | tuple):
        items = saved.items() if isinstance(saved, dict) else enumerate(saved)
        for key, value in items:
            yield from _tensors(f"{name}.{key}" if name else str(key), value)
