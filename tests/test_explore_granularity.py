"""The explorer of granularity: its state over the whole grid of controls, its widget without a browser."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from explorer_checks import (
    assert_every_control_is_named,
    assert_every_control_rewrites_the_view,
    assert_prints_cleanly,
)

import qlab as ql
from qlab import explore
from qlab.explore import lesson05, panels
from qlab.explore.still import still_png
from qlab.explore.tensors import names, source

OWN = {
    "ragged rows": torch.linspace(-1, 2, 54).reshape(6, 9),
    "one row": torch.tensor([[0.1, -0.2, 0.05, 7.0]]),
    "thousands": torch.linspace(-1000, 1000, 16).reshape(4, 4),
    "tiny": torch.tensor([[1e-9, -3e-9], [0.0, 2e-9]]),
    "huge": torch.tensor([[1e14, -3e14]]),
    "zeros": torch.zeros(2, 3),
    "a zero row": torch.tensor([[0.0, 0.0], [0.5, -1.0]]),
    "scalar": torch.tensor(2.5),
    "rank 4": torch.linspace(-1, 2, 120).reshape(2, 3, 4, 5),
    "rows of 70": torch.linspace(-1, 1, 4900).reshape(70, 70),
}
TENSORS = [*names(), *OWN]
SPREADS = [(name, 2) for name in lesson05.GRANULARITIES[:-1]] + [("per group", size) for size in (1, 4, 32)]
SETTINGS = list(itertools.product(SPREADS, [3, 8], lesson05.SCALE_DTYPES, [0, 10]))
LIBRARY = {"per tensor": ql.PerTensor(), "per axis 0": ql.PerAxis(0), "per axis 1": ql.PerAxis(1)}


def tensor_named(name):
    return OWN.get(name, name)


def cases(name):
    """Every setting for a tensor, the tensor with its outlier, and the state."""
    chosen = source(tensor_named(name))
    row, column = (length - 1 for length in panels.crop(chosen.x).shape)
    for (granularity, size), bits, scale_dtype, outlier in SETTINGS:
        settings = {"granularity": granularity, "group_size": size, "bits": bits, "scale_dtype": scale_dtype}
        settings |= {"outlier": outlier, "row": row, "column": column}
        x = chosen.x.clone()
        if outlier:
            x[row, column] = outlier * chosen.largest
        yield chosen, x, settings, lesson05.state(chosen, **settings)


def view(*arguments, **settings):
    """The state that the explorer opens with."""
    return explore.granularity(*arguments, **settings).current


def values(state):
    return {name: number.value for name, number in state.numbers.items()}


@pytest.mark.parametrize("name", TENSORS)
def test_numbers_agree_with_the_library(name):
    for _, x, settings, state in cases(name):
        granularity = LIBRARY.get(settings["granularity"]) or ql.PerGroup(settings["group_size"])
        kept = getattr(torch, settings["scale_dtype"])
        try:
            qp = ql.choose_qparams(x, f"int{settings['bits']}", "symmetric", granularity, scale_dtype=kept)
            assert "cannot hold" not in state.remark
        except ValueError:
            qp = ql.choose_qparams(x, f"int{settings['bits']}", "symmetric", granularity)
            assert "float16 cannot hold these scales" in state.remark
        qt = ql.quantize(x, qp)
        wide = ql.QParams(qp.scale.float(), dtype=qp.dtype, granularity=granularity)
        restored = ql.QTensor(qt.data, wide).dequantize()
        shown = values(state)
        assert shown["scales"] == qp.scale.numel() and shown["bits"] == ql.bits_per_weight(qt)
        assert shown["overhead"] == pytest.approx(8 * qp.scale.nbytes / x.numel(), abs=8 / x.numel())
        assert shown["mse"] == ql.mse(x, restored) and shown["sqnr"] == ql.sqnr(x, restored)
        assert shown["max_error"] == ql.max_abs_error(x, restored)
        assert shown["zeroed"] == 100 * ((qt.data == 0) & (x != 0)).double().mean().item()


@pytest.mark.parametrize("name", TENSORS)
def test_panels_hold_what_the_numbers_say(name):
    for chosen, x, settings, state in cases(name):
        original, scale, dequantized, error = state.panels
        unit = 10.0 ** panels.exponent(chosen.largest)
        np.testing.assert_allclose(original.values * unit, panels.crop(x.numpy()), rtol=1e-6)
        steps = dequantized.values / scale.values
        np.testing.assert_allclose(steps, steps.round(), atol=1e-4)
        # The lowest code is used where float16 has rounded a tiny scale down.
        assert (
            steps.min() > -(2 ** (settings["bits"] - 1)) - 0.1 and steps.max() < 2 ** (settings["bits"] - 1) - 0.9
        )
        rounding = 1e-6 * np.abs(dequantized.values).max()
        np.testing.assert_allclose(error.values, dequantized.values - original.values, atol=rounding)
        blocks = len(np.unique(scale.values))
        assert blocks <= state.numbers["scales"].value
        for panel in state.panels:
            assert np.isfinite(panel.shade).all() and max(panel.values.shape) <= panels.CROP


@pytest.mark.parametrize("name", TENSORS)
def test_the_table_has_the_row_on_view(name):
    for _, x, settings, state in cases(name):
        table = state.table
        chosen = [cell.text for cell in table.rows[table.chosen]]
        size = f" of {settings['group_size']}" if settings["granularity"] == "per group" else ""
        texts = [state.numbers[key].text for key in ("scales", "bits", "mse", "sqnr")]
        assert chosen == [settings["granularity"] + size, *texts]
        assert len({row[0].text for row in table.rows}) == len(table.rows)
        sizes = [int(row[0].text.split(" of ")[1]) for row in table.rows[3:]]
        assert settings["group_size"] in sizes and sizes == sorted(sizes, reverse=True)
        assert all(size < x.shape[1] or size == settings["group_size"] for size in sizes)


@pytest.mark.parametrize("name", TENSORS)
def test_markup_is_complete_and_prints_no_negative_zero(name):
    for chosen, *_, state in cases(name):
        shown = state.html
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown)
        drawn = 4 * chosen.x.numel() if max(chosen.x.shape) <= panels.MAX_CELLS else 0
        assert len(cells) == drawn + 5 * len(state.table.rows)
        assert shown.count("class=chosen") == 1
        assert_prints_cleanly(state)


@pytest.mark.parametrize("name", [*names(), "one row", "thousands", "scalar", "zeros"])
def test_the_printed_call_shows_the_same_view_again(name):
    for *_, state in cases(name):
        again = eval(state.call, {"explore": explore}).current
        assert again.html == state.html


def test_an_outlier_costs_only_those_that_share_its_scale():
    clean, spoiled = (view("fc1.weight", "per axis 0", outlier=k, row=5, column=7) for k in (0, 50))
    worse = np.abs(spoiled.panels[3].values) > np.abs(clean.panels[3].values) + 1e-6
    assert worse[5].sum() > 20 and not np.delete(worse, 5, axis=0).any()
    whole = view("fc1.weight", "per tensor", outlier=50, row=5, column=7)
    assert whole.numbers["zeroed"].value > 99
    group = view("fc1.weight", "per group", group_size=8, outlier=50, row=5, column=7)
    changed = group.panels[3].values != view("fc1.weight", "per group", group_size=8).panels[3].values
    assert set(zip(*changed.nonzero(), strict=True)) <= {(5, column) for column in range(8)}


@pytest.mark.parametrize("name", TENSORS)
def test_frames_hold_the_outlier_and_those_that_share_its_scale(name):
    for _, x, settings, state in cases(name):
        granularity = LIBRARY.get(settings["granularity"]) or ql.PerGroup(settings["group_size"])
        *shared, outlier = state.panels[0].frames or [None]
        assert {panel.frames for panel in state.panels} == {state.panels[0].frames}
        assert ("Framed: the outlier" in state.remark) == bool(settings["outlier"])
        if not settings["outlier"]:
            assert outlier is None and "framed" not in state.html
            continue
        row, column = settings["row"], settings["column"]
        assert outlier == (row, column, 1, 1)
        place = torch.arange(1, x.numel() + 1).reshape(x.shape)  # 0 is what fills up a last group
        together = next(group for group in granularity.rows(place) if place[row, column] in group)
        mask = panels.crop(torch.isin(place, together))
        if not shared:
            assert mask.all() and settings["granularity"] == "per tensor"
            continue
        ((top, left, rows, columns),) = shared
        assert mask[top : top + rows, left : left + columns].all() and mask.sum() == rows * columns


def test_frames_are_drawn_in_every_panel_and_in_the_still_picture():
    plain, framed = (view("fc1.weight", "per group", 8, outlier=k, row=3, column=9) for k in (0, 2))
    assert plain.html.count('class="framed"') == 0 and framed.html.count('class="framed"') == 4
    assert '<div style="top:6%;left:16%;height:2%;width:16%">' in framed.html  # of 50 rows and columns
    assert '<div style="top:6%;left:18%;height:2%;width:2%">' in framed.html
    unframed = replace(framed, panels=tuple(replace(panel, frames=()) for panel in framed.panels))
    assert still_png(unframed) != still_png(framed)


def test_the_colors_of_the_error_do_not_depend_on_the_outlier():
    shades = [view("fc1.weight", outlier=k).panels[3].shade.mean() for k in (0, 2, 10, 50)]
    assert all(small < large + 1e-9 for small, large in itertools.pairwise(shades))


@pytest.mark.parametrize(
    ("settings", "remark"),
    [
        ({"granularity": "per group", "group_size": 8}, "A row has 4 elements, so one group is a whole row."),
        ({"granularity": "per group", "group_size": 3}, "The last group of each row has only 1 element."),
        ({"tensor": "fc1.weight", "granularity": "per group", "group_size": 30}, "has only 8 elements."),
        ({"tensor": [[1e-9]]}, "float16 cannot hold these scales"),
        ({"granularity": "per axis 1"}, "cannot leave the sum"),
        ({}, ""),
    ],
    ids=["whole row", "one left", "eight left", "float16", "columns", "nothing special"],
)
def test_remarks_name_what_is_special(settings, remark):
    text = view(**settings).remark
    assert remark in text and bool(remark) == bool(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tensor": "fc9.weight"}, "no tensor 'fc9.weight'"),
        ({"granularity": "per row"}, "granularity must be one of per tensor, per axis 0, .* got 'per row'"),
        ({"group_size": 0}, "group_size must be a whole number from 1 to 262144, got 0"),
        ({"group_size": 2.5}, "group_size must be a whole number"),
        ({"bits": 9}, "bits must be a whole number from 2 to 8, got 9"),
        ({"scale_dtype": "bfloat16"}, "scale_dtype must be one of float16, float32, got 'bfloat16'"),
        ({"outlier": -1}, "outlier must be a number from 0 to 1000"),
        ({"outlier": float("nan")}, "outlier must be a number"),
        ({"outlier": "big"}, "outlier must be a number"),
        ({"row": 4}, "row must be a whole number from 0 to 3, got 4"),
        ({"column": -1}, "column must be a whole number from 0 to 3, got -1"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_bad_settings_are_value_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore.granularity(**arguments)


@pytest.mark.parametrize("name", TENSORS)
def test_every_control_rewrites_the_view_over_its_whole_grid(name):
    explorer = explore.granularity(tensor_named(name), granularity="per group", outlier=5)
    chosen = source(tensor_named(name))
    assert_every_control_rewrites_the_view(
        explorer, lambda tensor, **settings: lesson05.state(chosen, **settings), but=("tensor",)
    )


def test_choosing_a_tensor_keeps_the_outlier_on_the_picture_and_draws_once():
    explorer, drawn = explore.granularity("fc1.weight", outlier=10, row=40, column=49), []
    explorer.view.observe(drawn.append, "value")
    for name in names():
        explorer.controls["tensor"].value = name
        rows, columns = panels.crop(source(name).x).shape
        assert (explorer.controls["row"].max, explorer.controls["column"].max) == (rows - 1, columns - 1)
        assert explorer.values["row"] < rows and explorer.values["column"] < columns
        assert explorer.current.call == view(**explorer.values).call
    assert len(drawn) == len(names())


def test_every_control_has_a_name_to_be_read_aloud():
    assert_every_control_is_named(explore.granularity())


def test_where_no_widget_can_be_shown_there_is_the_table_as_text():
    text = explore.granularity(granularity="per group")._repr_mimebundle_()["text/plain"]
    assert re.search(r"^> per group of 2 +8 +12\.000 ", text, re.MULTILINE)
    assert re.search(r"^  per tensor +1 +5\.000 ", text, re.MULTILINE)
