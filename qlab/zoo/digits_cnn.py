"""The network that most lessons quantize: two convolutions with batch norm, then two linear layers.

Small enough to train in seconds, large enough to have what quantization meets in practice: conv-BN-ReLU
blocks to fuse, a linear layer whose weight (64 x 128) fills a heatmap and splits into groups, and a short
last layer.
"""

from torch import Tensor, nn


class DigitsCNN(nn.Module):
    """8x8 images to ten class scores: (N, 1, 8, 8) -> (N, 10), 18,538 parameters.

    >>> import torch
    >>> DigitsCNN()(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, padding=1, bias=False)  # bn1 has the bias
        self.bn1 = nn.BatchNorm2d(32)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(32, 32, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(128, 64)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self.pool1(self.relu1(self.bn1(self.conv1(images))))  # (N, 32, 4, 4)
        x = self.pool2(self.relu2(self.bn2(self.conv2(x))))  # (N, 32, 2, 2)
        x = self.relu3(self.fc1(x.flatten(1)))  # (N, 64)
        return self.fc2(x)
