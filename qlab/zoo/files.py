"""The zoo's files: tensors in NAME.safetensors and, beside them, NAME.json with their record and checksum.

The record is written together with the tensors, by the script that made them, and never by hand. Reading
compares the SHA-256 of the bytes with the record, so a damaged file is an error and not a bad result.
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch
from torch import nn

FOLDER = Path(__file__).parent

# What the zoo holds, and the script that makes each of them again.
SCRIPTS = {
    "digits": "qlab.zoo.write_digits",
    "digits_cnn": "qlab.zoo.train_digits_cnn",
    "digit_detector": "qlab.zoo.train_digit_detector",
}


def read_record(name: str, folder: str | Path = FOLDER) -> dict:
    """Return what NAME.json says; a ValueError when it is missing or is not a record."""
    path = Path(folder) / f"{name}.json"
    data = _read(name, path)
    try:
        record = json.loads(data)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: expected a JSON record, but {error}. {_fix(name)}") from None
    if not isinstance(record, dict) or not isinstance(record.get("sha256"), str):
        raise ValueError(f"{path} is damaged: expected a record with a 'sha256' entry. {_fix(name)}")
    return record


def read_tensors(name: str, folder: str | Path = FOLDER) -> dict[str, torch.Tensor]:
    """Return the tensors of NAME.safetensors; a ValueError when the file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(folder) / f"{name}.safetensors"
    expected = read_record(name, folder)["sha256"]
    data = _read(name, path)
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise ValueError(
            f"{path} is damaged: its {len(data):,} bytes have the checksum {actual[:12]}..., "
            f"but its record expects {expected[:12]}.... {_fix(name)}"
        )
    try:
        return load(data)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}. {_fix(name)}") from None


def write_tensors(name: str, tensors: dict[str, torch.Tensor], record: dict, folder: str | Path) -> None:
    """Write NAME.safetensors and NAME.json into `folder` (made if need be); the checksum joins the record."""
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data = save(tensors)
    record = {**record, "sha256": hashlib.sha256(data).hexdigest()}
    (folder / f"{name}.safetensors").write_bytes(data)
    (folder / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def write_model(name: str, model: nn.Module, record: dict, folder: str | Path) -> None:
    """Write a trained model's tensors and record, and say so; parameters and torch's version join the record."""
    record = {**record, "parameters": sum(p.numel() for p in model.parameters()), "torch": torch.__version__}
    write_tensors(name, model.state_dict(), record, folder)
    print(f"wrote {name} to {folder}:", ", ".join(f"{key} {value}" for key, value in record.items()))


def out_folder(description: str, arguments: list[str] | None) -> str | Path:
    """Return what a script's one option, --out FOLDER, says; `arguments` None means the command line."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--out", default=FOLDER, help="folder to write to (default: the package)")
    return parser.parse_args(arguments).out


def check_fits(name: str, found: dict, expected: dict, folder: str | Path = FOLDER) -> None:
    """Raise a ValueError unless both dicts hold the same names with the same shapes and dtypes."""
    found, expected = ({k: (tuple(t.shape), t.dtype) for k, t in d.items()} for d in (found, expected))
    wrong = sorted(k for k in found.keys() | expected.keys() if found.get(k) != expected.get(k))
    if wrong:
        first = wrong[0]
        raise ValueError(
            f"{Path(folder) / name}.safetensors does not fit: {first!r} is {_describe(found.get(first))}, "
            f"expected {_describe(expected.get(first))} ({len(wrong)} entries differ). {_fix(name)}"
        )


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}. {_fix(name)}") from None


def _fix(name: str) -> str:
    return f"Reinstall qlab, or make the file again: python -m {SCRIPTS[name]}"


def _describe(entry: tuple | None) -> str:
    return "missing" if entry is None else f"{entry[0]} {entry[1]}"
