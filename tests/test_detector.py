"""The digit detector: scenes tight and repeatable, detections and scores right, the weights as recorded."""

import math

import pytest
import torch
from torch import nn

from qlab import zoo
from qlab.zoo import Objects, train_digit_detector
from qlab.zoo.digit_detector import CELL, GRID, Attention, DigitDetector

SPLITS = ["train", "test"]
HALF_TYPES = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["half", "bfloat16"])


def objects(*rows):
    """Objects from (left, top, right, bottom, label, score) tuples."""
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 6)
    return Objects(table[:, :4].float(), table[:, 4].long(), table[:, 5].float())


@pytest.fixture(scope="module")
def model():
    return zoo.load("digit_detector")


@pytest.fixture(scope="module")
def some():
    """A few test scenes and what is in them."""
    return zoo.scenes("test", 60, seed=7)


# Scenes


@pytest.mark.parametrize("split", SPLITS)
def test_a_seed_gives_the_same_scenes_and_another_seed_others(split):
    state = torch.random.get_rng_state()
    (images, truth), (again, truth_again) = (zoo.scenes(split, 5, seed=3) for _ in range(2))
    assert torch.equal(images, again) and images.shape == (5, 1, 64, 64) and images.dtype == torch.float32
    for first, second in zip(truth, truth_again, strict=True):
        assert all(map(torch.equal, first, second))
    assert not torch.equal(images, zoo.scenes(split, 5, seed=4)[0])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_fewer_scenes_are_the_first_of_more():
    assert torch.equal(zoo.scenes("test", 2, seed=1)[0], zoo.scenes("test", 4, seed=1)[0][:2])


@pytest.mark.parametrize("split", SPLITS)
def test_boxes_are_inside_the_scene_tight_and_apart(split):
    images, truth = zoo.scenes(split, 100, seed=0)
    assert images.min() >= 0 and images.max() <= 1
    for image, (boxes, labels, scores) in zip(images[:, 0], truth, strict=True):
        assert 1 <= len(boxes) == len(labels) <= 6 and (scores == 1).all()
        assert labels.dtype == torch.int64 and ((labels >= 0) & (labels <= 9)).all()
        outside = image.clone()
        for left, top, right, bottom in boxes.int().tolist():
            assert 0 <= left < right <= 64 and 0 <= top < bottom <= 64
            ink = image[top:bottom, left:right]
            for side in (ink[0], ink[-1], ink[:, 0], ink[:, -1]):
                assert side.max() > 0.15 * ink.max()
            outside[top:bottom, left:right] = 0
        assert not outside.any()
        assert torch.equal(zoo.box_iou(boxes, boxes), torch.eye(len(boxes)))


@pytest.mark.parametrize("split", SPLITS)
def test_scenes_show_digits_of_their_own_split(split):
    """A digit of a scene, sampled back to its cut-out, is one of the split's digits with that label."""
    glyphs, labels = zoo.digits(split)
    images, truth = zoo.scenes(split, 4, seed=2)
    for image, found in zip(images[:, 0], truth, strict=True):
        for (left, top, right, bottom), label in zip(found.boxes.int().tolist(), found.labels, strict=True):
            ink = image[None, None, top:bottom, left:right]
            small = nn.functional.interpolate(ink, (8, 8), mode="bilinear")[0, 0].flatten()
            closest = 0.0
            for glyph in glyphs[labels == label, 0]:
                rows, columns = ((glyph.amax(axis) >= 0.25).nonzero().flatten() for axis in (1, 0))
                cut = glyph[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                cut = nn.functional.interpolate(cut[None, None], (8, 8), mode="bilinear")[0, 0].flatten()
                closest = max(closest, torch.cosine_similarity(small, cut, dim=0).item())
            assert closest > 0.97


@pytest.mark.parametrize("split", SPLITS)
def test_no_two_digits_have_their_centers_in_one_cell(split):
    for boxes, _, _ in zoo.scenes(split, 300, seed=5)[1]:
        column, row = ((boxes[:, :2] + boxes[:, 2:]) / 2 / CELL).long().unbind(1)
        assert len((row * GRID + column).unique()) == len(boxes)


@pytest.mark.parametrize("count", [0, -1])
def test_no_scenes_are_refused(count):
    with pytest.raises(ValueError, match=f"positive count, got {count}"):
        zoo.scenes("test", count, seed=0)


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="no split 'val'"):
        zoo.scenes("val", 1, seed=0)


