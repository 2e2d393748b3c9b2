"""The explorer of affine quantization: its state over the whole grid of controls, its widget without a browser."""

import base64
import html
import itertools
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from explorer_checks import assert_every_control_is_named, assert_prints_cleanly, settings_of

import qlab as ql
from qlab import explore
from qlab.explore import lesson03, panels, tensors
from qlab.explore.tensors import names, source

OWN = {
    "outlier": torch.tensor([[0.1, -0.2, 0.05], [0.3, 50.0, -0.4]]),
    "positive": torch.linspace(10.5, 14, 8),
    "thousands": torch.linspace(-1000, 1000, 16).reshape(4, 4),
    "tiny": torch.tensor([[1e-9, -3e-9]]),
    "zeros": torch.zeros(2, 3),
    "scalar": torch.tensor(2.5),
    "rank 4": torch.linspace(-1, 2, 120).reshape(2, 3, 4, 5),
    "rows of 70": torch.linspace(-1, 1, 4900).reshape(70, 70),
}
TENSORS = [*names(), *OWN]
SETTINGS = list(itertools.product(lesson03.BITS, lesson03.SCHEMES))
# (low, high) as shares of the largest magnitude; None is the data's own end. Some leave out 0, one is 0 alone.
RANGES = [(None, None), (-0.3, 0.2), (-1.5, 1.5), (0.2, 0.8), (-0.9, -0.1), (0.6, -0.6), (0.0, 0.0), (0.5, 0.5)]


def tensor_named(name):
    return OWN.get(name, name)


def cases(name):
    """Every setting of bits, scheme and range for a tensor, with the state it gives."""
    chosen = source(tensor_named(name))
    for (bits, scheme), (low, high) in itertools.product(SETTINGS, RANGES):
        low = chosen.low if low is None else low * chosen.largest
        high = chosen.high if high is None else high * chosen.largest
        yield chosen, bits, scheme, low, high, lesson03.state(chosen, bits, scheme, low, high)


def view(*arguments, **settings):
    """The state that the explorer opens with."""
    return explore.affine(*arguments, **settings).current


@pytest.mark.parametrize("name", TENSORS)
def test_numbers_agree_with_the_library(name):
    for chosen, bits, scheme, low, high, state in cases(name):
        qp = ql.choose_qparams(torch.tensor([low, high]), f"int{bits}", scheme=scheme)
        qt = ql.quantize(chosen.x, qp)
        numbers = {key: number.value for key, number in state.numbers.items()}
        restored = qt.dequantize()
        assert numbers["scale"] == qp.scale.item()
        assert numbers["zero_point"] == (0 if qp.zero_point is None else qp.zero_point.item())
        assert numbers["mse"] == ql.mse(chosen.x, restored)
        assert numbers["sqnr"] == ql.sqnr(chosen.x, restored)
        assert numbers["max_error"] == ql.max_abs_error(chosen.x, restored)
        assert numbers["bits"] == ql.bits_per_weight(qt)
        assert numbers["used"] == len(set(qt.data.flatten().tolist()))
        assert numbers["rounding"] + numbers["saturation"] == pytest.approx(numbers["mse"], rel=1e-9)
        assert all(np.isfinite(v) for key, v in numbers.items() if key != "sqnr")
        assert numbers["sqnr"] == np.inf if numbers["mse"] == 0 else np.isfinite(numbers["sqnr"])


@pytest.mark.parametrize("name", TENSORS)
def test_a_value_that_does_not_saturate_errs_by_at_most_half_a_step(name):
    for chosen, bits, scheme, low, high, state in cases(name):
        stair, qp = state.chart, shown_qparams(state, bits)
        error = (ql.fake_quantize(chosen.x, qp) - chosen.x).abs()
        inside = (chosen.x >= stair.rounded[0]) & (chosen.x <= stair.rounded[1])
        slack = 2 * torch.finfo(torch.float32).eps * chosen.x.abs()
        assert (error <= stair.scale / 2 + slack)[inside].all(), (bits, scheme, low, high)
        assert (error > stair.scale / 2 - slack)[~inside].all(), (bits, scheme, low, high)


