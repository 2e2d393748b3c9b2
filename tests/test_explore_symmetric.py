"""The explorer of symmetric quantization: its state over the whole grid, its widget without a browser."""

import itertools
import re
from functools import cache

import numpy as np
import pytest
import torch
from explorer_checks import (
    assert_every_control_is_named,
    assert_every_control_rewrites_the_view,
    assert_prints_cleanly,
)

import qlab as ql
from qlab import explore, zoo
from qlab.explore import lesson04, panels, samples
from qlab.explore.samples import names, sample

OWN = {
    "one row": torch.tensor([[0.1, -0.2, 0.05, 7.0]]),
    "thousands": torch.linspace(-1000, 1000, 16).reshape(4, 4),
    "tiny": torch.tensor([[1e-9, -3e-9], [0.0, 2e-9]]),
    "huge": torch.tensor([[1e14, -3e14]]),
    "zeros": torch.zeros(2, 3),
    "far from zero": torch.tensor([[10.5, 11.0], [12.25, 14.0]]),
    "all negative": torch.tensor([[-10.5, -11.0], [-12.25, -14.0]]),
    "scalar": torch.tensor(2.5),
    "rank 4": torch.linspace(-1, 2, 120).reshape(2, 3, 4, 5),
}
TENSORS = [*names(), *OWN]
SETTINGS = list(itertools.product([2, 4, 8], [0, 35, 100], lesson04.CODES))


def tensor_named(name):
    return OWN.get(name, name)


@cache
def cases(name):
    """Every setting for a tensor: the tensor as it is after the skew, the setting, the state."""
    chosen, found = sample(tensor_named(name)), []
    for bits, skew, codes in SETTINGS:
        x = torch.where(chosen.x < 0, chosen.x * (1 - skew / 100) + 0.0, chosen.x)
        settings = {"bits": bits, "skew": skew, "codes": codes}
        found.append((x, settings, lesson04.state(chosen, **settings)))
    return found


def view(*arguments, **settings):
    """The state that the explorer opens with."""
    return explore.symmetric(*arguments, **settings).current


def library_qparams(x, bits, codes):
    if codes == "unsigned":
        return ql.choose_qparams(x.clamp(min=0), f"uint{bits}", "symmetric")
    signed = ql.choose_qparams(x, f"int{bits}", "symmetric")
    if codes == "signed" or not x.any():
        return signed
    return ql.QParams(x.abs().max() / (signed.quant_max + 0.5), dtype=f"int{bits}")


@pytest.mark.parametrize("name", TENSORS)
def test_numbers_agree_with_the_library(name):
    for x, settings, state in cases(name):
        bits, shown = settings["bits"], {key: number.value for key, number in state.numbers.items()}
        schemes = {
            "affine": ql.choose_qparams(x, f"int{bits}", "affine"),
            "symmetric": library_qparams(x, bits, settings["codes"]),
        }
        for scheme, qp in schemes.items():
            qt = ql.quantize(x, qp)
            assert shown[f"{scheme}_scale"] == qp.scale.item()
            assert qp.zero_point is None or shown[f"{scheme}_zero_point"] == qp.zero_point.item()
            assert shown[f"{scheme}_wasted"] == 2**bits - 1 - int(qt.data.max()) + int(qt.data.min())
            assert shown[f"{scheme}_bits"] == ql.bits_per_weight(qt)
            assert shown[f"{scheme}_mse"] == ql.mse(x, qt.dequantize())
            assert shown[f"{scheme}_sqnr"] == ql.sqnr(x, qt.dequantize())


@pytest.mark.parametrize("name", TENSORS)
def test_panels_hold_what_the_numbers_say(name):
    for x, _, state in cases(name):
        unit = 10.0 ** panels.exponent(x.abs().max().item())
        original, affine_codes, symmetric_codes, closer, affine_error, symmetric_error = state.panels
        np.testing.assert_allclose(original.values * unit, panels.crop(x.numpy()), rtol=1e-6)
        largest = max(np.abs(original.values).max(), 1e-30)
        for ruler, codes, error in (
            (state.lead.above, affine_codes, affine_error),
            (state.lead.below, symmetric_codes, symmetric_error),
        ):
            back = (codes.values - ruler.zero_point) * ruler.scale / unit
            np.testing.assert_allclose(error.values, back - original.values, atol=1e-5 * largest)
        saved = np.abs(symmetric_error.values) - np.abs(affine_error.values)
        np.testing.assert_allclose(closer.values, saved, atol=1e-5 * largest)
        for panel in state.panels:
            assert np.isfinite(panel.shade).all() and max(panel.values.shape) <= panels.CROP


@pytest.mark.parametrize("name", TENSORS)
def test_rulers_have_a_mark_for_every_code_and_zero_among_them(name):
    for x, settings, state in cases(name):
        for ruler in (state.lead.above, state.lead.below):
            assert len(ruler.marks) == 2 ** settings["bits"] and 0.0 in ruler.marks
            assert np.abs(ruler.marks).max() <= state.lead.limit
            assert ruler.wasted == int((~ruler.in_reach).sum())
        drawn = [len(re.findall("M", path)) for path in re.findall(r'class="(?:mark|wasted)"[^>]*', state.html)]
        assert sum(drawn) == 2 * 2 ** settings["bits"]
        assert state.lead.counts.sum() == x.numel()