# Boxes, detections and their scores, against cases worked out by hand


@pytest.mark.parametrize(
    ("box", "expected"),
    [((0, 0, 4, 4), 1), ((2, 0, 6, 4), 1 / 3), ((1, 1, 3, 3), 1 / 4), ((4, 0, 8, 4), 0), ((9, 9, 10, 10), 0)],
    ids=["same", "half-over", "inside", "touching", "far"],
)
def test_iou(box, expected):
    a, b = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([box]).float()
    assert zoo.box_iou(a, b).item() == zoo.box_iou(b, a).item() == pytest.approx(expected)


class Canned(nn.Module):
    """A detector that answers what it is told to."""

    def __init__(self, *rows):
        super().__init__()
        boxes, labels, scores = objects(*rows)
        rest = (1 - scores[:, None]) / 10
        probabilities = rest.repeat(1, 11).scatter(1, labels[:, None], scores[:, None])
        self.answer = probabilities.log()[None], boxes[None]

    def forward(self, images):
        return self.answer


def test_detect_drops_the_unlikely_and_the_repeated_and_sorts():
    rows = [
        (0, 0, 4, 4, 3, 0.7),
        (0, 0, 4, 5, 3, 0.9),  # IoU 0.8 with the first, and likelier
        (0, 1, 4, 5, 8, 0.8),  # IoU 0.8 with the second: another label does not save it
        (2, 0, 6, 4, 3, 0.6),  # IoU 8/28 with the second: stays
        (20, 20, 30, 30, 1, 0.3),  # below the threshold
        (40, 40, 50, 50, 10, 0.9),  # nothing there
    ]
    (found,) = zoo.detect(Canned(*rows), torch.zeros(1, 1, 64, 64))
    assert found.labels.tolist() == [3, 3]
    assert found.boxes.tolist() == [[0, 0, 4, 5], [2, 0, 6, 4]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.6])
    (low,) = zoo.detect(Canned(*rows), torch.zeros(1, 1, 64, 64), threshold=0.2)
    assert low.labels.tolist() == [3, 3, 1]


def test_nothing_found_is_an_empty_answer(model):
    (found,) = zoo.detect(model, torch.zeros(1, 1, 64, 64))
    assert [tuple(part.shape) for part in found] == [(0, 4), (0,), (0,)]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_a_threshold_that_is_no_probability_is_refused(model, threshold):
    with pytest.raises(ValueError, match="between 0 and 1"):
        zoo.detect(model, torch.zeros(1, 1, 64, 64), threshold)


def test_images_of_another_size_are_refused(model):
    with pytest.raises(ValueError, match=r"\(2, 1, 32, 32\), the digit detector needs \(N, 1, 64, 64\)"):
        zoo.detect(model, torch.zeros(2, 1, 32, 32))


BOX_A, BOX_B, FAR = (0, 0, 4, 4), (10, 10, 14, 14), (30, 30, 34, 34)
TRUTH = objects((*BOX_A, 5, 1), (*BOX_B, 5, 1))
AP_CASES = {
    "perfect": (objects((*BOX_A, 5, 0.9), (*BOX_B, 5, 0.8)), 1),
    "one-missed": (objects((*BOX_A, 5, 0.9)), 1 / 2),
    "nothing-found": (objects(), 0),
    "wrong-label": (objects((*BOX_A, 6, 0.9), (*BOX_B, 6, 0.8)), 0),
    "false-alarm-last": (objects((*BOX_A, 5, 0.9), (*BOX_B, 5, 0.8), (*FAR, 5, 0.7)), 1),
    "false-alarm-first": (objects((*FAR, 5, 0.9), (*BOX_A, 5, 0.8), (*BOX_B, 5, 0.7)), 2 / 3),
    "false-alarm-between": (objects((*BOX_A, 5, 0.9), (*FAR, 5, 0.8), (*BOX_B, 5, 0.7)), 1 / 2 + 1 / 2 * 2 / 3),
    "found-twice": (objects((*BOX_A, 5, 0.9), (*BOX_A, 5, 0.8), (*BOX_B, 5, 0.7)), 1 / 2 + 1 / 2 * 2 / 3),
    "overlap-of-exactly-half": (objects((0, 0, 4, 2, 5, 0.9), (*BOX_B, 5, 0.8)), 1),
    "overlap-too-small": (objects((0, 0, 4, 1.9, 5, 0.9), (*BOX_B, 5, 0.8)), 1 / 2 * 1 / 2),
}


