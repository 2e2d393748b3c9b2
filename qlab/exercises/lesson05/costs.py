"""05_bits_per_weight: what a weight costs when its scale is counted too."""

from qlab.exercises.comparing import as_number, within_ulps
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show


def bits_per_weight(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    """Bits stored for each weight of a matrix in groups along its rows, all counted."""
    # BEGIN SOLUTION
    groups_in_a_row = -(-columns // group_size)  # rounded up
    groups = rows * groups_in_a_row
    total = rows * columns * bits + groups * (scale_bits + zero_point_bits)
    return total / (rows * columns)
    # END SOLUTION


def _compare_bits(expected, got, case):
    number = as_number(got)
    if number is None:
        return "Expected one number: bits per weight."
    return None if within_ulps(expected, number) else f"Expected {show(expected)}, got {show(number)}."


def by_the_row(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    groups = (columns + group_size - 1) // group_size
    return bits + groups * (scale_bits + zero_point_bits) / columns


def counted(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    starts = range(0, columns, group_size)
    return (columns * bits + sum(scale_bits + zero_point_bits for _ in starts)) / columns


def codes_only(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return bits


def scale_for_each_weight(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return bits + scale_bits + zero_point_bits


def scale_counted_once(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return bits + (scale_bits + zero_point_bits) / (rows * columns)


def row_added(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return bits + -(-columns // group_size) * (scale_bits + zero_point_bits)


def matrix_added(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return bits + rows * -(-columns // group_size) * (scale_bits + zero_point_bits)


def not_divided(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return rows * columns * bits + rows * -(-columns // group_size) * (scale_bits + zero_point_bits)


def zero_points_forgotten(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return bits + -(-columns // group_size) * scale_bits / columns


def rounded_down(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return bits + columns // group_size * (scale_bits + zero_point_bits) / columns


def rounded_down_no_zero_points(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return bits + columns // group_size * scale_bits / columns


def not_rounded(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return bits + (scale_bits + zero_point_bits) / group_size


def not_rounded_no_zero_points(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    return bits + scale_bits / group_size


def groups_across_rows(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    groups = -(-rows * columns // group_size)
    return bits + groups * (scale_bits + zero_point_bits) / (rows * columns)


def groups_across_rows_rounded_down(rows, columns, bits, group_size, scale_bits, zero_point_bits):
    groups = rows * columns // group_size
    return bits + groups * (scale_bits + zero_point_bits) / (rows * columns)


_ZERO_POINTS = "The zero points are missing. With affine quantization each group keeps a scale and a zero point."
_ROUNDED_DOWN = (
    "The number of groups is rounded down, so the shorter last group of a row has no scale. Round up, with "
    "-(-columns // group_size) or math.ceil."
)
_NOT_ROUNDED = (
    "This is right only where the group size divides the row. A shorter last group costs as much as a full one: "
    "count whole groups."
)
_ACROSS = (
    "The groups are counted over the whole matrix, as if they ran over the end of a row into the next. Each row is "
    "cut on its own: count the groups of a row, times the rows."
)

BITS_PER_WEIGHT = Exercise(
    id="05_bits_per_weight",
    title="What a weight really costs",
    points=2,
    prompt=(
        "Return the bits stored for each weight of a rows x columns matrix: its codes, and a scale and a zero "
        "point (0 bits if there is none) for each group of group_size elements of a row. The last group of a row "
        "may be shorter."
    ),
    reference=bits_per_weight,
    cases=(
        Case((4096, 4096, 4, 128, 16, 0), "int4, groups of 128"),
        Case((4096, 4096, 4, 32, 16, 0), "groups of 32"),
        Case((4096, 4096, 4, 32, 32, 0), "the scales in float32"),
        Case((4096, 4096, 4, 128, 16, 4), "a zero point for each group"),
        Case((64, 128, 8, 128, 16, 0), "a scale for each row"),
        Case((10, 100, 4, 64, 16, 0), "100 columns in groups of 64"),
        Case((3, 50, 2, 32, 16, 2), "50 columns in groups of 32, with zero points"),
        Case((7, 20, 3, 128, 32, 0), "a group longer than the row"),
        Case((1, 1, 4, 128, 16, 0), "one weight"),
        Case((5, 6, 8, 1, 16, 8), "groups of one"),
    ),
    compare=_compare_bits,
    hints=(
        "Count everything that is stored for one row: its codes, and what belongs to each of its groups.",
        "How many groups has a row of 100 elements when a group has 64? A shorter group needs its scale all the "
        "same.",
        "A row has -(-columns // group_size) groups, which is columns / group_size rounded up. Each costs "
        "scale_bits + zero_point_bits. Add rows * columns * bits, divide by rows * columns.",
    ),
    wrong_answers=(
        WrongAnswer(
            "codes_only",
            codes_only,
            "These are the bits of the codes alone. Without the scales nobody can turn them back into weights, so "
            "the scales count: a float16 for each 128 weights is 0.125 bits more.",
        ),
        WrongAnswer(
            "scale_for_each_weight",
            scale_for_each_weight,
            "This adds a whole scale to each weight. The weights of a group share theirs.",
        ),
        WrongAnswer(
            "scale_counted_once",
            scale_counted_once,
            "The scale is counted once for the whole matrix. Each group of each row has its own.",
        ),
        WrongAnswer(
            "not_divided",
            not_divided,
            "These are the bits of the whole matrix, counted right. Divide them by its rows * columns weights.",
        ),
        WrongAnswer(
            "row_added",
            row_added,
            "This adds the scales of a whole row to the bits of one weight. The weights of the row share them: "
            "divide by columns.",
        ),
        WrongAnswer(
            "matrix_added",
            matrix_added,
            "This adds the scales of the whole matrix to the bits of one weight. All weights share them: divide by "
            "rows * columns.",
        ),
        WrongAnswer("zero_points_forgotten", zero_points_forgotten, _ZERO_POINTS),
        WrongAnswer("rounded_down", rounded_down, _ROUNDED_DOWN),
        WrongAnswer("rounded_down_no_zero_points", rounded_down_no_zero_points, f"{_ZERO_POINTS} {_ROUNDED_DOWN}"),
        WrongAnswer("not_rounded", not_rounded, _NOT_ROUNDED),
        WrongAnswer("not_rounded_no_zero_points", not_rounded_no_zero_points, f"{_ZERO_POINTS} {_NOT_ROUNDED}"),
        WrongAnswer("groups_across_rows", groups_across_rows, _ACROSS),
        WrongAnswer("groups_across_rows_rounded_down", groups_across_rows_rounded_down, _ACROSS),
    ),
    alternatives=(by_the_row, counted),
)
