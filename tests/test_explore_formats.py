"""The bit inspector: its state for every format, its widget without a browser."""

import itertools
import math
import re
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import torch

import qlab as ql
from qlab import explore
from qlab.dtypes import FORMATS
from qlab.explore import lesson01
from qlab.explore.bitfields import take_apart
from qlab.explore.numberlines import NumberLines, neighbors
from qlab.explore.tensors import names, source

NUMBERS = (
    0.0,
    -0.0,
    0.3,
    -1 / 3,
    1.0,
    2.5,
    -7.0,
    465.0,
    65519.0,
    65520.0,
    -1e9,
    3e38,
    1e300,
    2.0**-24,
    1e-46,
    5e-324,
)
OWN = {
    "thousands": torch.linspace(-1000, 1000, 16).reshape(4, 4),
    "huge": torch.tensor([[1e14, -3e14]]),
    "zeros": torch.zeros(2, 3),
    "scalar": torch.tensor(2.5),
    "rank 4": torch.linspace(-1, 2, 120).reshape(2, 3, 4, 5),
}
NARROW = [name for name, spec in FORMATS.items() if spec.bits <= 8]


def one(value):
    return torch.tensor([value], dtype=torch.float64)


def view(*arguments, **settings):
    """The state that the explorer opens with."""
    return explore.formats(*arguments, **settings).current


@cache
def states(name):
    """Every number in a format, the overflow that is asked for, and the state."""
    settings = itertools.product(NUMBERS, (True, False))
    return [(value, saturate, view(None, name, value, saturate=saturate)) for value, saturate in settings]


@pytest.mark.parametrize("name", FORMATS)
def test_numbers_agree_with_the_library(name):
    spec = ql.dtype(name)
    for value, saturate, state in states(name):
        shown = {key: number.value for key, number in state.numbers.items()}
        stored = ql.cast(one(value), name, saturate).item()
        assert (
            state.lead.code.kinds
            and "".join(f.bits for f in state.lead.code.fields)
            == (ql.bits(ql.cast(one(value), name, saturate), name)[0])
        )
        np.testing.assert_array_equal([shown["entered"], shown["stored"]], [value, stored])
        np.testing.assert_array_equal(shown["error"], stored - value)
        assert shown["bits"] == spec.bits


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("tensor", [None, "fc1.weight", *OWN], ids=str)
@pytest.mark.filterwarnings("error::RuntimeWarning")  # it would stand in red in the notebook
def test_the_tensor_is_cast_as_the_library_casts_it(name, tensor):
    tensor = OWN.get(tensor, tensor)
    for saturate in (True, False):
        state = view(tensor, name, saturate=saturate)
        x = source(tensor).x
        back = ql.cast(x, name, saturate)
        shown = {key: number.value for key, number in state.numbers.items()}
        np.testing.assert_equal(shown["mse"], ql.mse(x, back))
        assert math.isnan(shown["sqnr"]) if not back.isfinite().all() else shown["sqnr"] == ql.sqnr(x, back)
        assert all(np.isfinite(panel.shade).all() for panel in state.panels)
        chosen = state.table.rows[state.table.chosen]
        assert chosen[0].text == name and chosen[-1].text == state.numbers["sqnr"].text


@pytest.mark.parametrize("name", FORMATS)
def test_the_printed_call_shows_the_same_view_again(name):
    spec = ql.dtype(name)
    codes = ["0" * spec.bits, "1" * spec.bits, ("01" * 32)[: spec.bits], "1" + "0" * (spec.bits - 1)]
    for state in [*(s for *_, s in states(name)), *(view(format=name, bits=bits) for bits in codes)]:
        again = eval(state.call, {"explore": explore}).current
        assert again.html == state.html and again.text == state.text
        assert "nan" not in state.lead.html
        assert not re.search(r"-(\d|inf)", "".join(n.text for n in state.numbers.values()))


