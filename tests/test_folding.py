"""Batch norm folded into the layer before it: the same function, as torch folds it, and where it stays."""

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

import qlab as ql
from qlab import zoo

PAIRS = {
    "conv": lambda bias, affine: (nn.Conv2d(3, 8, 3, stride=2, bias=bias), nn.BatchNorm2d(8, affine=affine)),
    "grouped": lambda bias, affine: (nn.Conv2d(4, 8, 3, groups=2, bias=bias), nn.BatchNorm2d(8, affine=affine)),
    "linear": lambda bias, affine: (nn.Linear(5, 8, bias=bias), nn.BatchNorm1d(8, affine=affine)),
}


def trained(norm, seed=0):
    """Statistics, gain and shift as after training, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*norm.named_parameters(), *norm.named_buffers()]:
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.data.copy_(noise + 0.1 if name == "running_var" else noise * 4 - 2)
    return norm.eval()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("pair", PAIRS)
def test_one_layer_computes_what_two_did(pair, bias, affine):
    torch.manual_seed(1)
    layer, norm = PAIRS[pair](bias, affine)
    trained(norm)
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    folded = ql.fold_batch_norm(layer, norm)
    x = torch.randn(4, 5) if pair == "linear" else torch.randn(2, layer.in_channels, 9, 9)
    torch.testing.assert_close(folded(x), norm(layer(x)), atol=2e-5, rtol=1e-5)
    if affine:  # torch's folding wants gain and shift
        theirs = (fuse_linear_bn_eval if pair == "linear" else fuse_conv_bn_eval)(layer.eval(), norm)
        torch.testing.assert_close(folded.weight, theirs.weight)
        torch.testing.assert_close(folded.bias, theirs.bias)
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


def test_what_cannot_be_folded():
    conv = nn.Conv2d(3, 8, 3)
    with pytest.raises(TypeError, match="a Linear a BatchNorm1d, got Conv2d and BatchNorm1d"):
        ql.fold_batch_norm(conv, nn.BatchNorm1d(8))
    with pytest.raises(ValueError, match="8 output channels and the norm 4"):
        ql.fold_batch_norm(conv, nn.BatchNorm2d(4))
    with pytest.raises(ValueError, match="no running statistics"):
        ql.fold_batch_norm(conv, nn.BatchNorm2d(8, track_running_stats=False))


class Mixed(nn.Module):
    """Norms that can be folded, and norms that cannot: on the input, on a result used twice, on a shared layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.BatchNorm2d(3)
        self.a, self.a_norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.b, self.b_norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.c, self.c_norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x):
        x = self.a_norm(self.a(self.first(x))).relu()
        y = self.b(x)
        x = self.b_norm(y) + y
        return self.c_norm(self.c(self.c(x)))


def test_norms_are_folded_where_they_can_be():
    torch.manual_seed(0)
    model = Mixed()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            trained(module)
    folded = ql.fold_batch_norms(model)
    norms = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms == ["first", "b_norm", "c_norm"]
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(folded(x), model.eval()(x), atol=1e-4, rtol=1e-5)
    assert hasattr(model, "a_norm") and not folded.training


def test_the_digits_model_loses_its_norms_and_nothing_else():
    model = zoo.load("digits_cnn")
    folded = ql.fold_batch_norms(model)
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    images, _ = zoo.digits("test")
    torch.testing.assert_close(folded(images), model(images), atol=1e-4, rtol=1e-5)
