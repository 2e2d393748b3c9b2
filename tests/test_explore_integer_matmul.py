"""The explorer of integer products: its state over the whole grid of controls, its widget without a browser."""

import itertools
import re

import numpy as np
import pytest
import torch

import qlab as ql
from qlab import explore
from qlab.explore import lesson06
from qlab.explore.accumulators import ACCUMULATORS, in_float32
from qlab.explore.matrices import BUNDLED, matrices
from qlab.explore.sums import correction_costs

GENERATOR = torch.Generator().manual_seed(0)
OWN = {
    "one product": (torch.tensor([[2.0]]), torch.tensor([[-3.0]])),
    "5 by 7 by 3": (torch.randn(5, 7, generator=GENERATOR), torch.randn(7, 3, generator=GENERATOR)),
    "zeros": (torch.zeros(2, 3), torch.zeros(3, 4)),
    "long": (torch.rand(2, 1100, generator=GENERATOR), torch.rand(1100, 2, generator=GENERATOR)),
}
TENSORS = [*BUNDLED, *OWN]
WIDTHS = [(8, 8), (4, 8), (2, 2)]
ZEROS = [(None, None), (0, -2), (3, 1)]
SETTINGS = list(itertools.product(lesson06.SIGNED, WIDTHS, ZEROS))


def tensors_named(name):
    return OWN.get(name, name)


def cases(name):
    """Legal settings for a pair of matrices, and the state."""
    chosen = matrices(tensors_named(name))
    lengths = {1, min(4, chosen.longest), min(1024, chosen.longest)}
    for (signed, (x_bits, w_bits), (x_zero, w_zero)), k in itertools.product(SETTINGS, lengths):
        formats = [ql.dtype(f) for f in lesson06._formats(signed, x_bits, w_bits)]
        if any(z is not None and not f.min <= z <= f.max for z, f in zip((x_zero, w_zero), formats, strict=True)):
            continue
        settings = {"signed": signed, "x_bits": x_bits, "w_bits": w_bits, "x_zero": x_zero, "w_zero": w_zero}
        settings |= {"k": k, "size": min(4, chosen.widest)}
        settings["accumulator"] = list(ACCUMULATORS)[k % 4 if k < 4 else (x_bits + k) % 4]
        own = dict(zip(("x_zero", "w_zero"), chosen.zero_points(tuple(f.name for f in formats)), strict=True))
        settings |= {name: zero for name, zero in own.items() if settings[name] is None}
        yield chosen, formats, settings, lesson06.state(chosen, **settings)


def operands(chosen, formats, settings):
    """The two QTensors on view, their scales 1."""
    names = tuple(f.name for f in formats)
    zeros = settings["x_zero"], settings["w_zero"]
    codes = chosen.codes(names, zeros, settings["k"], settings["size"])
    return [ql.QTensor(c, ql.QParams(1.0, z, n)) for c, z, n in zip(codes, zeros, names, strict=True)]


@pytest.mark.parametrize("name", TENSORS)
def test_the_sums_are_those_of_the_library(name):
    for chosen, formats, settings, state in cases(name):
        x, w = operands(chosen, formats, settings)
        exact = ql.int_matmul(x, w)
        assert x.shape[1] == w.shape[0] == settings["k"]
        codes_x, codes_w, sums = state.panels[:3]
        unit = 1000 if "thousands" in sums.note else 1
        np.testing.assert_allclose(sums.values * unit, exact.numpy(), rtol=1e-12)
        assert state.numbers["needed"].value == int(exact.abs().max()).bit_length() + 1
        assert state.numbers["products"].value == exact.numel() * settings["k"]
        corner = slice(4) if settings["k"] > 4 else slice(None)
        assert (codes_x.values == x.data.numpy()[corner, corner]).all()
        assert (codes_w.values == w.data.numpy()[corner, corner]).all()


