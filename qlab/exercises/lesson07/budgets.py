"""07_keep_in_float: which layers to keep in float when there are bytes left; taking the worst first is not best."""

from itertools import combinations

from qlab.exercises.comparing import kind
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show


def keep_in_float(damage, extra_bytes, budget):
    """The names of the layers to keep in float: as much damage avoided as fits."""
    # BEGIN SOLUTION
    best, avoided = [], 0
    for count in range(1, len(damage) + 1):
        for names in combinations(damage, count):
            total = sum(damage[name] for name in names)
            if sum(extra_bytes[name] for name in names) <= budget and total > avoided:
                best, avoided = list(names), total
    return best
    # END SOLUTION


def _compare(expected, got, case):
    """The same names, in any order; each case has one best choice."""
    damage, extra_bytes, budget = case.args
    if not isinstance(got, (list, tuple, set)):
        return f"Expected a list of names, got {kind(got)}."
    strangers = [name for name in got if not isinstance(name, str) or name not in damage]
    if strangers:
        return f"{show(strangers[0])} is none of the layers."
    if len(set(got)) < len(got):
        return "A layer is listed twice."
    spent = sum(extra_bytes[name] for name in got)
    if set(got) == set(expected):
        return None
    if spent > budget:
        return f"These cost {spent:,} bytes more, and the budget is {budget:,}."
    avoided, best = (sum(damage[name] for name in names) for names in (got, expected))
    return f"These avoid {avoided} of damage; {best} is possible in {budget:,} bytes."


def table_of_totals(damage, extra_bytes, budget):
    best = {0: (0, [])}  # bytes spent: (damage avoided, names)
    for name in damage:
        for spent, (avoided, names) in list(best.items()):
            total = spent + extra_bytes[name]
            if total <= budget and best.get(total, (-1, []))[0] < avoided + damage[name]:
                best[total] = avoided + damage[name], [*names, name]
    return max(best.values(), key=lambda found: found[0])[1]


def _greedy(damage, extra_bytes, budget, key, stop=False):
    """Take layers in the order of a key as long as they fit; after one that does not, go on or stop."""
    kept, left = [], budget
    for name in sorted(damage, key=key):
        if extra_bytes[name] <= left:
            kept.append(name)
            left -= extra_bytes[name]
        elif stop:
            break
    return kept


def worst_first(damage, extra_bytes, budget):
    return _greedy(damage, extra_bytes, budget, lambda name: -damage[name])


def worst_first_until_full(damage, extra_bytes, budget):
    return _greedy(damage, extra_bytes, budget, lambda name: -damage[name], stop=True)


def best_per_byte(damage, extra_bytes, budget):
    return _greedy(damage, extra_bytes, budget, lambda name: -damage[name] / extra_bytes[name])


def cheapest_first(damage, extra_bytes, budget):
    return _greedy(damage, extra_bytes, budget, lambda name: extra_bytes[name])


def strictly_below(damage, extra_bytes, budget):
    return keep_in_float(damage, extra_bytes, budget - 1)


def everything(damage, extra_bytes, budget):
    return list(damage)


def the_others(damage, extra_bytes, budget):
    kept = keep_in_float(damage, extra_bytes, budget)
    return [name for name in damage if name not in kept]


_WORST = (
    "This takes the most damaging layer that still fits, over and over. One large layer can use up bytes in which "
    "two smaller ones would avoid more. Compare whole choices."
)
_RATIO = (
    "This takes the layer that avoids most per byte, over and over. What is left may then fit nothing, where "
    "another choice uses all of it. Compare whole choices."
)
_CHEAPEST = "This takes the cheapest layers first, whatever they avoid. Compare what whole choices avoid."


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


def _case(budget, note, **layers):
    """A case from name=(damage, extra bytes)."""
    damage, extra = ({name: both[i] for name, both in layers.items()} for i in (0, 1))
    return Case((damage, extra, budget), note)


KEEP_IN_FLOAT = Exercise(
    id="07_keep_in_float",
    title="What to keep in float",
    points=2,
    prompt=(
        "damage[name] says how much quantizing a layer hurts, extra_bytes[name] what keeping it in float costs. "
        "Return a list of names to keep: at most budget bytes in all, and as much damage avoided as possible."
    ),
    reference=keep_in_float,
    cases=(
        _case(10, "one of two fits", a=(3, 8), b=(5, 9)),
        _case(10, "one large against two small", large=(9, 10), q=(6, 5), k=(5, 5)),
        _case(10, "the best per byte leaves a gap", tiny=(4, 3), large=(10, 10)),
        _case(8, "exactly the budget", fc1=(6, 4), fc2=(5, 4), head=(1, 1)),
        _case(7, "cheap, but it avoids little", x=(1, 2), y=(1, 3), z=(9, 7)),
        _case(0, "nothing to spend", a=(3, 8)),
        _case(100, "everything fits", a=(3, 8), b=(2, 9)),
        _case(
            300_000,
            "bytes as in the detector",
            q=(40, 49_000),
            out=(35, 49_000),
            fc1=(90, 195_000),
            fc2=(120, 196_000),
            class_head=(60, 4_200),
            box_head=(20, 1_500),
        ),
    ),
    compare=_compare,
    hints=(
        "Is taking the most damaging layer first always best? Try one large layer against two smaller ones.",
        "There are few layers: try every choice. combinations(damage, count) has all choices of one size.",
        "Loop over count from 1 to len(damage) and over combinations(damage, count); among those whose extra_bytes "
        "add up to at most budget, remember the one with the largest sum of damage.",
    ),
    wrong_answers=(
        _wrong(worst_first, _WORST),
        _wrong(worst_first_until_full, _WORST),
        _wrong(best_per_byte, _RATIO),
        _wrong(cheapest_first, _CHEAPEST),
        _wrong(strictly_below, "A choice that costs exactly the budget is allowed: <=, not <."),
        _wrong(everything, "This keeps all layers, whatever they cost."),
        _wrong(the_others, "These are the layers to quantize. Return those to keep in float."),
    ),
    alternatives=(table_of_totals,),
)
