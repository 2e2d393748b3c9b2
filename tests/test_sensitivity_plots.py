"""The picture of a comparison: every bar is as long as its figure, and the lowest are marked."""

import itertools
import math

import pytest

from qlab.sensitivity import Comparison, LayerSQNR
from qlab.sensitivity_plots import COLUMNS, sqnr_by_layer

LAYERS = (
    LayerSQNR("conv1", 23.9, 20.2, 20.2),
    LayerSQNR("fc1", 24.9, 0.1, -1.25),
    LayerSQNR("fc2", math.inf, -0.5, 26.9),
)


def text_of(value):
    return "exact" if value == math.inf else f"{value:.1f}".replace("-", "−")


def test_each_bar_has_its_length_and_its_figure():
    (axes,) = sqnr_by_layer(Comparison(LAYERS), "4 bits").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["conv1", "fc1", "fc2"]
    assert axes.yaxis_inverted() and axes.get_title(loc="left") == "4 bits" and "dB" in axes.get_xlabel()
    assert [bars.get_label() for bars in axes.containers] == list(COLUMNS)
    texts = iter(axes.texts)
    for column, bars in zip(COLUMNS, axes.containers, strict=True):
        values = [getattr(layer, column) for layer in LAYERS]
        assert [bar.get_width() for bar in bars] == [0 if v == math.inf else v for v in values]
        told = [next(texts) for _ in values]
        assert [text.get_text() for text in told] == [text_of(v) for v in values]
        assert [text.get_fontweight() == "bold" for text in told] == [v == min(values) for v in values]


def test_a_layer_lies_under_the_one_before_and_its_bars_do_not_overlap():
    (axes,) = sqnr_by_layer(Comparison(LAYERS)).axes
    spans = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bars in axes.containers for bar in bars)
    assert all(low >= high - 1e-9 for (_, high), (low, _) in itertools.pairwise(spans))


def test_nothing_to_show_is_refused():
    with pytest.raises(ValueError, match="no layers in this comparison"):
        sqnr_by_layer(Comparison(()))