@pytest.mark.parametrize("name", TENSORS)
def test_the_table_has_all_widths_and_the_row_on_view(name):
    for _, settings, state in cases(name):
        assert [row[0].text for row in state.table.rows] == [str(bits) for bits in lesson04.BITS]
        bits, *texts = (cell.text for cell in state.table.rows[state.table.chosen])
        assert int(bits) == settings["bits"]
        for scheme, shown in (("affine", texts[:3]), ("symmetric", texts[3:])):
            value = {figure: state.numbers[f"{scheme}_{figure}"].value for figure in ("bits", "mse")}
            assert shown[:2] == [panels.fixed(value["bits"], 3), panels.short(value["mse"])]
            assert shown[2] == state.numbers[f"{scheme}_sqnr"].text.removesuffix(" dB")


@pytest.mark.parametrize("name", TENSORS)
def test_markup_prints_no_negative_zero_and_no_nan(name):
    for *_, state in cases(name):
        assert_prints_cleanly(state)


@pytest.mark.parametrize("name", [*names(), "one row", "thousands", "scalar", "zeros"])
def test_the_printed_call_shows_the_same_view_again(name):
    for *_, state in cases(name)[::4]:
        again = eval(state.call, {"explore": explore}).current
        assert again.html == state.html


def test_on_relu_outputs_signed_codes_do_what_affine_does_with_a_bit_less():
    rows = view("relu1 outputs").table.rows
    symmetric = [row[5].text for row in rows[1:]]
    assert symmetric == [row[2].text for row in rows[:-1]]
    same = view("relu1 outputs", codes="unsigned").table.rows
    assert all(row[2].text == row[5].text for row in same)


@pytest.mark.parametrize("name", samples.DISTRIBUTIONS)
def test_distributions_are_seeded_and_centered(name):
    x = sample(name).x
    samples._drawn.cache_clear()
    assert torch.equal(sample(name).x, x)
    assert abs(x.mean().item()) < 0.05
    assert x.std().item() == pytest.approx(1 / 3**0.5 if name == "uniform" else 1, abs=0.05)


def test_relu_outputs_are_those_of_the_model():
    model, (images, _) = zoo.load("digits_cnn"), zoo.digits("test")
    with torch.no_grad():
        outputs = model.relu1(model.bn1(model.conv1(images[:8])))
    assert torch.equal(sample("relu1 outputs").x, outputs.reshape(-1, 64))
    assert all(sample(name).low == 0.0 < sample(name).high for name in samples.RELUS)


@pytest.mark.parametrize(
    ("settings", "remark"),
    [
        ({}, "scale = max |x| / 7, codes −7 to 7."),
        ({"bits": 8, "codes": "full range"}, "scale = max |x| / 127.5, codes −128 to 127."),
        ({"codes": "unsigned", "skew": 100}, "scale = max x / 15, codes 0 to 15."),
        ({"codes": "unsigned"}, "values down to −1.13, and no codes for them"),
        ({"tensor": [[10.5, 14.0]]}, "0 must have a code: affine wastes some too"),
        ({"tensor": [[10.5, 14.0]], "skew": 50}, "no negative value to shrink"),
    ],
    ids=["signed", "full range", "unsigned", "negative", "far from zero", "nothing to shrink"],
)
def test_remarks_name_the_rule_and_what_is_special(settings, remark):
    assert remark in view(**settings).remark


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tensor": "relu9 outputs"}, "no tensor 'relu9 outputs' to explore; choose one of .*relu1 outputs"),
        ({"bits": 9}, "bits must be a whole number from 2 to 8, got 9"),
        ({"bits": 4.5}, "bits must be a whole number"),
        ({"skew": 101}, "skew must be a whole number from 0 to 100, got 101"),
        ({"codes": "int8"}, "codes must be one of signed, full range, unsigned, got 'int8'"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_bad_settings_are_value_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore.symmetric(**arguments)


def test_every_control_rewrites_the_view_over_its_whole_grid():
    own = torch.tensor([[0.5, -1.0], [0.25, 2.0]])

    def expected(tensor, **settings):
        return lesson04.state(sample(own if tensor == "your tensor" else tensor), **settings)

    assert_every_control_rewrites_the_view(explore.symmetric(own, skew=37), expected)


def test_every_control_has_a_name_to_be_read_aloud():
    assert_every_control_is_named(explore.symmetric())


def test_the_view_shows_what_the_lesson_says_to_look_for():
    bell = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))

    def shown(figure, *tensor, **settings):
        numbers = view(*tensor, **settings).numbers
        return tuple(numbers[f"{scheme}_{figure}"].text for scheme in ("affine", "symmetric"))

    assert (
        shown("wasted", bell, skew=0)[1] == "1 of 16 codes"
        and shown("wasted", bell, skew=100)[1] == "8 of 16 codes"
    )
    assert shown("sqnr", bell, skew=0) == ("16.02 dB", "15.47 dB")
    assert shown("sqnr", bell, skew=100) == ("22.30 dB", "15.54 dB")
    assert shown("sqnr", bell, skew=100, codes="unsigned") == ("22.30 dB", "22.30 dB")
    assert shown("sqnr", bell, skew=100, bits=5)[1] == "22.30 dB"
    assert (shown("bits", bits=4)[0], shown("bits", bits=5)[1]) == ("8.000 / weight", "7.000 / weight")
    assert (shown("mse", bits=4)[0], shown("mse", bits=5)[1]) == ("0.003158", "0.001675")


def test_where_no_widget_can_be_shown_there_is_a_picture_and_text():
    shown = explore.symmetric("relu3 outputs", bits=8)._repr_mimebundle_()
    assert re.search(r"symmetric wasted +128 of 256 codes", shown["text/plain"])
    assert len(shown["text/html"]) > 10_000
