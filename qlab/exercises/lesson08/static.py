"""08_static_codes: codes of new data with a range that was fixed before, by a moving average over batches."""

import torch

from qlab.exercises.comparing import exact_tensor
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def static_codes(batches, momentum, x):
    """The uint8 codes of x in the range that a moving average of batches gives."""
    # BEGIN SOLUTION
    low, high = batches[0].min(), batches[0].max()
    for batch in batches[1:]:
        low = low + momentum * (batch.min() - low)
        high = high + momentum * (batch.max() - high)
    low, high = low.clamp(max=0), high.clamp(min=0)
    scale = (high - low) / 255
    zero_point = torch.round(-low / scale)
    codes = torch.round(x / scale) + zero_point
    return torch.clamp(codes, 0, 255).to(torch.uint8)
    # END SOLUTION


def _averaged(batches, momentum):
    low, high = batches[0].min(), batches[0].max()
    for batch in batches[1:]:
        low, high = low + momentum * (batch.min() - low), high + momentum * (batch.max() - high)
    return low, high


def _with_zero(low, high):
    return min(float(low), 0.0), max(float(high), 0.0)


def _codes(x, low, high):
    scale = (high - low) / 255
    steps = torch.round(x / scale) + round(float(-low / scale))
    return steps.clamp(0, 255).to(torch.uint8)


def with_floats(batches, momentum, x):
    low = high = None
    for batch in batches:
        ends = batch.min().item(), batch.max().item()
        low, high = (
            ends
            if low is None
            else ((1 - momentum) * a + momentum * b for a, b in zip((low, high), ends, strict=True))
        )
    return _codes(x.double(), *_with_zero(low, high))


def with_the_library(batches, momentum, x):
    from qlab.affine import quantize
    from qlab.observers import MovingAverage

    observer = MovingAverage("uint8", "affine", momentum=momentum)
    for batch in batches:
        observer.observe(batch)
    return quantize(x, observer.qparams()).data


def started_at_zero(batches, momentum, x):
    low, high = _averaged([torch.zeros(1), *batches], momentum)
    return _codes(x, *_with_zero(low, high))


def momentum_swapped(batches, momentum, x):
    return _codes(x, *_with_zero(*_averaged(batches, 1 - momentum)))


def ends_of_all(batches, momentum, x):
    return _codes(x, *_with_zero(min(b.min() for b in batches), max(b.max() for b in batches)))


def plain_mean(batches, momentum, x):
    lows, highs = (torch.stack([getattr(b, end)() for b in batches]) for end in ("min", "max"))
    return _codes(x, *_with_zero(lows.mean(), highs.mean()))


def last_batch(batches, momentum, x):
    return _codes(x, *_with_zero(batches[-1].min(), batches[-1].max()))


def own_range(batches, momentum, x):
    return _codes(x, *_with_zero(x.min(), x.max()))


def x_observed_too(batches, momentum, x):
    return _codes(x, *_with_zero(*_averaged([*batches, x], momentum)))


def zero_left_out(batches, momentum, x):
    low, high = _averaged(batches, momentum)
    scale = (high - low) / 255
    return (torch.round(x / scale) + torch.round(-low / scale)).clamp(0, 255).to(torch.uint8)


def zero_point_clamped(batches, momentum, x):
    low, high = _averaged(batches, momentum)
    scale = (high - low) / 255
    zero_point = torch.round(-low / scale).clamp(0, 255)
    return (torch.round(x / scale) + zero_point).clamp(0, 255).to(torch.uint8)


def widened_before_averaging(batches, momentum, x):
    return _codes(x, *_averaged([torch.cat([b.flatten(), torch.zeros(1)]) for b in batches], momentum))


def not_clamped(batches, momentum, x):
    low, high = _with_zero(*_averaged(batches, momentum))
    scale = (high - low) / 255
    return (torch.round(x / scale) + round(-low / scale)).to(torch.int32).to(torch.uint8)


def zero_point_forgotten(batches, momentum, x):
    low, high = _with_zero(*_averaged(batches, momentum))
    return torch.round(x / ((high - low) / 255)).clamp(0, 255).to(torch.uint8)


def zero_point_subtracted(batches, momentum, x):
    low, high = _with_zero(*_averaged(batches, momentum))
    scale = (high - low) / 255
    return (torch.round(x / scale) - round(-low / scale)).clamp(0, 255).to(torch.uint8)


def rounded_together(batches, momentum, x):
    low, high = _with_zero(*_averaged(batches, momentum))
    return torch.round((x - low) / ((high - low) / 255)).clamp(0, 255).to(torch.uint8)


def zero_point_not_rounded(batches, momentum, x):
    low, high = _with_zero(*_averaged(batches, momentum))
    scale = (high - low) / 255
    return (torch.round(x / scale) - low / scale).clamp(0, 255).to(torch.uint8)


def not_rounded(batches, momentum, x):
    low, high = _with_zero(*_averaged(batches, momentum))
    scale = (high - low) / 255
    return (x / scale + round(-low / scale)).clamp(0, 255).to(torch.uint8)


def divided_by_256(batches, momentum, x):
    low, high = _with_zero(*_averaged(batches, momentum))
    scale = (high - low) / 256
    return (torch.round(x / scale) + round(-low / scale)).clamp(0, 255).to(torch.uint8)


