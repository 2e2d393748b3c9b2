"""02_footprint: the bytes of a model's tensors, all of them, each once."""

import torch
from torch import nn

from qlab.downcasting import memory_footprint
from qlab.exercises.comparing import whole_number
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def footprint(model):
    """The bytes of a model's parameters and buffers."""
    # BEGIN SOLUTION
    total = 0
    for tensors in (model.parameters(), model.buffers()):
        for t in tensors:
            total += t.numel() * t.element_size()
    return total
    # END SOLUTION


def by_address(model):
    tensors = [*model.parameters(), *model.buffers()]
    return sum({t.data_ptr(): t.nbytes for t in tensors}.values())


def parameters_only(model):
    return sum(p.numel() * p.element_size() for p in model.parameters())


def trainable_only(model):
    return sum(p.nbytes for p in model.parameters() if p.requires_grad) + sum(b.nbytes for b in model.buffers())


def float_buffers_only(model):
    tensors = [*model.parameters(), *model.buffers()]
    return sum(t.nbytes for t in tensors if t.is_floating_point())


def elements_counted(model):
    return sum(t.numel() for t in [*model.parameters(), *model.buffers()])


def four_bytes_each(model):
    return 4 * sum(t.numel() for t in [*model.parameters(), *model.buffers()])


def one_size_for_all(model):
    size = next(model.parameters()).element_size()
    return size * sum(t.numel() for t in [*model.parameters(), *model.buffers()])


def state_dict_summed(model):
    return sum(t.numel() * t.element_size() for t in model.state_dict().values())


def duplicates_kept(model):
    named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return sum(t.nbytes for _, t in named)


class Tied(nn.Module):
    """An embedding whose weight is the output layer's too, as in many language models."""

    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(10, 4), nn.Linear(4, 10, bias=False)
        self.out.weight = self.embed.weight


class Int8Linear(nn.Module):
    """Integer codes are no parameters: they stand in a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("codes", torch.zeros(4, 8, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(4, dtype=torch.float16))
        self.bias = nn.Parameter(torch.zeros(4, dtype=torch.float16))


class Masked(nn.Module):
    """A mask that takes memory, but is not saved with the model."""

    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(4, 4)
        self.register_buffer("mask", torch.ones(16, 16, dtype=torch.bool), persistent=False)


def _cases():
    with torch.random.fork_rng(devices=[]):  # making layers draws random numbers
        shared = nn.Linear(5, 5)
        return (
            Case((nn.Linear(3, 2),), "8 numbers in float32"),
            Case((nn.Linear(3, 2).half(),), "the same in float16"),
            Case((nn.BatchNorm1d(4),), "parameters and buffers"),
            Case((nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4)).bfloat16(),), "a counter stays int64"),
            Case((nn.Sequential(nn.Linear(4, 4).half(), nn.LayerNorm(4)),), "two float types"),
            Case((Int8Linear(),), "codes in a buffer"),
            Case((Tied(),), "one weight in two places"),
            Case((nn.Sequential(shared, nn.ReLU(), shared),), "one layer in two places"),
            Case((Masked(),), "a buffer that is not saved"),
            Case((nn.Linear(100, 10).double(),), "float64"),
            Case((nn.Linear(6, 3).requires_grad_(False),), "frozen"),
            Case((nn.ReLU(),), "no tensors"),
        )


FOOTPRINT = Exercise(
    id="02_footprint",
    title="A model's bytes",
    points=2,
    prompt=(
        "Return how many bytes the parameters and buffers of model take in memory, trained or not. A tensor that "
        "several layers share takes its bytes once."
    ),
    reference=footprint,
    cases=_cases(),
    compare=whole_number,
    hints=(
        "What does a batch norm hold beside its weight and bias? Print list(model.named_buffers()).",
        "Not all tensors of a model have one type: t.element_size() says how many bytes an element of t takes.",
        "Add t.numel() * t.element_size() over model.parameters() and then over model.buffers().",
    ),
    wrong_answers=(
        WrongAnswer(
            "parameters_only",
            parameters_only,
            "The buffers are missing: running means and variances, masks, and in a quantized model the codes "
            "themselves. They are in model.buffers().",
        ),
        WrongAnswer(
            "trainable_only",
            trainable_only,
            "Frozen parameters, those with requires_grad=False, take their bytes as well. Count every parameter.",
        ),
        WrongAnswer(
            "float_buffers_only",
            float_buffers_only,
            "Integers take bytes too: batch norm's counter is an int64 of 8, a mask and the codes of a quantized "
            "model are integers. Count every buffer.",
        ),
        WrongAnswer(
            "elements_counted",
            elements_counted,
            "This counts numbers, not bytes. Each takes 8, 4, 2 or 1 bytes: multiply by t.element_size().",
        ),
        WrongAnswer(
            "four_bytes_each",
            four_bytes_each,
            "Four bytes a number holds for float32 alone. After model.half() it is two, a counter has eight: "
            "t.element_size() tells.",
        ),
        WrongAnswer(
            "one_size_for_all",
            one_size_for_all,
            "The size of the first parameter's elements is taken for all tensors. A model has several types: "
            "batch norm's counter stays int64 whatever the rest is. Ask each tensor.",
        ),
        WrongAnswer(
            "state_dict_summed",
            state_dict_summed,
            "A state dict is what is saved, not what lies in memory: it names a shared tensor twice and leaves out "
            "buffers that are not saved. Take model.parameters() and model.buffers().",
        ),
        WrongAnswer(
            "duplicates_kept",
            duplicates_kept,
            "A tensor that two layers share lies in memory once, but is counted twice here. model.parameters() and "
            "model.buffers() name each tensor once.",
        ),
    ),
    alternatives=(by_address, memory_footprint),
)
