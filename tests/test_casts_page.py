"""docs/casts.md: every row is run, and beyond the rows torch casts as `ql.cast` does."""

import math
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from test_casting import probes

import qlab as ql

PAGE = Path(__file__).resolve().parents[1] / "docs" / "casts.md"
ROWS = [
    [cell.strip().strip("`") for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| float")
]


def number(text):
    """The float that a cell such as `1 + 2**-8` stands for."""
    return float(eval(text, {"inf": math.inf, "nan": math.nan}))


def same(actual, text):
    expected = [number(choice) for choice in text.split(" or ")]
    return any(
        (math.isnan(actual) and math.isnan(e)) or (actual == e and np.signbit(actual) == np.signbit(e))
        for e in expected
    ) or (text == "-0" and actual == 0 and np.signbit(actual))


def numpy_cast(x, name):
    kind = np.float16 if name == "float16" else getattr(ml_dtypes, name)
    return float(x.numpy().astype(kind))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}: {row[1]}" for row in ROWS])
def test_every_row_is_what_the_casts_give(row):
    name, text, kind, in_torch, in_numpy, saturated, unsaturated = row
    x = torch.tensor(number(text), dtype=getattr(torch, kind))
    assert same(numpy_cast(x, name), in_numpy)
    assert same(ql.cast(x, name).item(), saturated)
    assert same(ql.cast(x, name, saturate=False).item(), unsaturated)
    if in_torch.startswith("no such"):
        with pytest.raises((AttributeError, NotImplementedError, RuntimeError)):
            x.to(getattr(torch, {"float4_e2m1fn": "float4_e2m1fn_x2"}.get(name, name)))
    else:
        assert same(x.to(getattr(torch, name)).float().item(), in_torch)


KNOWN = {  # the inputs, float32, on which torch may differ
    "float8_e4m3fn": lambda x: x.abs() > 464,
    "float8_e8m0fnu": lambda x: (x <= 0) | torch.signbit(x),
}


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"])
def test_there_are_no_other_differences_from_torch(name):
    x = torch.from_numpy(probes(name))
    if name in KNOWN:
        x = x[~KNOWN[name](x)]
    assert len(x) > 20_000
    ours, theirs = ql.cast(x, name, saturate=False).numpy(), x.to(getattr(torch, name)).float().numpy()
    np.testing.assert_array_equal(ours, theirs)
    finite = ~np.isnan(ours)
    np.testing.assert_array_equal(np.signbit(ours[finite]), np.signbit(theirs[finite]))
