"""Which modules of a model a list of names and types means. Nothing here changes a model."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from torch import nn

Rule = str | type[nn.Module]


def select_modules(model: nn.Module, rules: Rule | Iterable[Rule]) -> dict[str, nn.Module]:
    """The modules below `model` that any of the rules names, by their dotted names, in the model's order.

    A rule is a name or a type. A name selects the module with that full name ("encoder.0.proj") and everything
    below it, and each module whose last component it is ("proj"). A type selects its instances, subclasses too.

    Raises ValueError for a rule that selects nothing, with the nearest names; TypeError for other rules.

    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))
    >>> list(select_modules(model, nn.Linear)), list(select_modules(model, ["1", nn.ReLU]))
    (['0', '1.1'], ['1', '1.0', '1.1'])
    """
    rules = [rules] if isinstance(rules, (str, type)) else list(rules)
    modules = {name: module for name, module in model.named_modules(remove_duplicate=False) if name}
    selected = set()
    for rule in rules:
        found = {name for name, module in modules.items() if _matches(rule, name, module)}
        if not found:
            raise ValueError(f"{rule!r} selects no module of {type(model).__name__}; {_hint(rule, modules)}")
        selected |= found
    return {name: module for name, module in modules.items() if name in selected}


def excluded_modules(
    model: nn.Module, kind: type[nn.Module] | tuple[type[nn.Module], ...], rules: Rule | Iterable[Rule]
) -> set[nn.Module]:
    """What the rules exclude from a change to the layers of a kind (a type, or several).

    A full name excludes that module with all below it. The last component of names excludes the layers that have it
    or, where no layer does, all below the modules that have it: "0" means layers called 0, not all that is in
    "blocks.0", but "attention" means all layers in every attention. A type excludes its instances with all below
    them. Raises what `select_modules` raises.

    >>> blocks = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)))
    >>> excluded_modules(nn.ModuleDict({"blocks": blocks}), nn.Linear, "0") == {blocks[0][0]}
    True
    """
    rules = [rules] if isinstance(rules, (str, type)) else rules
    return {module for rule in rules for module in _excluded(model, kind, rule)}


def _excluded(model: nn.Module, kind, rule: Rule) -> set[nn.Module]:
    selected = select_modules(model, rule)
    layers = {module for module in selected.values() if isinstance(module, kind)}
    if layers and isinstance(rule, str):
        return layers | {module for name, module in selected.items() if f"{name}.".startswith(f"{rule}.")}
    return {inner for module in selected.values() for inner in module.modules()}


def _matches(rule: Rule, name: str, module: nn.Module) -> bool:
    if isinstance(rule, type):
        return isinstance(module, rule)
    if not isinstance(rule, str):
        raise TypeError(f"a rule is a module's name or type, got {rule!r} ({type(rule).__name__})")
    return name == rule or name.startswith(f"{rule}.") or name.rpartition(".")[2] == rule


def _hint(rule: Rule, modules: dict[str, nn.Module]) -> str:
    if isinstance(rule, type):
        return f"its modules are of types {', '.join(sorted({type(m).__name__ for m in modules.values()}))}"
    known = dict.fromkeys([*modules, *(name.rpartition(".")[2] for name in modules)])
    near = get_close_matches(rule, known, n=3, cutoff=0.4) or list(known)[:5]
    return f"did you mean {' or '.join(map(repr, near))}?" if near else "it has none"