@pytest.mark.parametrize("name", TENSORS)
def test_integers_wrap_as_torch_does_and_float32_rounds_at_each_step(name):
    for chosen, formats, settings, state in cases(name):
        qx, qw = operands(chosen, formats, settings)
        x, w = (t.data.int() - t.qparams.zero_point for t in (qx, qw))
        exact = (x.long() @ w.long()).double()
        kept = getattr(torch, settings["accumulator"])
        if kept.is_floating_point:
            total = torch.zeros(exact.shape)
            for k in range(settings["k"]):
                total += x[:, k : k + 1].float() * w[k : k + 1].float()
        else:
            total = exact.long().to(kept)
        error = total.double() - exact
        assert state.numbers["wrong"].value == 100 * (error != 0).double().mean().item()
        assert state.numbers["mse"].value == pytest.approx(ql.mse(exact, total.double()))
        panel = state.panels[3]
        unit = 1000 if "thousands" in panel.note else 1
        np.testing.assert_allclose(panel.values * unit, error.numpy(), rtol=1e-12)
        assert ((panel.shade == 0) == (error == 0).numpy()).all()


@pytest.mark.parametrize("name", TENSORS)
def test_the_table_and_the_plot_say_what_the_numbers_say(name):
    for *_, settings, state in cases(name):
        chosen = [cell.text for cell in state.table.rows[state.table.chosen]]
        assert chosen[0] == settings["accumulator"] and chosen[3] == state.numbers["wrong"].text
        safe = {row[0].text: int(row[2].text.replace(",", "")) for row in state.table.rows}
        for kept, accumulator in ACCUMULATORS.items():
            assert safe[kept] * state.chart.largest <= accumulator.limit < (safe[kept] + 1) * state.chart.largest
            row = next(row for row in state.table.rows if row[0].text == kept)
            assert row[3].share == 0 or settings["k"] > safe[kept]
        k, size = state.chart.measured[-1]
        assert k == settings["k"] and size.bit_length() + 1 == state.numbers["needed"].value
        assert all(size <= k * state.chart.largest for k, size in state.chart.measured)


@pytest.mark.parametrize("name", TENSORS)
def test_markup_is_complete_and_prints_no_negative_zero(name):
    for *_, settings, state in cases(name):
        shown = state.html
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown)
        assert len(cells) == sum(panel.values.size for panel in state.panels) + 5 * 4
        for text in [*cells, *(number.text for number in state.numbers.values())]:
            assert not re.search(r"nan|inf|[-−]0(\.0*)?(e|$|\s)", text), (settings, text)
        assert 'role="img" aria-label="Bits of a sum over K: ' in shown and shown.count("class=chosen") == 1


@pytest.mark.parametrize("name", [name for name in TENSORS if name != "long"])
def test_the_printed_call_shows_the_same_view_again(name):
    for *_, state in cases(name):
        names = {"explore": explore, "your_x": OWN["5 by 7 by 3"][0], "your_w": OWN["5 by 7 by 3"][1]}
        assert eval(state.call, names).current.html == state.html


def test_the_limits_are_those_of_the_types():
    for name, accumulator in ACCUMULATORS.items():
        kept = getattr(torch, name)
        held = 2 / torch.finfo(kept).eps if kept.is_floating_point else torch.iinfo(kept).max
        assert accumulator.limit == held
    # The library refuses the first K that the table no longer calls safe.
    safe = int(explore.integer_matmul().current.table.rows[3][2].text.replace(",", ""))
    codes = torch.zeros(1, safe + 1)
    x = ql.QTensor(codes, ql.QParams(1.0, None, "int8"))
    w = ql.QTensor(codes.t(), ql.QParams(1.0, None, "int8"))
    with pytest.raises(ValueError, match=f"the largest K with these formats and zero points is {safe}"):
        ql.int_matmul(x, w)


def test_float32_adds_one_product_after_the_other():
    x, w = np.random.default_rng(0).integers(0, 256, (2, 3, 700))
    total = np.zeros((3, 3), np.float32)
    for k in range(700):
        total += np.float32(x[:, k, None]) * np.float32(w.T[k])
    assert (in_float32(x, w.T) == total).all()


def test_corrections_cost_what_a_count_of_the_operations_says():
    rows, columns, k = 3, 5, 7
    row_sums = sum(1 for _ in range(rows) for _ in range(k)) + sum(1 for _ in range(rows) for _ in range(columns))
    column_sums = sum(1 for _ in range(columns) for _ in range(k)) + rows * columns
    assert correction_costs(rows, columns, k, 4, -3) == (row_sums, column_sums, columns)
    assert correction_costs(rows, columns, k, 0, -3) == (row_sums, 0, 0)
    shown = explore.integer_matmul(k=64, size=16, x_zero=4, w_zero=-3).current.numbers
    assert shown["rows"].text == shown["columns"].text == "+ 7.81 %"  # 1/16 for the sums, 1/64 to apply them
    assert explore.integer_matmul().current.numbers["constant"].text == "not needed"


