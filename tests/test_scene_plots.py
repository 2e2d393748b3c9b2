"""Pictures of detections: each box once, marked for what became of it, its label legible and inside the scene."""

from collections import Counter

import pytest
import torch

from qlab import scene_plots
from qlab.scene_plots import LOST, OTHER, SAME, detections
from qlab.zoo import Objects

IMAGES = torch.zeros(2, 1, 64, 64)


def objects(*rows):
    """Objects from (left, top, right, bottom, label, score) tuples."""
    table = torch.tensor(rows).reshape(-1, 6)
    return Objects(table[:, :4].float(), table[:, 4].long(), table[:, 5].float())


BEFORE = [objects((5, 20, 15, 40, 3, 0.9), (30, 20, 45, 40, 9, 0.8)), objects((50, 0, 62, 20, 1, 0.7))]
AFTER = [objects((5, 20, 15, 41, 3, 0.6), (30, 20, 45, 41, 4, 0.5)), objects((10, 44, 22, 63, 7, 0.55))]


def kinds(axes):
    return [patch.get_gid() for patch in axes.patches]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_boxes_are_marked_same_other_or_lost():
    figure = detections(IMAGES, {"float32": BEFORE, "int4": AFTER})
    first, second, third, fourth = figure.axes
    assert [kinds(axes) for axes in (first, second)] == [[SAME, SAME], [SAME]]
    assert texts(first) == ["3 90 %", "9 80 %"] and texts(second) == ["1 70 %"]
    assert kinds(third) == [SAME, OTHER] and texts(third) == ["3 60 %", "9→4 50 %"]
    assert kinds(fourth) == [OTHER, LOST] and texts(fourth) == ["7 55 %", "1"]
    assert first.get_ylabel() == "float32" and third.get_ylabel() == "int4\n1 of 3 same, 2 other"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [SAME, OTHER, LOST]
    box = third.patches[0]
    assert (*box.get_xy(), box.get_width(), box.get_height()) == (5, 20, 10, 21)


def test_the_three_marks_differ_in_color_and_in_line():
    looks = scene_plots.LINES.values()
    assert len({look["color"] for look in looks}) == len({str(look["linestyle"]) for look in looks}) == 3


@pytest.mark.parametrize("columns", [1, 2, 6])
def test_every_label_stays_inside_its_scene_and_the_picture_on_a_page(columns):
    corners = [(x, y, x + 8, y + 12, 8, 0.99) for x in (0, 28, 56) for y in (0, 26, 52)]
    row = [objects(*corners)] * columns
    figure = detections(torch.zeros(columns, 1, 64, 64), {"a": row, "b": row})
    figure.draw_without_rendering()
    assert figure.get_size_inches()[0] <= 11.5
    for axes in figure.axes:
        frame = axes.get_window_extent()
        assert Counter(kinds(axes)) == {SAME: 9}
        for text in axes.texts:
            label = text.get_window_extent()
            assert frame.x0 - 3 <= label.x0 and label.x1 <= frame.x1 + 3
            assert frame.y0 - 3 <= label.y0 and label.y1 <= frame.y1 + 3


def test_true_objects_carry_no_percentage_and_one_row_no_legend():
    figure = detections(IMAGES[:1], {"truth": [objects((5, 20, 15, 40, 3, 1))]})
    assert texts(figure.axes[0]) == ["3"] and not figure.legends


def test_nothing_found_is_an_empty_scene():
    figure = detections(IMAGES[:1], {"float32": [objects()], "int2": [objects()]})
    assert not any(axes.patches for axes in figure.axes)
    assert figure.axes[1].get_ylabel() == "int2\n0 of 0 same"


@pytest.mark.parametrize(
    ("images", "rows", "message"),
    [
        (IMAGES, {}, "0 rows"),
        (IMAGES[0], {"a": BEFORE}, r"shape \(1, 64, 64\)"),
        (IMAGES[:0], {"a": []}, r"shape \(0, 1, 64, 64\)"),
        (IMAGES, {"a": BEFORE, "b": AFTER[:1]}, "row 'b' has 1 scenes, got 2 images"),
    ],
    ids=["no-rows", "one-image", "no-images", "lengths-differ"],
)
def test_what_cannot_be_drawn_is_refused(images, rows, message):
    with pytest.raises(ValueError, match=message):
        detections(images, rows)