@pytest.mark.parametrize("name", NARROW)
def test_fields_of_every_code_multiply_to_its_value(name):
    spec = ql.dtype(name)
    for code in range(2**spec.bits):
        bits = format(code, f"0{spec.bits}b")
        fields = take_apart(bits, spec)
        np.testing.assert_array_equal(fields.value, ql.from_bits([bits], name).item())
        assert "".join(field.bits for field in fields.fields) == bits
        if math.isfinite(fields.value) and spec.kind != "codebook":
            product = fields.formula.split(" = ")[0].replace("−", "-").replace("^", "**").replace("×", "*")
            product = re.sub(r"2\*\*(-?\d+)", r"Fraction(2) ** (\1)", product)
            assert eval(product, {"Fraction": Fraction}) == fields.value, fields.formula


@pytest.mark.parametrize("name", FORMATS)
def test_neighbors_leave_nothing_in_between(name):
    spec = ql.dtype(name)
    for value in (0.5, 1.0, 3.0, -4.0):
        stored = ql.cast(one(value), name).item()
        if math.isnan(stored):
            continue
        for other in neighbors(spec, stored):
            if other == other:
                assert ql.cast(one(other), name).item() == other != stored
                middle = ql.cast(one((other + stored) / 2), name).item()
                assert middle in (other, stored)
    assert math.isnan(neighbors(spec, float(spec.max))[1])


def distance(places, ticks):
    """From each place to the nearest tick."""
    at = np.searchsorted(ticks, places).clip(1, len(ticks) - 1) if len(ticks) > 1 else np.zeros(len(places), int)
    return np.minimum(abs(ticks[at] - places), abs(ticks[at - 1] - places))


@pytest.mark.parametrize("name", [n for n, spec in FORMATS.items() if spec.bits <= 16])
def test_lines_hold_all_values(name):
    spec = ql.dtype(name)
    linear, logarithmic, around = NumberLines(spec, 1.0, ql.cast(one(1.0), name).item(), np.ones(3)).lines
    values = ql.values(name).double().numpy()
    low, high = min(0.0, values[0]), values[-1]
    assert distance((values - low) / (high - low), linear.ticks).max() < 1e-3
    powers = np.log2(values[values > 0])
    both = np.sort([*logarithmic.ticks, *logarithmic.subnormal])
    assert distance((powers - powers[0]) / (np.ptp(powers) or 1), both).max() < 1e-3
    assert 3 <= len(around.ticks) <= 7
    places = sorted({place for place, _ in logarithmic.labels})
    assert len(places) == 1 or np.diff(places).min() > 0.16  # 47 pixels where the pane has 374: no label on another
    for line in (linear, logarithmic, around):
        for places in (
            line.ticks,
            line.subnormal,
            [place for place, _ in line.labels],
            [line.entered, line.stored],
        ):
            assert all(0 <= place <= 1 for place in places)


