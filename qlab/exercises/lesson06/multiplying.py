"""06_integer_product: a matrix product of codes, their zero points removed. 8 bits and float32 are too narrow."""

import torch

from qlab.affine import QTensor
from qlab.exercises.comparing import exact_tensor
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.matmul import int_matmul
from qlab.qparams import QParams


def integer_product(x, w, x_zero, w_zero):
    """The int32 sums over k of (x[i, k] - x_zero) * (w[k, j] - w_zero)."""
    # BEGIN SOLUTION
    x, w = x.to(torch.int32), w.to(torch.int32)
    row_sums = x.sum(dim=1, keepdim=True, dtype=torch.int32)
    column_sums = w.sum(dim=0, keepdim=True, dtype=torch.int32)
    constant = x.shape[1] * x_zero * w_zero
    return x @ w - w_zero * row_sums - x_zero * column_sums + constant
    # END SOLUTION


def subtracted_first(x, w, x_zero, w_zero):
    return (x.int() - x_zero) @ (w.int() - w_zero)


def in_int64(x, w, x_zero, w_zero):
    return ((x.long() - x_zero) @ (w.long() - w_zero)).to(torch.int32)


def in_float64(x, w, x_zero, w_zero):
    return ((x.double() - x_zero) @ (w.double() - w_zero)).to(torch.int32)


def with_the_library(x, w, x_zero, w_zero):
    names = {torch.int8: "int8", torch.uint8: "uint8"}
    a, b = (QTensor(t, QParams(1.0, z, names[t.dtype])) for t, z in ((x, x_zero), (w, w_zero)))
    return int_matmul(a, b)


def _corrected(product, x, w, x_zero, w_zero):
    """The product of the codes less what the zero points added to it."""
    rows, columns = x.long().sum(1, keepdim=True), w.long().sum(0, keepdim=True)
    return (product.long() - w_zero * rows - x_zero * columns + x.shape[1] * x_zero * w_zero).to(torch.int32)


def summed_in_8_bits(x, w, x_zero, w_zero):
    return _corrected(x @ w, x, w, x_zero, w_zero)


def all_in_8_bits(x, w, x_zero, w_zero):
    return ((x - x_zero) @ (w - w_zero)).to(torch.int32)


def subtracted_in_8_bits(x, w, x_zero, w_zero):
    return (x - x_zero).to(torch.int32) @ (w - w_zero).to(torch.int32)


def summed_in_16_bits(x, w, x_zero, w_zero):
    return ((x.short() - x_zero) @ (w.short() - w_zero)).to(torch.int32)


def summed_in_float32(x, w, x_zero, w_zero):
    return ((x.float() - x_zero) @ (w.float() - w_zero)).to(torch.int32)


def zero_points_ignored(x, w, x_zero, w_zero):
    return x.int() @ w.int()


def sums_swapped(x, w, x_zero, w_zero):
    x, w = x.int(), w.int()
    rows, columns = x.sum(1, keepdim=True).int(), w.sum(0, keepdim=True).int()
    return x @ w - x_zero * rows - w_zero * columns + x.shape[1] * x_zero * w_zero


def zero_points_added(x, w, x_zero, w_zero):
    return (x.int() + x_zero) @ (w.int() + w_zero)


def axes_dropped(x, w, x_zero, w_zero):
    x, w = x.int(), w.int()
    return x @ w - (w_zero * x.sum(1) + x_zero * w.sum(0) - x.shape[1] * x_zero * w_zero).int()


def sums_in_8_bits(x, w, x_zero, w_zero):
    rows, columns = x.sum(1, keepdim=True, dtype=x.dtype), w.sum(0, keepdim=True, dtype=w.dtype)
    return x.int() @ w.int() - w_zero * rows.int() - x_zero * columns.int() + x.shape[1] * x_zero * w_zero


def constant_forgotten(x, w, x_zero, w_zero):
    return integer_product(x, w, x_zero, w_zero) - x.shape[1] * x_zero * w_zero


def constant_once(x, w, x_zero, w_zero):
    return integer_product(x, w, x_zero, w_zero) - (x.shape[1] - 1) * x_zero * w_zero


def constant_for_each_row(x, w, x_zero, w_zero):
    return integer_product(x, w, x_zero, w_zero) + (x.shape[0] - x.shape[1]) * x_zero * w_zero


def constant_subtracted(x, w, x_zero, w_zero):
    return integer_product(x, w, x_zero, w_zero) - 2 * x.shape[1] * x_zero * w_zero


