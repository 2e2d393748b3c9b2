"""01_nearest_value: round to the values of a format, ties to the even code."""

from itertools import pairwise

import torch

from qlab.dtypes import values
from qlab.exercises.lesson01.floats import same_number
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def nearest_value(x, values):
    """The one of values nearest to x; of two equally near, the one at an even place."""
    # BEGIN SOLUTION
    distances = [abs(value - x) for value in values]
    nearest = [place for place, d in enumerate(distances) if d == min(distances)]
    even = [place for place in nearest if place % 2 == 0]
    return values[nearest[0] if len(nearest) == 1 else even[0]]
    # END SOLUTION


def sorted_by_both(x, values):
    places = range(len(values))
    return values[min(places, key=lambda place: (abs(values[place] - x), place % 2))]


def from_the_middle(x, values):
    for place, (low, high) in enumerate(pairwise(values)):
        middle = (low + high) / 2
        if x < middle or (x == middle and place % 2 == 0):
            return low
    return values[-1]


def on_a_tensor(x, values):
    table = torch.tensor(values)
    distances = (table - x).abs()
    candidates = (distances == distances.min()).nonzero().flatten()
    return table[candidates[candidates % 2 == 0] if len(candidates) > 1 else candidates].item()


def first_of_the_nearest(x, values):
    return min(values, key=lambda value: abs(value - x))


def half_up(x, values):
    return min(reversed(values), key=lambda value: abs(value - x))


def rounded_down(x, values):
    return max(value for value in values if value <= x)


def rounded_up(x, values):
    return min((value for value in values if value >= x), default=values[-1])


def odd_place(x, values):
    return values[min(range(len(values)), key=lambda place: (abs(values[place] - x), -(place % 2)))]


def even_number(x, values):
    return min(values, key=lambda value: (abs(value - x), value % 2))


def python_round(x, values):
    return round(x)


def place_returned(x, values):
    return values.index(nearest_value(x, values))


FP4 = values("float4_e2m1fn")[7:].tolist()
INTEGERS = [float(k) for k in range(8)]
FP6 = values("float6_e2m3fn")[31:].tolist()

NEAREST_VALUE = Exercise(
    id="01_nearest_value",
    title="Round to a format",
    points=2,
    prompt=(
        "values holds a format's values from 0 up, so that a value's place in the list is its code. Return the one "
        "nearest to x. If two are equally near, return the one whose code is even. x is not negative; beyond the "
        "last value, return the last."
    ),
    reference=nearest_value,
    cases=(
        Case((1.3, FP4), "float4: no tie"),
        Case((2.5, FP4), "float4: half-way between 2 and 3"),
        Case((5.0, FP4), "float4: half-way between 4 and 6"),
        Case((0.25, FP4), "float4: half-way between 0 and 0.5"),
        Case((0.75, FP4), "float4: half-way between 0.5 and 1"),
        Case((1.25, FP4), "float4: half-way between 1 and 1.5"),
        Case((1.75, FP4), "float4: half-way between 1.5 and 2"),
        Case((3.5, FP4), "float4: half-way between 3 and 4"),
        Case((2.500001, FP4), "a little more than half-way"),
        Case((100.0, FP4), "beyond the last value"),
        Case((6.5, INTEGERS), "whole numbers: half-way between 6 and 7"),
        Case((5.5, INTEGERS), "whole numbers: half-way between 5 and 6"),
        Case((0.5, INTEGERS), "whole numbers: half-way between 0 and 1"),
        Case((3.0, INTEGERS), "a value itself"),
        Case((0.0, FP6), "zero"),
        Case((2.125, FP6), "float6: half-way between 2 and 2.25"),
        Case((2.375, FP6), "float6: half-way between 2.25 and 2.5"),
        Case((0.9, FP6), "float6: no tie"),
    ),
    compare=same_number,
    hints=(
        "2.5 lies as near to 2 as to 3. Both are candidates; which one has an even place in the list?",
        "Find the smallest distance first, then all places that have it. There are one or two of them.",
        "min(range(len(values)), key=...) finds a place. Let the key be a pair: the distance, then place % 2.",
    ),
    wrong_answers=(
        WrongAnswer(
            "first_of_the_nearest",
            first_of_the_nearest,
            "Ties always go down: min returns the first of two equals. Half-way values must go to the even code, "
            "or their errors add up.",
        ),
        WrongAnswer(
            "half_up",
            half_up,
            "Ties always go up, as with floor(x + 0.5). Half-way values must go to the even code, half of them up "
            "and half of them down, or the average drifts.",
        ),
        WrongAnswer(
            "rounded_down",
            rounded_down,
            "This always rounds down, so the error can be a whole step. Take the nearest value.",
        ),
        WrongAnswer(
            "rounded_up",
            rounded_up,
            "This always rounds up, so the error can be a whole step. Take the nearest value.",
        ),
        WrongAnswer(
            "odd_place",
            odd_place,
            "Ties go to the odd code here. It is the code that ends in 0 that wins: places 0, 2, 4 and so on.",
        ),
        WrongAnswer(
            "even_number",
            even_number,
            "Ties go to the even number here. It is the code, the place in the list, that must be even: between 4 "
            "and 6 both numbers are even, and only 4 has an even code.",
        ),
        WrongAnswer(
            "python_round",
            python_round,
            "round gives whole numbers, of any size. A format's values are the ones in the list.",
        ),
        WrongAnswer(
            "place_returned",
            place_returned,
            "This is the code. Return the value that stands there: values[place].",
        ),
    ),
    alternatives=(sorted_by_both, from_the_middle, on_a_tensor),
)
