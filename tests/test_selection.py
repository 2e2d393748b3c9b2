"""What names and types select in a model with repeated and nested names."""

import pytest
from torch import nn

from qlab.selection import select_modules


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(2, 2)
        self.norm = nn.LayerNorm(2)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.blocks_out = nn.Linear(2, 2)
        self.head = nn.Sequential(nn.Linear(2, 2), nn.ReLU())


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((), []),
        ("blocks.0.proj", ["blocks.0.proj"]),
        ("proj", ["blocks.0.proj", "blocks.1.proj"]),
        ("blocks.1", ["blocks.1", "blocks.1.proj", "blocks.1.norm"]),
        ("head", ["head", "head.0", "head.1"]),
        (nn.LayerNorm, ["blocks.0.norm", "blocks.1.norm"]),
        (Block, ["blocks.0", "blocks.1"]),
        (["head.1", nn.LayerNorm], ["blocks.0.norm", "blocks.1.norm", "head.1"]),
        ("blocks_out", ["blocks_out"]),
    ],
    ids=str,
)
def test_rules(rules, expected):
    model = Model()
    selected = select_modules(model, rules)
    assert list(selected) == expected
    assert all(model.get_submodule(name) is module for name, module in selected.items())


def test_a_module_used_twice_is_selected_under_both_names():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model.add_module("again", model[0])
    assert list(select_modules(model, "again")) == ["again"]
    assert list(select_modules(model, nn.Linear)) == ["0", "again"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("hed", r"'hed' selects no module of Model; did you mean 'head'"),
        ("blocks.0.prjo", r"did you mean 'blocks\.0\.proj'"),
        ("bloc", "'blocks'"),
        (nn.Conv2d, "its modules are of types Block, LayerNorm, Linear, ModuleList, ReLU, Sequential"),
        ("", "''"),
    ],
    ids=str,
)
def test_a_rule_that_selects_nothing(rule, message):
    with pytest.raises(ValueError, match=message):
        select_modules(Model(), ["head", rule])


@pytest.mark.parametrize("rule", [0, None, nn.ReLU()], ids=str)
def test_rules_are_names_and_types(rule):
    with pytest.raises(TypeError, match="a module's name or type"):
        select_modules(Model(), [rule])
