"""Lesson 11: training at 8, 4 and 2 bits. What the button does is compared with the twin, which trains at once."""

from functools import cache

import qlab as ql
from qlab import explore, zoo

LESSON = "11_quantization_aware_training.ipynb"
PLAIN = ("learning_rate", "seed")  # before the first step they change the call alone
GRANULARITIES = {"per tensor": ql.PerTensor(), "per row": ql.PerAxis(0)}


def start():
    return explore.training()


@cache
def begun(granularity, scales):
    """The model at 2 bits before its first step, and its accuracy."""
    images = zoo.digits("train")[0][:256].double()
    model = zoo.load("digits_cnn").double()
    qat = ql.prepare_qat(model, images, "int2", "int8", GRANULARITIES[granularity], scales)
    return qat, zoo.accuracy(qat)


def numbers(granularity, scales, learning_rate, seed):
    qat, right = begun(granularity, scales)
    scales_of_all = 32 + 32 + 64 + 10 if granularity == "per row" else 4
    weights = sum(getattr(qat, name).weight.numel() for name in ("conv1", "conv2", "fc1", "fc2"))
    return {
        "float32 model": 100 * zoo.accuracy(zoo.load("digits_cnn")),
        "2 bits, step 0": 100 * right,
        "bits per weight": 2 + 32 * scales_of_all / weights,
    }
