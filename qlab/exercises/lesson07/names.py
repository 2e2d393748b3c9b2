"""07_replaced_names: what an exclusion excludes: a full name, the part before a dot, or the last component."""

from qlab.exercises.comparing import kind
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show


def replaced_names(names, exclude):
    """The names that no entry of exclude excludes, as a list in their order."""

    # BEGIN SOLUTION
    def excluded(name, entry):
        below = name.startswith(entry + ".")
        return name == entry or below or name.split(".")[-1] == entry

    return [n for n in names if not any(excluded(n, entry) for entry in exclude)]
    # END SOLUTION


def _compare(expected, got, case):
    if not isinstance(got, (list, tuple)):
        return f"Expected a list of names, got {kind(got)}."
    for name in expected:
        if name not in got:
            return f"{show(name)} should be replaced, and is not in the list."
    extra = [name for name in got if name not in expected]
    if extra:
        return f"{show(extra[0])} should not be in the list."
    return None if list(got) == expected else "The names should be in their order, each once."


def by_components(names, exclude):
    kept = []
    for name in names:
        parts = name.split(".")
        prefixes = {".".join(parts[:i]) for i in range(1, len(parts) + 1)} | {parts[-1]}
        if not prefixes & set(exclude):
            kept.append(name)
    return kept


def substring(names, exclude):
    return [n for n in names if not any(entry in n for entry in exclude)]


def any_ending(names, exclude):
    return [n for n in names if not any(n == e or n.startswith(e + ".") or n.endswith("." + e) for e in exclude)]


def prefix_without_dot(names, exclude):
    return [n for n in names if not any(n.startswith(e) or n.split(".")[-1] == e for e in exclude)]


def ending_without_dot(names, exclude):
    return [n for n in names if not any(n.startswith(e + ".") or n.endswith(e) for e in exclude)]


def prefix_and_ending_without_dot(names, exclude):
    return [n for n in names if not any(n.startswith(e) or n.endswith(e) for e in exclude)]


def full_names_only(names, exclude):
    return [n for n in names if n not in exclude]


def last_components_only(names, exclude):
    return [n for n in names if n.split(".")[-1] not in exclude]


def full_or_last(names, exclude):
    return [n for n in names if n not in exclude and n.split(".")[-1] not in exclude]


def full_or_below(names, exclude):
    return [n for n in names if not any(n == e or n.startswith(e + ".") for e in exclude)]


def any_component_only(names, exclude):
    return [n for n in names if not any(e in n.split(".") for e in exclude)]


def any_component(names, exclude):
    return [n for n in names if not any(n == e or n.startswith(e + ".") or e in n.split(".") for e in exclude)]


def the_excluded(names, exclude):
    return [n for n in names if n not in replaced_names(names, exclude)]


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


DETECTOR = tuple(f"blocks.{b}.{part}" for b in (0, 1) for part in ("attention.q", "attention.out", "fc1", "fc2"))
_NO_DOT = (
    "A name is cut at its dots. `startswith` and `endswith` without the dot also take longer words: 'head' must "
    "not exclude 'head2', nor 'box_head'."
)

REPLACED_NAMES = Exercise(
    id="07_replaced_names",
    title="What an exclusion excludes",
    points=3,
    prompt=(
        "names are dotted names of layers. An entry of exclude excludes the layer of that full name, all layers "
        "below that full name, and each layer whose last component it is. Return the other names, in order."
    ),
    reference=replaced_names,
    cases=(
        Case((["fc1", "fc2", "head"], ["head"]), "one full name"),
        Case((["head", "head2", "box_head"], ["head"]), "words that contain one another"),
        Case((["a.0.fc1", "a.0.fc2", "a.1.fc1", "a.1.fc2"], ["fc2"]), "a last component"),
        Case((["a.1.q", "a.1.k", "a.10.q", "b.1.q"], ["a.1"]), "all below a.1"),
        Case((["a.0.q", "a.1.q"], ["a.1.q"]), "a full name, dots and all"),
        Case((["layers.0.fc", "layers.1.fc", "box.0", "box.1"], ["0"]), "0 is a layer, and a part of a path"),
        Case((["0.fc1", "a.0.fc1", "a.0.fc2"], ["0.fc1"]), "a full name that is also the end of another"),
        Case(([*DETECTOR, "class_head", "box_head"], ["class_head", "box_head"]), "the detector"),
        Case(([*DETECTOR, "class_head"], ["blocks.1", "q"]), "two kinds of entries"),
        Case((["fc1", "fc2"], []), "nothing excluded"),
        Case((["fc1", "fc2"], ["fc1", "fc2"]), "all excluded"),
    ),
    compare=_compare,
    hints=(
        "Write down the three ways in which an entry can exclude a name. Which are about whole words between dots?",
        "Below 'a.1' lies what starts with 'a.1.', dot included. The last component is name.split('.')[-1].",
        "Keep n unless for some entry e: n == e, or n.startswith(e + '.'), or n.split('.')[-1] == e.",
    ),
    wrong_answers=(
        _wrong(
            substring,
            "`in` on strings finds the entry anywhere inside a word: 'head' is in 'head2', '0' in '10'. Compare "
            "whole components, cut at the dots.",
        ),
        _wrong(
            any_ending,
            "endswith('.' + entry) also takes entries of several components: '0.fc1' is no last component of "
            "'a.0.fc1'. Compare with the text after the last dot.",
        ),
        _wrong(prefix_without_dot, _NO_DOT),
        _wrong(ending_without_dot, _NO_DOT),
        _wrong(prefix_and_ending_without_dot, _NO_DOT),
        _wrong(full_names_only, "Only full names count here. An entry may also be a last component, or lie above."),
        _wrong(last_components_only, "Only last components count. An entry may also be a full name, or lie above."),
        _wrong(
            any_component_only,
            "Only single components are compared, and all of them. Of single ones only the last counts, and an "
            "entry may also be a full name, dots and all, or lie above.",
        ),
        _wrong(full_or_last, "Layers below an entry are not excluded: 'a.1' should exclude 'a.1.q'."),
        _wrong(full_or_below, "An entry may also be the last component alone: 'fc2' should exclude 'a.0.fc2'."),
        _wrong(
            any_component,
            "All components are searched, so '0' excludes 'layers.0.fc'. Only the last one counts.",
        ),
        _wrong(the_excluded, "These are the excluded ones. Return those that will be replaced."),
    ),
    alternatives=(by_components,),
)  # fmt: skip