def shown_qparams(state, bits):
    zero_point = torch.tensor(state.chart.zero_point)
    return ql.QParams(scale=torch.tensor(state.chart.scale), zero_point=zero_point, dtype=f"int{bits}")


@pytest.mark.parametrize("name", TENSORS)
def test_panels_hold_what_the_numbers_say(name):
    for chosen, bits, _, _, _, state in cases(name):
        original, codes, dequantized, error = state.panels
        unit = 10.0 ** panels.exponent(chosen.largest)
        spec = ql.dtype(f"int{bits}")
        assert codes.values.min() >= spec.min and codes.values.max() <= spec.max
        np.testing.assert_allclose((codes.values - spec.min) / (spec.max - spec.min), codes.shade)
        step, zero_point = state.numbers["scale"].value / unit, state.numbers["zero_point"].value
        np.testing.assert_allclose(dequantized.values, (codes.values - zero_point) * step, rtol=1e-5)
        rounding = 1e-5 * np.abs(dequantized.values).max()
        np.testing.assert_allclose(error.values, dequantized.values - original.values, atol=rounding)
        for panel in state.panels:
            assert np.isfinite(panel.shade).all() and max(panel.values.shape) <= panels.CROP


@pytest.mark.parametrize("name", TENSORS)
def test_markup_is_complete_and_prints_no_negative_zero(name):
    for chosen, *_, state in cases(name):
        shown = state.html
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown)
        assert len(cells) == (4 * chosen.x.numel() if max(chosen.x.shape) <= panels.MAX_CELLS else 0)
        assert_prints_cleanly(state)
        for panel in state.panels:
            assert f'"{panel.alt.replace(chr(39), "&#x27;")}"' in shown and panel.alt.startswith(panel.title)
        assert 'role="img" aria-label="Staircase of ' in shown


@pytest.mark.parametrize("name", [*names(), "outlier", "thousands", "scalar"])
def test_the_printed_call_shows_the_same_view_again(name):
    for *_, state in cases(name):
        again = eval(state.call, {"explore": explore}).current
        assert again.html == state.html


def test_the_error_scale_is_fixed_so_that_fewer_bits_look_worse():
    shades = [view("conv1.weight", bits).panels[3].shade.mean() for bits in lesson03.BITS]
    assert all(few - more > 0.03 for few, more in itertools.pairwise(shades))
    assert len({view("conv1.weight", bits).panels[3].ticks for bits in lesson03.BITS}) == 1


def test_a_range_without_zero_is_widened_and_the_remark_says_so():
    state = view([[10.5, 14.0]], bits=4)
    assert state.chart.ends[0] == 0.0 and state.chart.zero_point == -8
    assert "widened to 0 … 14.0" in state.remark
    assert view(bits=4).remark == ""