@pytest.mark.parametrize(("found", "expected"), AP_CASES.values(), ids=AP_CASES.keys())
def test_average_precision(found, expected):
    assert zoo.average_precision([found], [TRUTH]) == pytest.approx(expected)


def test_average_precision_is_the_mean_over_labels_and_ranks_over_images():
    truth = [objects((*BOX_A, 1, 1)), objects((*BOX_A, 1, 1), (*BOX_B, 2, 1))]
    found = [objects((*FAR, 1, 0.95), (*BOX_A, 1, 0.5)), objects((*BOX_A, 1, 0.9), (*FAR, 3, 0.9))]
    # Label 1 over both images: wrong, right, right -> precision 2/3 at every recall. Label 2: missed. 3: no truth.
    assert zoo.average_precision(found, truth) == pytest.approx((2 / 3 + 0) / 2)


def test_matched_boxes():
    a = [objects((*BOX_A, 5, 0.9), (*BOX_B, 5, 0.8)), objects((*BOX_A, 3, 0.7)), objects()]
    b = [objects((0, 0, 4, 5, 5, 0.6), (*BOX_B, 6, 0.8)), objects((*BOX_A, 3, 0.5), (*FAR, 1, 0.9)), objects()]
    assert zoo.matched_boxes(a, b) == pytest.approx(2 / 3)
    assert zoo.matched_boxes(b, a) == pytest.approx(2 / 4)
    assert zoo.matched_boxes(a, a) == zoo.matched_boxes(a[2:], b[2:]) == 1
    assert zoo.agreement(a[0], b[0]).tolist() == [True, False]


def test_one_box_cannot_match_two():
    twice = objects((*BOX_A, 5, 0.9), (0, 0, 4, 5, 5, 0.8))
    assert zoo.agreement(twice, objects((*BOX_A, 5, 1))).tolist() == [True, False]


def test_lists_of_different_length_are_refused():
    for measure in (zoo.average_precision, zoo.matched_boxes):
        with pytest.raises(ValueError, match="got 1 and 2 images"):
            measure([TRUTH], [TRUTH, TRUTH])


def test_average_precision_needs_a_true_object():
    with pytest.raises(ValueError, match="holds no objects"):
        zoo.average_precision([TRUTH], [objects()])


# The shipped model


def test_the_record_is_what_the_shipped_weights_do(model):
    record = zoo.record("digit_detector")
    images, truth = zoo.scenes("test", record["test_scenes"], record["test_seed"])
    precision = zoo.average_precision(zoo.detect(model, images, threshold=0.05), truth)
    assert precision == pytest.approx(record["average_precision"], abs=0.002)  # another CPU rounds elsewhere
    assert precision > 0.95
    assert record["parameters"] == sum(p.numel() for p in model.parameters())
    assert {"seed", "steps", "torch"} <= record.keys()


def test_what_lesson_07_relies_on(model):
    """Nearly all weights in Linear layers that may be swapped; the heads are named, and all of it is small."""
    linear = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    assert {"class_head", "box_head", "blocks.0.attention.q", "blocks.1.fc2"} <= linear.keys()
    swapped = sum(layer.weight.numel() for name, layer in linear.items() if not name.endswith("_head"))
    everything = sum(p.numel() for p in model.parameters())
    assert swapped > 0.85 * everything and 4 * everything < 2e6


