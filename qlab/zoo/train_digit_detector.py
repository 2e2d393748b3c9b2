"""Train the digit detector: python -m qlab.zoo.train_digit_detector [--out FOLDER]. Some minutes on two cores.

Every step sees new scenes. It trains in float32, so another machine finds a slightly different model of about
the same precision.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, smooth_l1_loss

from qlab.zoo.detecting import detect
from qlab.zoo.detection_scores import average_precision
from qlab.zoo.digit_detector import CELL, GRID, NOTHING, DigitDetector
from qlab.zoo.files import out_folder, write_model
from qlab.zoo.scenes_data import Objects, scenes

SEED = 0
STEPS = 800
BATCH = 64
LEARNING_RATE = 2e-3
EMPTY_WEIGHT = 0.3  # most cells are empty: each counts less than a digit's
TEST_SCENES, TEST_SEED, THRESHOLD = 500, 0, 0.05


def train(steps: int) -> DigitDetector:
    """Return the trained model in evaluation mode. The global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = DigitDetector()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for step in range(steps):
        loss = detection_loss(model, *scenes("train", BATCH, seed=step))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval()


def detection_loss(model: DigitDetector, images: Tensor, truth: list[Objects]) -> Tensor:
    """Return cross entropy over all cells, plus the error of the boxes, in cells, where there is a digit."""
    logits, boxes = model(images)
    scene = torch.repeat_interleave(torch.tensor([len(objects.labels) for objects in truth]))
    true_boxes = torch.cat([objects.boxes for objects in truth])
    column, row = ((true_boxes[:, :2] + true_boxes[:, 2:]) / 2 / CELL).long().unbind(dim=1)
    token = row * GRID + column
    classes = torch.full(logits.shape[:2], NOTHING)
    classes[scene, token] = torch.cat([objects.labels for objects in truth])
    weight = torch.ones(NOTHING + 1)
    weight[NOTHING] = EMPTY_WEIGHT
    box_loss = smooth_l1_loss(boxes[scene, token] / CELL, true_boxes / CELL, beta=0.1)
    return cross_entropy(logits.flatten(0, 1), classes.flatten(), weight) + box_loss


def held_out_precision(model: DigitDetector) -> float:
    """Return mAP@0.5 on the test scenes that the record speaks of."""
    images, truth = scenes("test", TEST_SCENES, TEST_SEED)
    return average_precision(detect(model, images, THRESHOLD), truth)


def main(arguments: list[str] | None = None) -> None:
    """Train, then write digit_detector.safetensors and digit_detector.json into the --out folder."""
    out = out_folder(__doc__, arguments)
    model = train(STEPS)
    record = {
        "average_precision": held_out_precision(model),
        "test_scenes": TEST_SCENES,
        "test_seed": TEST_SEED,
        "seed": SEED,
        "steps": STEPS,
    }
    write_model("digit_detector", model, record, out)


if __name__ == "__main__":
    main()
