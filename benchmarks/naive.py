"""Lessons 03 and 05 with `@interact`, seaborn and `plt.show()`, as most notebooks do it: the peer of `ui.py`.

The tensor, the panels and the plot of the explorers' default views, with fewer figures and without the table.
"""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from ipywidgets import interact

import qlab as ql

X = torch.tensor(
    [[1.21, -0.42, 0.07, 0.66], [-0.9, 0.33, 1.74, -0.15], [0, -0.58, 0.81, 2.1], [-0.27, 1.02, -1.13, 0.49]]
)


def heatmaps(axes, panels):
    """One annotated heatmap for each title."""
    for axis, (title, values) in zip(axes, panels.items(), strict=True):
        colors = "viridis" if title in ("codes", "scale") else "RdBu_r"
        sns.heatmap(values, annot=True, fmt=".3g", cmap=colors, ax=axis)
        axis.set_title(title)


def affine():
    """Lesson 03: four heatmaps over the staircase."""

    @interact(bits=(2, 8))
    def show(bits=8):
        qparams = ql.choose_qparams(X, f"int{bits}", "affine")
        qt = ql.quantize(X, qparams)
        restored = qt.dequantize()
        figure = plt.figure(figsize=(14, 6))
        axes = [figure.add_subplot(2, 4, place) for place in range(1, 5)]
        heatmaps(axes, {"original": X, "codes": qt.data, "dequantized": restored, "error": restored - X})
        stairs = figure.add_subplot(2, 1, 2)
        grid = torch.linspace(-3.2, 3.2, 1000)
        stairs.step(grid, ql.fake_quantize(grid, qparams))
        stairs.hist(X.flatten().numpy(), bins=96, weights=np.full(X.numel(), 0.3), bottom=-3.2)
        print(
            f"scale {qparams.scale.item():.4f}, SQNR {ql.sqnr(X, restored):.2f} dB, MSE {ql.mse(X, restored):.4g}"
        )
        plt.tight_layout()
        plt.show()


def granularity():
    """Lesson 05: four heatmaps."""

    @interact(bits=(2, 8))
    def show(bits=4):
        qt = ql.quantize(X, ql.choose_qparams(X, f"int{bits}", "symmetric"))
        restored = qt.dequantize()
        _, axes = plt.subplots(1, 4, figsize=(14, 3))
        scales = np.full(X.shape, qt.qparams.scale.item())
        heatmaps(axes, {"original": X, "scale": scales, "dequantized": restored, "error": restored - X})
        print(f"SQNR {ql.sqnr(X, restored):.2f} dB, MSE {ql.mse(X, restored):.4g}")
        plt.tight_layout()
        plt.show()