def test_clipping_moves_error_from_rounding_to_saturation():
    wide, narrow = (view("conv2.weight", bits=3, low=low, high=-low) for low in (-0.19, -0.05))
    assert narrow.numbers["rounding"].value < wide.numbers["rounding"].value
    assert narrow.numbers["saturation"].value > wide.numbers["saturation"].value
    assert narrow.numbers["saturated"].value > 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tensor": "conv9.weight"}, "no tensor 'conv9.weight'"),
        ({"tensor": []}, "holds nothing"),
        ({"tensor": [[1.0, float("nan")]]}, "1 of 2 values are NaN or infinite"),
        ({"tensor": [[1.0], [1.0, 2.0]]}, "cannot read a list as a tensor"),
        ({"tensor": object()}, "cannot read a object as a tensor"),
        ({"tensor": torch.tensor([True])}, "expected real numbers"),
        ({"tensor": torch.tensor([1j])}, "expected real numbers"),
        ({"tensor": [1e30]}, "largest magnitude is 1e\\+30"),
        ({"bits": 9}, "bits must be a whole number from 2 to 8, got 9"),
        ({"bits": 4.5}, "bits must be a whole number"),
        ({"scheme": "afine"}, "scheme must be one of affine, symmetric, got 'afine'"),
        ({"low": -40.0}, "low must be between -3.2 and 3.2"),
        ({"high": float("nan")}, "high must be between"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_bad_settings_are_value_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore.affine(**arguments)


def test_large_tensors_are_cut_and_told_so():
    chosen = source(torch.zeros(2000, 300) + 0.5)
    assert chosen.x.shape == (873, 300)
    assert chosen.note == (
        "Explored: the first 261,900 of 600,000 values. "
        "Pictured: the first 50 × 50 of 873 × 300; the numbers count all."
    )


@pytest.mark.parametrize("shape", [(), (3,), (997,), (1000,), (2, 3, 4), (1, 1, 1, 5)])
def test_any_rank_becomes_two_axes_with_every_value_in_order(shape):
    x = torch.arange(float(np.prod(shape))).reshape(shape)
    assert source(x).x.dim() == 2
    assert torch.equal(source(x).x.flatten(), x.flatten())


@pytest.mark.parametrize("name", TENSORS)
def test_every_control_rewrites_the_view_over_its_whole_grid(name):
    chosen, explorer = source(tensor_named(name)), explore.affine(tensor_named(name))
    for control in ("bits", "scheme", "low", "high"):
        explorer.controls["fit"].click()
        widget, views = explorer.controls[control], set()
        for value in settings_of(widget):
            widget.value = value
            settings = {key: value for key, value in explorer.values.items() if key != "tensor"}
            assert explorer.view.value == lesson03.state(chosen, **settings).html
            views.add(explorer.view.value)
        assert len(views) > 1


def test_choosing_a_tensor_fits_the_range_and_draws_once():
    explorer, drawn = explore.affine(bits=4, low=-0.5, high=0.5), []
    explorer.view.observe(drawn.append, "value")
    for name in [*names()[1:], names()[0]]:
        explorer.controls["tensor"].value = name
        chosen = source(name)
        assert (explorer.values["low"], explorer.values["high"]) == (chosen.low, chosen.high)
        assert explorer.current.numbers["saturated"].value == 0
    assert len(drawn) == len(names())


def test_fit_returns_to_the_data():
    explorer = explore.affine(low=-0.5, high=0.5)
    assert explorer.current.numbers["saturated"].value > 0
    explorer.controls["fit"].click()
    assert explorer.current.call == "explore.affine(bits=8, scheme='affine')"


def test_every_control_has_a_name_to_be_read_aloud():
    assert_every_control_is_named(explore.affine())


def test_where_no_widget_can_be_shown_there_are_text_and_a_picture():
    explorer = explore.affine(bits=3)
    bundle = explorer._repr_mimebundle_()
    again = explore.affine(bits=3)._repr_mimebundle_()
    alt, picture = re.fullmatch('<img alt="(.*)" src="data:image/png;base64,(.*)">', bundle["text/html"]).groups()
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert bundle["text/html"] == again["text/html"]
    assert html.unescape(alt) == explorer.current.alt
    assert all(f"{n.label} {n.text}" in explorer.current.alt for n in explorer.current.numbers.values())
    assert bundle["text/plain"] == again["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    for number in view(bits=3).numbers.values():
        assert re.search(rf"^{re.escape(number.label)} +{re.escape(number.text)}$", bundle["text/plain"], re.M)


@pytest.mark.parametrize("name", ["diverging", "sequential"])
def test_text_in_cells_has_enough_contrast_on_every_color(name):
    for color, css in zip(panels.palette(name), panels.inks(name), strict=True):
        ink = 0.0 if css.endswith("#000") else 1.0
        light, dark = sorted([panels.luminance(color), ink], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_diverging_palette_is_neutral_at_zero():
    middle = panels.to_index(panels.value_panel("x", np.zeros((1, 1)), 2.0).shade)
    assert panels.luminance(panels.palette("diverging")[middle[0, 0]]) > 0.9


def test_importing_qlab_does_not_import_widgets():
    code = "import sys, qlab; print({'ipywidgets', 'matplotlib'} & set(sys.modules)); qlab.explore.affine"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_the_sample_is_readable_as_it_stands():
    assert source().x.shape == (4, 4) and source().name == tensors.SAMPLE
    assert torch.equal(source().x, source().x.mul(100).round().div(100))