def _cases():
    def normal(seed, *shape):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(shape, generator=generator), torch.randn(shape[1:], generator=generator)

    def rows(*values):
        return torch.tensor(values)

    one, two = [0.0, 2.0, 5.0], [0.0, 3.0, 10.0]
    batches, x = normal(1, 6, 3, 4)
    many, new = normal(2, 40, 8)
    return (
        Case((rows(one), 0.5, rows(1.0, 2.4, 4.0)), "one batch"),
        Case((rows(one, two), 0.2, rows(1.1, 4.1, 4.9)), "the second batch reaches twice as far"),
        Case((rows(two, [0.0, 0.5, 1.0], [0.0, 2.0, 0.5]), 0.1, rows(1.0, 3.2, 6.3)), "three batches"),
        Case((rows(one, [-6.0, 3.0, 1.0]), 0.4, rows(-1.0, 0.0, 4.0)), "values below 0"),
        Case((rows(one), 0.5, rows(-3.0, 2.0, 9.0)), "new data beyond the range"),
        Case((rows([2.0, 5.0], [3.0, 6.0]), 0.5, rows(2.0, 3.1, 0.0)), "batches that are all positive"),
        Case((rows([-4.0, -1.0], [-3.0, -2.0]), 0.5, rows(-2.1, 0.0)), "all negative"),
        Case((rows([1.0, 4.0], [-2.0, 4.0]), 0.5, rows(-0.4, 1.0)), "one batch above 0, one on both sides"),
        Case((batches, 0.1, x), "random"),
        Case((many, 0.01, 3 * new), "random, many batches, a larger x"),
    )


_SATURATE = "With a fixed range, values beyond it take the code at its end."

STATIC_CODES = Exercise(
    id="08_static_codes",
    title="Codes in a range seen before",
    points=3,
    prompt=(
        "batches[0] is the first batch, batches[1] the second, and so on. The first gives low and high, its "
        "smallest and largest value; each further one moves them by momentum times the difference. Then let the "
        "range contain 0, and return the uint8 codes of x in it (affine: scale (high - low) / 255, zero point "
        "round(-low / scale)). No range is empty, and no value lies on a tie."
    ),
    reference=static_codes,
    cases=_cases(),
    compare=exact_tensor,
    hints=(
        "x may tell nothing about the range: it stands for data that come later. What are low and high after the "
        "first batch, and after the second?",
        "low = low + momentum * (batch.min() - low), from the second batch on; high alike. After the last batch, "
        "low is at most 0 and high at least 0.",
        "scale = (high - low) / 255, zero_point = torch.round(-low / scale), codes = torch.round(x / scale) + "
        "zero_point. Clamp to 0 and 255 before .to(torch.uint8).",
    ),
    wrong_answers=(
        WrongAnswer(
            "started_at_zero",
            started_at_zero,
            "The average starts at 0, so after a few batches the range is still far too narrow: with momentum "
            "0.01 it needs hundreds. Start with the first batch's own ends.",
        ),
        WrongAnswer(
            "momentum_swapped",
            momentum_swapped,
            "The old value is weighted with momentum and the new batch with 1 - momentum. Here momentum is the "
            "weight of the new batch.",
        ),
        WrongAnswer(
            "ends_of_all",
            ends_of_all,
            "This is the range of all batches, as a min-max observer gives it. One outlier moves it for good; the "
            "average is asked for.",
        ),
        WrongAnswer("plain_mean", plain_mean, "All batches count the same here. Each one counts by momentum."),
        WrongAnswer(
            "last_batch", last_batch, "Only the last batch counts here. It moves low and high by momentum."
        ),
        WrongAnswer(
            "own_range",
            own_range,
            "The range is that of x itself: that is dynamic quantization. A static range is chosen before x is "
            "there, from the batches alone.",
        ),
        WrongAnswer(
            "x_observed_too",
            x_observed_too,
            "x is observed as well. It stands for data that come later, such as the test set: what is measured on "
            "data that were used for calibration looks better than it is.",
        ),
        WrongAnswer(
            "zero_left_out",
            zero_left_out,
            "The range does not contain 0, so 0 has no code, and neither has much else: the zero point lies "
            "outside of 0 to 255. Widen the range to 0 first.",
        ),
        WrongAnswer(
            "zero_point_clamped",
            zero_point_clamped,
            "The zero point is clamped to 0 to 255, but the scale is that of a range without 0: most values fall "
            "off its end. Widen the range to 0 before you compute the scale.",
        ),
        WrongAnswer(
            "widened_before_averaging",
            widened_before_averaging,
            "Each batch is widened to contain 0 before it is averaged. Average the ends as they are, and widen the "
            "range once, at the end.",
        ),
        WrongAnswer(
            "not_clamped",
            not_clamped,
            f"Codes beyond 0 to 255 wrap around when they become uint8. {_SATURATE} Clamp before the conversion.",
        ),
        WrongAnswer(
            "zero_point_forgotten",
            zero_point_forgotten,
            "The zero point is missing, so all values below 0 become code 0.",
        ),
        WrongAnswer(
            "zero_point_subtracted",
            zero_point_subtracted,
            "The zero point is subtracted. It is the code of 0: added on the way to codes, subtracted on the way "
            "back.",
        ),
        WrongAnswer(
            "rounded_together",
            rounded_together,
            "(x - low) / scale is rounded in one piece, so 0 may fall between two codes, and some codes are one "
            "off. Round -low / scale first: that is the zero point. Then add it to the rounded x / scale.",
        ),
        WrongAnswer(
            "zero_point_not_rounded",
            zero_point_not_rounded,
            "The zero point is not rounded. It is the code of 0, so it is a whole number.",
        ),
        WrongAnswer("not_rounded", not_rounded, "The conversion to uint8 cuts the fraction off. Round first."),
        WrongAnswer(
            "divided_by_256",
            divided_by_256,
            "256 codes have 255 steps between them. Divide by 255.",
        ),
    ),
    alternatives=(with_floats, with_the_library),
)
