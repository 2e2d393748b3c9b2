"""DETR-ResNet-50 from its published configuration, with random weights: its footprint before and after."""

import os

import pytest
import torch

import qlab as ql

FLOAT_BYTES, SWAPPED_BYTES = 166_524_032, 66_052_672
HEADS = ["0", "1", "2", "class_labels_classifier"]  # the box head's layers by their last component


@pytest.fixture(scope="module")
def detr():
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    stages = ["stage1", "stage2", "stage3", "stage4"]
    config = DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=ResNetConfig(depths=[3, 4, 6, 3], out_features=stages),
        num_labels=91,
    )
    torch.manual_seed(0)
    return DetrForObjectDetection(config).eval()


def test_the_footprints_of_float32_float16_and_w8a16(detr):
    assert ql.memory_footprint(detr) == detr.get_memory_footprint() == FLOAT_BYTES
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = detr(image).logits
    report = ql.replace_linear(detr.half(), ql.QuantLinear, exclude=HEADS, weight="int8")
    assert len(report.layers) == 96
    assert ql.memory_footprint(detr) == detr.get_memory_footprint() == report.bytes_after == SWAPPED_BYTES
    assert round(SWAPPED_BYTES / FLOAT_BYTES, 5) == 0.39666
    kept = [name for name, module in detr.named_modules() if type(module) is torch.nn.Linear]
    assert kept == ["class_labels_classifier", *(f"bbox_predictor.layers.{i}" for i in range(3))]
    assert {t.dtype for t in detr.state_dict().values()} == {torch.float16, torch.int8}
    with torch.no_grad():
        half, output = detr(image.half()), detr.float()(image)
    assert half.logits.dtype == torch.float16 and half.logits.isfinite().all()
    assert output.logits.shape == (1, 100, 92) and output.pred_boxes.shape == (1, 100, 4)
    assert ql.sqnr(expected, output.logits) > 25