def _cases():
    def codes(seed, shape, dtype):
        low, high = torch.iinfo(dtype).min, torch.iinfo(dtype).max
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(low, high + 1, shape, generator=generator).to(dtype)

    def int8(values):
        return torch.tensor(values, dtype=torch.int8)

    # In float32 these sums are rounded once, at the end, whatever the order they are added in.
    long, long_by_three = int8([[-128] * 1024 + [1]]), int8([[-128] * 1024 + [3]])
    ends = torch.tensor([[0, 255], [200, 128]], dtype=torch.uint8)
    return (
        Case((int8([[100]]), int8([[100]]), 0, 0), "one product, 10,000"),
        Case((int8([[1, 2], [3, 4]]), int8([[2, 0], [1, -1]]), 1, 0), "x has a zero point"),
        Case((int8([[1, 2], [3, 4]]), int8([[2, 0], [1, -1]]), 0, -1), "w has one"),
        Case((int8([[1, 2], [3, 4]]), int8([[2, 0], [1, -1]]), 3, 2), "both have one"),
        Case((int8([[-100, 100]]), int8([[90, -90], [-90, 90]]), 100, 90), "differences beyond int8"),
        Case((ends, int8([[1, -128], [127, -1]]), 128, 0), "unsigned x, both ends"),
        Case((codes(1, (3, 5), torch.int8), codes(2, (5, 4), torch.int8), 17, -9), "random"),
        Case((codes(3, (4, 64), torch.uint8), codes(4, (64, 3), torch.int8), 131, 0), "random, unsigned x"),
        Case((codes(5, (6, 3), torch.int8), codes(6, (3, 6), torch.int8), -128, 127), "zero points at the ends"),
        Case((codes(7, (3, 300), torch.uint8), codes(8, (300, 2), torch.uint8), 128, 100), "random, both unsigned"),
        Case((long, long.t(), 0, 0), "2**24 + 1"),
        Case((long, long_by_three.t(), 0, 0), "2**24 + 3"),
        Case((int8([[5, 5]]), int8([[7], [7]]), 5, 7), "all at the zero points"),
        Case((int8([[-128]]), int8([[-128]]), 127, 127), "one product, the largest"),
    )


_NARROW = (
    "The sum is kept in 8 bits, where it wraps around: 100 * 100 becomes 16. A product of two int8 tensors is an "
    "int8 tensor in torch. Make both operands int32 before the product."
)

INTEGER_PRODUCT = Exercise(
    id="06_integer_product",
    title="An integer matrix product",
    points=3,
    prompt=(
        "Return the int32 matrix of the sums over k of (x[i, k] - x_zero) * (w[k, j] - w_zero), where x (M, K) and "
        "w (K, N) are int8 or uint8 codes."
    ),
    reference=integer_product,
    cases=_cases(),
    compare=exact_tensor,
    hints=(
        "Which types can hold a product of two codes, and a sum of a thousand of them? Convert before you "
        "calculate: an int8 result cannot be mended afterwards.",
        "Either subtract the zero points first, in a type where 127 - (-128) fits, or multiply the codes as they "
        "are and take off what the zero points added, as in the lesson.",
        "With x and w in int32: x @ w - w_zero * row_sums - x_zero * column_sums + K * x_zero * w_zero, where "
        "row_sums = x.sum(dim=1, keepdim=True, dtype=torch.int32), and column_sums of w over dim 0.",
    ),
    wrong_answers=(
        WrongAnswer("summed_in_8_bits", summed_in_8_bits, _NARROW),
        WrongAnswer("all_in_8_bits", all_in_8_bits, _NARROW),
        WrongAnswer(
            "subtracted_in_8_bits",
            subtracted_in_8_bits,
            "The zero points are subtracted in 8 bits, where the difference wraps around: in int8, -100 - 100 is "
            "56, and in uint8, 0 - 128 is 128. Make the codes int32 first, then subtract.",
        ),
        WrongAnswer(
            "summed_in_16_bits",
            summed_in_16_bits,
            "int16 holds the differences, but not a sum of their products: it wraps around beyond 32,767, and two "
            "products of 128 * 128 make 32,768. Sum in int32.",
        ),
        WrongAnswer(
            "summed_in_float32",
            summed_in_float32,
            "The sum is kept in float32, which holds every whole number only up to 2**24 = 16,777,216. Long sums "
            "pass it and come out rounded. Sum in int32.",
        ),
        WrongAnswer(
            "zero_points_ignored",
            zero_points_ignored,
            "This is the product of the codes. A code stands for its distance from the zero point, so both zero "
            "points have to come off.",
        ),
        WrongAnswer(
            "zero_points_added",
            zero_points_added,
            "The zero points are added. A code stands for its distance from the zero point: subtract them.",
        ),
        WrongAnswer(
            "sums_swapped",
            sums_swapped,
            "The sums are swapped. Multiply out (x - x_zero) * (w - w_zero): the row sums of x meet w_zero, and "
            "the column sums of w meet x_zero.",
        ),
        WrongAnswer(
            "axes_dropped",
            axes_dropped,
            "A sum over an axis drops it, and the row sums are then spread over the columns. keepdim=True leaves "
            "them in a column, of shape (M, 1).",
        ),
        WrongAnswer(
            "sums_in_8_bits",
            sums_in_8_bits,
            "The product is right, but the row and column sums are added up in 8 bits, where they wrap around: "
            "dtype=torch.int32.",
        ),
        WrongAnswer(
            "constant_for_each_row",
            constant_for_each_row,
            "The last term takes K from the wrong axis. K is the number of products in a sum: x.shape[1], the "
            "columns of x, not its rows.",
        ),
        WrongAnswer(
            "constant_forgotten",
            constant_forgotten,
            "The last term is missing. Both corrections take away x_zero * w_zero in each of the K products, so it "
            "has to be added back once: + K * x_zero * w_zero.",
        ),
        WrongAnswer(
            "constant_once",
            constant_once,
            "x_zero * w_zero is added back once, but it was taken away once too often in each of the K products: "
            "add K * x_zero * w_zero.",
        ),
        WrongAnswer(
            "constant_subtracted",
            constant_subtracted,
            "The last term has the wrong sign: minus times minus is plus, so K * x_zero * w_zero is added.",
        ),
    ),
    alternatives=(subtracted_first, in_int64, in_float64, with_the_library),
)