def test_every_linear_layer_is_called_and_can_be_swapped(some):
    calls = []

    class Logged(nn.Linear):
        def forward(self, x):
            calls.append(self.name)
            return super().forward(x)

    model = zoo.load("digit_detector")
    before = zoo.detect(model, some[0])
    names = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    for name in names:
        old, new = model.get_submodule(name), Logged(1, 1)
        new.weight, new.bias, new.name = old.weight, old.bias, name
        model.set_submodule(name, new)
    assert zoo.matched_boxes(before, zoo.detect(model, some[0])) == 1
    assert sorted(calls) == sorted(names) and len(names) == 14


@HALF_TYPES
def test_half_types_find_the_same_digits(model, some, dtype):
    images, truth = some
    half = zoo.load("digit_detector").to(dtype)
    assert {t.dtype for t in half.state_dict().values() if t.is_floating_point()} == {dtype}
    logits, boxes = half(images[:2].to(dtype))
    assert logits.dtype == dtype and boxes.dtype == torch.float32
    assert zoo.matched_boxes(zoo.detect(model, images), zoo.detect(half, images)) > 0.98
    found, found_half = (zoo.detect(m, images, threshold=0.05) for m in (model, half))
    assert zoo.average_precision(found_half, truth) == pytest.approx(zoo.average_precision(found, truth), abs=0.02)


def test_attention_is_torchs():
    torch.manual_seed(0)
    ours, theirs = Attention(16, heads=4), nn.MultiheadAttention(16, 4, batch_first=True)
    parts = [ours.q, ours.k, ours.v]
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in parts]))
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in parts]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
        x = torch.randn(2, 9, 16)
        torch.testing.assert_close(ours(x), theirs(x, x, x, need_weights=False)[0])


# Training


def test_the_loss_knows_the_right_answer():
    """A detector that says the truth has a loss near 0; moved boxes or other labels cost."""
    images, truth = zoo.scenes("train", 2, seed=0)

    def loss(shift=0.0, turn=0):
        logits, boxes = torch.zeros(2, 64, 11), torch.zeros(2, 64, 4)
        logits[..., 10] = 50
        for scene, (true_boxes, labels, _) in enumerate(truth):
            for box, label in zip(true_boxes, labels, strict=True):
                x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
                token = int(y // 8) * 8 + int(x // 8)
                logits[scene, token] = 50 * nn.functional.one_hot((label + turn) % 10, 11)
                boxes[scene, token] = box + shift
        return train_digit_detector.detection_loss(lambda _: (logits, boxes), images, truth).item()

    assert loss() < 1e-6
    assert loss(shift=2.0) > 0.1 and loss(turn=1) > 1


def test_a_short_training_learns_and_repeats_itself():
    state = torch.random.get_rng_state()
    first, second = (train_digit_detector.train(steps=12) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not any(module.training for module in first.modules())
    scenes = zoo.scenes("test", 64, seed=9)
    torch.manual_seed(0)
    untrained, trained = (
        train_digit_detector.detection_loss(model.eval(), *scenes).item() for model in (DigitDetector(), first)
    )
    assert trained < 0.5 * untrained


def test_the_script_writes_weights_that_load_and_a_record(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train_digit_detector, "STEPS", 2)
    monkeypatch.setattr(train_digit_detector, "TEST_SCENES", 10)
    train_digit_detector.main(["--out", str(tmp_path / "new")])
    record, shipped = (zoo.record("digit_detector", *where) for where in ([tmp_path / "new"], []))
    assert record.keys() == shipped.keys() and record["steps"] == 2 and record["test_scenes"] == 10
    assert "test_scenes 10" in capsys.readouterr().out
    images, truth = zoo.scenes("test", 10, record["test_seed"])
    again = zoo.detect(zoo.load("digit_detector", tmp_path / "new"), images, threshold=0.05)
    assert zoo.average_precision(again, truth) == record["average_precision"]