@pytest.mark.parametrize(
    ("settings", "remark"),
    [
        ({"format": "float16", "value": 65519.0}, "Outside the range: it becomes the value at the end."),
        ({"format": "float16", "value": 65520.0}, "it becomes infinite"),
        ({"format": "float8_e4m3fn", "value": 465.0, "saturate": False}, "it becomes NaN"),
        (
            {"format": "float4_e2m1fn", "value": 2.5},
            "A tie, half-way between 2 and 3: the code that ends in 0 wins.",
        ),
        ({"format": "float8_e8m0fnu", "value": 1.5}, "A tie, half-way between 1 and 2: here the larger wins."),
        ({"format": "float16", "value": 1e-8}, "Less than half of the smallest value"),
        ({"format": "float16", "value": 2.0**-24}, "Subnormal"),
        ({"format": "int8", "value": -128.0}, "holds the number exactly"),
        ({"format": "int8", "value": 128.0}, "Outside the range"),
        ({"format": "float16", "value": 0.3}, ""),
    ],
    ids=lambda case: "-".join(map(str, case.values())) if isinstance(case, dict) else "",
)
def test_remarks_name_what_is_special(settings, remark):
    shown = view(**settings).remark
    assert remark in shown and bool(remark) == bool(shown)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tensor": "fc9.weight"}, "no tensor 'fc9.weight'"),
        ({"format": "fp8"}, "unknown format 'fp8'; did you mean"),
        ({"value": math.inf}, "value must be a finite number, got inf; infinities and NaN are entered as bits"),
        ({"value": "0.3"}, "value must be a finite number"),
        ({"bits": "0101"}, "float8_e4m3fn takes strings of 8 bits"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_bad_settings_are_value_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore.formats(**arguments)


def shown_as(explorer):
    """The state that the controls ask for, made anew."""
    settings = {k: v for k, v in explorer.values.items() if k not in ("tensor", "slider")}
    return lesson01.state(source(explorer.values["tensor"]), **settings)


@pytest.mark.parametrize("name", FORMATS)
def test_every_toggle_rewrites_bits_value_and_view(name):
    explorer = explore.formats(format=name, value=1.0)
    for place in range(ql.dtype(name).bits):
        toggle = explorer.controls["bits"].children[place]
        toggle.value = not toggle.value
        bits = explorer.controls["bits"].value
        assert bits[place] == toggle.description == str(int(toggle.value))
        stored = explorer.current.numbers["stored"].value
        np.testing.assert_array_equal(stored, ql.from_bits([bits], name).item())
        assert explorer.view.value == shown_as(explorer).html
        if math.isfinite(stored):
            assert explorer.controls["value"].value == explorer.controls["slider"].value == stored
        assert explorer.controls["value"].value == explorer.controls["slider"].value


def test_slider_field_and_lists_agree_over_their_whole_grid():
    explorer = explore.formats()
    for index in range(len(explorer.controls["slider"].options)):
        explorer.controls["slider"].index = index
        value = explorer.controls["slider"].value
        assert explorer.current.numbers["entered"].value == explorer.controls["value"].value == value
        assert explorer.controls["bits"].value == ql.bits(ql.cast(one(value), "float8_e4m3fn"), "float8_e4m3fn")[0]
    explorer.controls["value"].value = 465.0
    assert explorer.controls["slider"].value == 465.0
    for control, options in (("format", FORMATS), ("saturate", (True, False)), ("tensor", names())):
        for option in options:
            explorer.controls[control].value = option
            assert explorer.view.value == shown_as(explorer).html
            assert explorer.current.numbers["entered"].value == 465.0
            assert len(explorer.controls["bits"].children) == ql.dtype(explorer.controls["format"].value).bits


def test_minus_zero_and_nan_are_reached_by_toggles():
    explorer = explore.formats(format="float4_e2m1fn", value=0.0)
    explorer.controls["bits"].children[0].value = True
    assert math.copysign(1, explorer.current.numbers["stored"].value) == -1
    assert explorer.current.call == "explore.formats(format='float4_e2m1fn', value=-0.0, saturate=True)"
    explorer = explore.formats(bits="01111110")
    explorer.controls["bits"].children[7].value = True
    assert explorer.current.numbers["stored"].text == "NaN" and explorer.controls["value"].value == 448.0


def test_each_change_draws_once():
    explorer, drawn = explore.formats(), []
    explorer.view.observe(drawn.append, "value")
    explorer.controls["slider"].index += 1
    explorer.controls["value"].value = 100.0
    explorer.controls["bits"].children[3].value ^= True
    explorer.controls["format"].value = "float64"
    assert len(drawn) == 4


def test_every_control_has_a_name_to_be_read_aloud():
    controls = explore.formats().controls
    for control in [*(c for name, c in controls.items() if name != "bits"), *controls["bits"].children]:
        assert control.description and control.tooltip


def test_where_no_widget_can_be_shown_there_are_a_picture_and_text():
    bundle = explore.formats()._repr_mimebundle_()
    assert (
        "2^−2 × (1 + 0.25) = 0.3125" in bundle["text/plain"]
        and "around 0.3125: 0.28125, 0.34375" in bundle["text/plain"]
    )
    assert "data:image/png;base64,iVBOR" in bundle["text/html"]