@pytest.mark.parametrize(
    ("settings", "remark"),
    [
        ({}, "sums are wrong: int8 wraps around beyond ±127."),
        ({"signed": "neither", "k": 4096, "accumulator": "float32"}, "float32 rounds beyond ±16,777,216."),
        ({"accumulator": "int32"}, "int32 is wide enough here, whatever the codes are."),
        ({"accumulator": "int16"}, "All sums are right in int16, but other codes could go wrong at this K."),
    ],
    ids=["wraps", "rounds", "safe", "lucky"],
)
def test_remarks_say_what_became_of_the_sums(settings, remark):
    assert remark in explore.integer_matmul(**settings).current.remark


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tensors": "fc9"}, "no matrices 'fc9'; choose one of random codes"),
        ({"tensors": torch.ones(2, 2)}, "expected a name or two matrices"),
        ({"tensors": (torch.ones(2, 3), torch.ones(2, 3))}, r"\(M, K\) and \(K, N\), got \(2, 3\) and \(2, 3\)"),
        ({"tensors": (torch.ones(3), torch.ones(3, 1))}, r"expected matrices"),
        ({"tensors": (torch.ones(9000, 30), torch.ones(30, 2))}, "too large to explore"),
        ({"signed": "x only"}, "signed must be one of both, w only, neither, got 'x only'"),
        ({"x_bits": 9}, "x_bits must be a whole number from 2 to 8, got 9"),
        ({"w_bits": 4.0}, "w_bits must be a whole number"),
        ({"x_zero": 128}, "x_zero must be a whole number from -128 to 127, got 128"),
        ({"signed": "neither", "w_zero": -1}, "w_zero must be a whole number from 0 to 255"),
        ({"k": 5000}, "k must be a whole number from 1 to 4096, got 5000"),
        ({"size": 0}, "size must be a whole number from 1 to 64"),
        ({"accumulator": "int64"}, "accumulator must be one of int8, int16, float32, int32"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_bad_settings_are_value_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore.integer_matmul(**arguments)


def settings_of(widget):
    if hasattr(widget, "options"):
        return [option[1] if isinstance(option, tuple) else option for option in widget.options]
    return range(widget.min, widget.max + 1, max(1, (widget.max - widget.min) // 16))


@pytest.mark.parametrize("name", TENSORS)
def test_every_control_rewrites_the_view_over_its_whole_grid(name):
    explorer = explore.integer_matmul(tensors_named(name))
    for widget in explorer.controls.values():
        first = widget.value
        for value in settings_of(widget):
            widget.value = value
            settings = explorer.values
            shown = settings.pop("tensors")
            chosen = matrices(tensors_named(name) if shown == "your matrices" else shown)
            assert explorer.view.value == lesson06.state(chosen, **settings).html
        widget.value = first


def test_another_format_moves_the_zero_points_into_its_codes_and_draws_once():
    explorer, drawn = explore.integer_matmul("digits fc1", signed="neither"), []
    assert explorer.values["w_zero"] == int(matrices("digits fc1").zero_points(("uint8", "uint8"))[1]) > 100
    explorer.view.observe(drawn.append, "value")
    explorer.controls["w_bits"].value = 4
    assert explorer.controls["w_zero"].max == 15 and 0 < explorer.values["w_zero"] < 15
    explorer.controls["signed"].value = "both"
    assert (explorer.controls["w_zero"].min, explorer.controls["w_zero"].max) == (-8, 7)
    assert explorer.values["w_zero"] == 0 and len(drawn) == 2


def test_every_control_has_a_name_to_be_read_aloud():
    for control in explore.integer_matmul().controls.values():
        assert control.description and control.tooltip


def test_where_no_widget_can_be_shown_there_is_the_table_as_text():
    shown = explore.integer_matmul()._repr_mimebundle_()
    assert re.search(r"^> int8 +127 +0 +93\.8 % +23,808$", shown["text/plain"], re.MULTILINE)
    assert len(shown["text/html"]) > 10_000
