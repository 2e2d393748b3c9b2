"""10_leave_in_float: the worst layers first, as far as the bytes reach."""

from qlab.exercises.comparing import kind
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def leave_in_float(names, ratios, extra, budget):
    """The names of the layers to leave in float, in the order of being chosen."""
    # BEGIN SOLUTION
    chosen = []
    for _, name, nbytes in sorted(zip(ratios, names, extra, strict=True)):
        if nbytes <= budget:
            chosen.append(name)
            budget -= nbytes
    return chosen
    # END SOLUTION


def _compare(expected, got, case):
    if not isinstance(got, (list, tuple)):
        return f"Expected a list of names, got {kind(got)}."
    return None if list(got) == expected else f"Expected {expected}, got {list(got)}."


def by_index(names, ratios, extra, budget):
    chosen, spent = [], 0
    for i in sorted(range(len(names)), key=ratios.__getitem__):
        if spent + extra[i] <= budget:
            spent += extra[i]
            chosen += [names[i]]
    return chosen


def _greedy(names, order, extra, budget):
    chosen = []
    for i in order:
        if extra[i] <= budget:
            chosen.append(names[i])
            budget -= extra[i]
    return chosen


def _order(values):
    return sorted(range(len(values)), key=values.__getitem__)


def highest_first(names, ratios, extra, budget):
    return _greedy(names, reversed(_order(ratios)), extra, budget)


def without_signs(names, ratios, extra, budget):
    return _greedy(names, _order([abs(ratio) for ratio in ratios]), extra, budget)


def cheapest_first(names, ratios, extra, budget):
    return _greedy(names, _order(extra), extra, budget)


def in_the_models_order(names, ratios, extra, budget):
    return _greedy(names, range(len(names)), extra, budget)


def stops_at_the_first(names, ratios, extra, budget):
    chosen = []
    for i in _order(ratios):
        if extra[i] > budget:
            break
        chosen.append(names[i])
        budget -= extra[i]
    return chosen


def less_than(names, ratios, extra, budget):
    chosen = []
    for i in _order(ratios):
        if extra[i] < budget:
            chosen.append(names[i])
            budget -= extra[i]
    return chosen


def each_by_itself(names, ratios, extra, budget):
    return [names[i] for i in _order(ratios) if extra[i] <= budget]


def one_too_many(names, ratios, extra, budget):
    chosen = []
    for i in _order(ratios):
        if budget > 0:
            chosen.append(names[i])
            budget -= extra[i]
    return chosen


def budget_ignored(names, ratios, extra, budget):
    return [names[i] for i in _order(ratios)]


def lowest_alone(names, ratios, extra, budget):
    return leave_in_float(names, ratios, extra, budget)[:1]


def listed_in_the_models_order(names, ratios, extra, budget):
    chosen = leave_in_float(names, ratios, extra, budget)
    return [name for name in names if name in chosen]


def those_quantized(names, ratios, extra, budget):
    chosen = leave_in_float(names, ratios, extra, budget)
    return [name for name in names if name not in chosen]


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


CNN = ["conv1", "conv2", "fc1", "fc2"]

LEAVE_IN_FLOAT = Exercise(
    id="10_leave_in_float",
    title="As far as the bytes reach",
    points=3,
    prompt=(
        "Go through the layers from the lowest SQNR (ratios, in dB) up. A layer stays in float if its extra bytes "
        "fit into what is left of the budget; else pass it over and go on. Return the chosen names in that order."
    ),
    reference=leave_in_float,
    cases=(
        Case((["a", "b", "c"], [20.0, 5.0, 30.0], [10, 10, 10], 10), "room for one"),
        Case((["a", "b", "c"], [20.0, 5.0, 30.0], [10, 10, 10], 25), "room for two"),
        Case((["a", "b", "c", "d"], [12.0, -4.0, 1.0, 25.0], [8, 8, 8, 8], 16), "one is below 0 dB"),
        Case((["a", "b", "c"], [3.0, 6.0, 9.0], [50, 10, 20], 30), "the lowest does not fit"),
        Case((["a", "b", "c"], [9.0, 3.0, 6.0], [20, 40, 50], 60), "the second does not fit after the first"),
        Case((CNN, [4.0, 0.8, 10.9, 7.2], [920, 34_432, 30_464, 2_352], 4_000), "the digits CNN, 4 kB"),
        Case((CNN, [4.0, 0.8, 10.9, 7.2], [920, 34_432, 30_464, 2_352], 70_000), "room for all"),
        Case((["a", "b"], [1.0, 2.0], [5, 5], 0), "no room"),
    ),
    compare=_compare,
    hints=(
        "In which order do you go through the layers, and what do you remember on the way?",
        "Sort by SQNR, the lowest first. Take a layer if its bytes fit into the rest of the budget; subtract them.",
        "for ratio, name, nbytes in sorted(zip(ratios, names, extra)): if nbytes <= budget: append name, and "
        "budget -= nbytes.",
    ),
    wrong_answers=(
        _wrong(highest_first, "This begins with the highest SQNR, the layers that lose least. Low is bad."),
        _wrong(without_signs, "Below 0 dB there is more noise than signal: -4 dB is worse than 1 dB."),
        _wrong(cheapest_first, "This begins with the fewest bytes. The order is that of the SQNR."),
        _wrong(in_the_models_order, "The layers were taken in the model's order. Sort them by SQNR."),
        _wrong(
            stops_at_the_first,
            "This stops at a layer that does not fit, or spends its bytes. Pass it over: a smaller one may fit.",
        ),
        _wrong(less_than, "A layer that needs exactly what is left does fit: <=."),
        _wrong(each_by_itself, "Each layer is held against the whole budget. Subtract what the earlier ones took."),
        _wrong(one_too_many, "The last layer overdraws the budget: check before you take it."),
        _wrong(budget_ignored, "The budget has no effect here: these are all layers."),
        _wrong(lowest_alone, "Only one layer is returned. Go on while there are bytes left."),
        _wrong(listed_in_the_models_order, "The right layers, in the model's order. Return them as chosen."),
        _wrong(those_quantized, "These are the layers that are quantized. Return those that stay in float."),
    ),
    alternatives=(by_index,),
)
