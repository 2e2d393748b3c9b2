"""07_layer_bytes: what a packed layer takes, with scales and bias, row by row."""

from qlab.exercises.comparing import whole_number
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def layer_bytes(rows, columns, bits, group_size, bias):
    """Bytes of a layer: packed codes, float16 scales, and a float16 bias if any."""
    # BEGIN SOLUTION
    codes = rows * -(-columns * bits // 8)  # each row is rounded up to whole bytes
    scales = rows * -(-columns // group_size)
    return codes + 2 * scales + (2 * rows if bias else 0)
    # END SOLUTION


def counted(rows, columns, bits, group_size, bias):
    total = 0
    for _ in range(rows):
        total += (columns * bits + 7) // 8
        total += 2 * len(range(0, columns, group_size)) + 2 * bool(bias)
    return total


def codes_unpacked(rows, columns, bits, group_size, bias):
    return rows * columns + 2 * rows * -(-columns // group_size) + (2 * rows if bias else 0)


def in_bits(rows, columns, bits, group_size, bias):
    return rows * columns * bits + 16 * rows * -(-columns // group_size) + (16 * rows if bias else 0)


def packed_across_rows(rows, columns, bits, group_size, bias):
    return -(-rows * columns * bits // 8) + 2 * rows * -(-columns // group_size) + (2 * rows if bias else 0)


def rounded_down(rows, columns, bits, group_size, bias):
    return rows * (columns * bits // 8) + 2 * rows * -(-columns // group_size) + (2 * rows if bias else 0)


def last_group_lost(rows, columns, bits, group_size, bias):
    return rows * -(-columns * bits // 8) + 2 * rows * (columns // group_size) + (2 * rows if bias else 0)


def groups_across_rows(rows, columns, bits, group_size, bias):
    return rows * -(-columns * bits // 8) + 2 * -(-rows * columns // group_size) + (2 * rows if bias else 0)


def whole_codes_a_byte(rows, columns, bits, group_size, bias):
    codes = rows * -(-columns // (8 // bits))
    return codes + 2 * rows * -(-columns // group_size) + (2 * rows if bias else 0)


def all_rounded_down(rows, columns, bits, group_size, bias):
    return rows * columns * bits // 8 + 2 * rows * (columns // group_size) + (2 * rows if bias else 0)


def scales_of_one_row(rows, columns, bits, group_size, bias):
    return rows * -(-columns * bits // 8) + 2 * -(-columns // group_size) + (2 * rows if bias else 0)


def one_bias(rows, columns, bits, group_size, bias):
    return rows * -(-columns * bits // 8) + 2 * rows * -(-columns // group_size) + (2 if bias else 0)


def scales_forgotten(rows, columns, bits, group_size, bias):
    return rows * -(-columns * bits // 8) + (2 * rows if bias else 0)


def one_scale_a_row(rows, columns, bits, group_size, bias):
    return rows * -(-columns * bits // 8) + 2 * rows + (2 * rows if bias else 0)


def bias_forgotten(rows, columns, bits, group_size, bias):
    return rows * -(-columns * bits // 8) + 2 * rows * -(-columns // group_size)


def bias_always(rows, columns, bits, group_size, bias):
    return rows * -(-columns * bits // 8) + 2 * rows * -(-columns // group_size) + 2 * rows


def bias_for_each_input(rows, columns, bits, group_size, bias):
    return rows * -(-columns * bits // 8) + 2 * rows * -(-columns // group_size) + (2 * columns if bias else 0)


def floats_of_four_bytes(rows, columns, bits, group_size, bias):
    return rows * -(-columns * bits // 8) + 4 * rows * -(-columns // group_size) + (4 * rows if bias else 0)


def bias_quantized(rows, columns, bits, group_size, bias):
    biases = -(-rows * bits // 8) if bias else 0
    return rows * -(-columns * bits // 8) + 2 * rows * -(-columns // group_size) + biases


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


LAYER_BYTES = Exercise(
    id="07_layer_bytes",
    title="The bytes of a packed layer",
    points=2,
    prompt=(
        "Return the bytes of a layer of rows x columns weights: codes of `bits` bits, packed, each row in whole "
        "bytes; a float16 scale for each group of group_size in a row; a float16 bias for each row if bias is True."
    ),
    reference=layer_bytes,
    cases=(
        Case((2, 8, 4, 8, False), "two rows of 4 bytes"),
        Case((2, 8, 4, 4, True), "two groups a row"),
        Case((3, 5, 4, 5, False), "5 codes of 4 bits: 2.5 bytes"),
        Case((3, 10, 3, 4, True), "groups of 4, 4 and 2"),
        Case((128, 512, 4, 32, True), "fc2 of the detector"),
        Case((512, 128, 8, 128, True), "8 bits: a code is a byte"),
        Case((5, 7, 2, 16, False), "one group, larger than the row"),
        Case((1, 1, 1, 1, True), "one weight of one bit"),
    ),
    compare=whole_number,
    hints=(
        "Count three things: codes, scales, biases. Which of them come in whole bytes, and for each what?",
        "A row has columns * bits bits, rounded up to bytes, and columns / group_size scales, rounded up. "
        "-(-a // b) rounds up.",
        "rows * -(-columns * bits // 8) for the codes, 2 * rows * -(-columns // group_size) for the scales, and "
        "2 * rows for the biases if there are any.",
    ),
    wrong_answers=(
        _wrong(codes_unpacked, "This is a byte for each code. Packed codes of 4 bits come two to a byte."),
        _wrong(in_bits, "These are bits. Eight of them are a byte."),
        _wrong(
            packed_across_rows,
            "The codes are packed across the ends of rows. Each row starts in a byte of its own, so that rows can "
            "be read one by one: round up for each row.",
        ),
        _wrong(rounded_down, "A row that does not fill its last byte still needs that byte: round up."),
        _wrong(all_rounded_down, "`//` rounds down: half a byte and the shorter last group are lost. Round up."),
        _wrong(
            whole_codes_a_byte,
            "This puts 8 // bits whole codes into a byte. Packed codes of 3 bits run on across bytes: a row has "
            "columns * bits bits.",
        ),
        _wrong(last_group_lost, "The shorter group at the end of a row has a scale too: round up."),
        _wrong(groups_across_rows, "The groups run across the ends of rows. Count them for each row, rounded up."),
        _wrong(scales_forgotten, "The scales are missing: two bytes for each group."),
        _wrong(scales_of_one_row, "These are the scales of one row. Every row has groups of its own."),
        _wrong(one_scale_a_row, "This is one scale a row. There is one for each group."),
        _wrong(bias_forgotten, "The bias is missing: two bytes for each row, where there is one."),
        _wrong(one_bias, "This is one bias for the whole layer. Each row has one."),
        _wrong(bias_always, "Not every layer has a bias: add it only where bias is True."),
        _wrong(bias_for_each_input, "A bias belongs to an output, that is to a row, not to a column."),
        _wrong(floats_of_four_bytes, "A float16 takes two bytes, this counts four."),
        _wrong(bias_quantized, "The bias was counted in the bits of a code. It stays a float16."),
    ),
    alternatives=(counted,),
)
