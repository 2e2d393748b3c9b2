"""What each concept of the course is called in four libraries: calls that run, and what replaced deprecated ones.

All is data. The tests run every call with the installed libraries, in the order given here, after `IMPORTS`. In
the calls, `model` is the digits network, `weight` the weight of its `fc1`, `images` a batch for it, and
"float.onnx" the file of the exported model.

torch.ao.quantization is deprecated as a whole (https://docs.pytorch.org/docs/2.13/quantization.html), and so are
tensors of type qint8 (https://github.com/pytorch/pytorch/issues/184982).
"""

from __future__ import annotations

from dataclasses import dataclass

IMPORTS = {
    "qlab": "import qlab as ql",
    "torch.ao": "from torch.ao import quantization as tq\nfrom torch.ao.quantization import quantize_fx",
    "torchao": (
        "from torchao import quantization as ao\n"
        "from torchao.quantization import qat, quant_primitives\n"
        "from torchao.quantization.pt2e import quantize_pt2e\n"
        "from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86"
    ),
    "quanto": "from optimum import quanto",
    "onnxruntime": "import onnx\nfrom onnxruntime import quantization as ort",
}
LIBRARIES = tuple(IMPORTS)


@dataclass(frozen=True)
class Concept:
    """What something is, how each library calls it, and a false friend.

    name, call: for each library that has it, its main name and a call. instead: what replaced the name in torch.ao.
    """

    meaning: str
    name: dict[str, str]
    call: dict[str, str]
    instead: str
    false_friend: str

    def status(self, library: str) -> str:
        """In a few words: "current", "deprecated" or "not there".

        >>> [CONCEPTS["per call"].status(library) for library in ("torch.ao", "torchao", "quanto")]
        ['deprecated', 'current', 'not there']
        """
        if library not in self.call:
            return "not there"
        return "deprecated" if library == "torch.ao" else "current"


CONCEPTS = {
    "scale": Concept(
        "choose a scale for each row of a weight",
        {
            "qlab": "choose_qparams",
            "torch.ao": "PerChannelMinMaxObserver",
            "torchao": "choose_qparams_affine",
            "quanto": "AbsmaxOptimizer",
        },
        {
            "qlab": 'qp = ql.choose_qparams(weight, "int8", "symmetric", ql.PerAxis(0))',
            "torch.ao": (
                "observer = tq.default_per_channel_weight_observer()\n"
                "observer(weight)\n"
                "scale, zero_point = observer.calculate_qparams()"
            ),
            "torchao": (
                "block = (1, weight.shape[1])  # what shares a scale: a row\n"
                "scale, zero_point = quant_primitives.choose_qparams_affine(\n"
                "    weight, ao.MappingType.SYMMETRIC, block, torch.int8)"
            ),
            "quanto": "scale = quanto.AbsmaxOptimizer()(weight, quanto.qint8, axis=0)",
        },
        "choose_qparams_affine",
        "The largest magnitude is divided by 127.5 in torch.ao and torchao, by 127 in the others.",
    ),
    "quantize": Concept(
        "make codes with a given scale",
        {
            "qlab": "quantize",
            "torch.ao": "torch.quantize_per_channel",
            "torchao": "quantize_affine",
            "quanto": "quantize_weight",
            "onnxruntime": "QuantizeLinear",
        },
        {
            "qlab": "qt = ql.quantize(weight, qp)",
            "torch.ao": "qt = torch.quantize_per_channel(weight, scale, zero_point, 0, torch.qint8)",
            "torchao": (
                "codes = quant_primitives.quantize_affine(\n    weight, block, scale, zero_point, torch.int8)"
            ),
            "quanto": "qt = quanto.quantize_weight(weight, quanto.qint8, 0, scale)",
            "onnxruntime": (
                "node = onnx.helper.make_node(\n"
                '    "QuantizeLinear", ["x", "scale", "zero_point"], ["codes"], axis=0)'
            ),
        },
        "quantize_affine",
        "A torch.qint8 tensor carries its scale. quanto.qint8 only names a format. torch.int8 holds plain numbers.",
    ),
    "integers": Concept(
        "see the codes",
        {
            "qlab": "QTensor.data",
            "torch.ao": "Tensor.int_repr",
            "torchao": "Int8Tensor.qdata",
            "quanto": "QTensor._data",
            "onnxruntime": "numpy_helper.to_array",
        },
        {
            "qlab": "codes = qt.data",
            "torch.ao": "codes = qt.int_repr()",
            "torchao": "ao.quantize_(model, ao.Int8WeightOnlyConfig())\ncodes = model.fc1.weight.qdata",
            "quanto": "codes = qt._data",
            "onnxruntime": (
                'stored = onnx.load("int8.onnx").graph.initializer\n'
                "codes = [onnx.numpy_helper.to_array(tensor) for tensor in stored]"
            ),
        },
        "Int8Tensor.qdata",
        "Printed, a tensor of type qint8 shows the real numbers that its codes stand for.",
    ),
    "dequantize": Concept(
        "go back to real numbers",
        {
            "qlab": "QTensor.dequantize",
            "torch.ao": "Tensor.dequantize",
            "torchao": "dequantize_affine",
            "quanto": "QTensor.dequantize",
            "onnxruntime": "DequantizeLinear",
        },
        {
            "qlab": "back = qt.dequantize()",
            "torch.ao": "back = qt.dequantize()",
            "torchao": (
                "back = quant_primitives.dequantize_affine(\n    codes, block, scale, zero_point, torch.int8)"
            ),
            "quanto": "back = qt.dequantize()",
            "onnxruntime": (
                "node = onnx.helper.make_node(\n"
                '    "DequantizeLinear", ["codes", "scale", "zero_point"], ["x"], axis=0)'
            ),
        },
        "dequantize_affine",
        "(code - zero_point) * scale, but quanto's 4 bits are code * scale - shift, with a float shift.",
    ),
    "weights only": Concept(
        "8-bit weights, float activations",
        {"qlab": "replace_linear", "torchao": "Int8WeightOnlyConfig", "quanto": "quantize, freeze"},
        {
            "qlab": 'ql.replace_linear(model, weight="int8")',
            "torchao": "ao.quantize_(model, ao.Int8WeightOnlyConfig())",
            "quanto": "quanto.quantize(model, weights=quanto.qint8)\nquanto.freeze(model)",
        },
        "",
        "quanto's quantize alone makes no code and saves no byte: freeze does.",
    ),
    "per call": Concept(
        "8-bit activations too, with scales chosen at each call (dynamic)",
        {
            "qlab": "replace_linear",
            "torch.ao": "quantize_dynamic",
            "torchao": "Int8DynamicActivationInt8WeightConfig",
            "onnxruntime": "quantize_dynamic",
        },
        {
            "qlab": 'ql.replace_linear(model, weight="int8", activation="int8")',
            "torch.ao": "quantized = tq.quantize_dynamic(model, {nn.Linear})",
            "torchao": "ao.quantize_(model, ao.Int8DynamicActivationInt8WeightConfig())",
            "onnxruntime": (
                'ort.quantize_dynamic(\n    "float.onnx", "int8.onnx", weight_type=ort.QuantType.QInt8)'
            ),
        },
        "Int8DynamicActivationInt8WeightConfig",
        "A scale a call in torch.ao and onnxruntime, a scale a token (row) in qlab and torchao.",
    ),
    "prepare": Concept(
        "put observers into a model",
        {"qlab": "prepare", "torch.ao": "prepare_fx", "torchao": "prepare_pt2e", "quanto": "quantize"},
        {
            "qlab": "prepared = ql.prepare(model)",
            "torch.ao": (
                'mapping = tq.get_default_qconfig_mapping("x86")\n'
                "prepared = quantize_fx.prepare_fx(model, mapping, (images,))"
            ),
            "torchao": (
                "exported = torch.export.export(model, (images,)).module()\n"
                "quantizer = x86.X86InductorQuantizer().set_global(\n"
                "    x86.get_default_x86_inductor_quantization_config())\n"
                "prepared = quantize_pt2e.prepare_pt2e(exported, quantizer)"
            ),
            "quanto": "quanto.quantize(model, weights=quanto.qint8, activations=quanto.qint8)",
        },
        "prepare_pt2e",
        "What quanto calls quantize only prepares. onnxruntime does all three steps in quantize_static.",
    ),
    "calibrate": Concept(
        "run typical inputs through it",
        {
            "qlab": "calibrate",
            "torch.ao": "run it",
            "torchao": "run it",
            "quanto": "Calibration",
            "onnxruntime": "CalibrationDataReader",
        },
        {
            "qlab": "ql.calibrate(prepared, images)",
            "torch.ao": "prepared(images)",
            "torchao": "prepared(images)",
            "quanto": "with quanto.Calibration():\n    model(images)",
            "onnxruntime": (
                "class Reader(ort.CalibrationDataReader):\n"
                '    batches = iter([{"images": images.numpy()}])\n\n'
                "    def get_next(self):\n"
                "        return next(self.batches, None)"
            ),
        },
        "run the model of prepare_pt2e",
        "quanto averages the largest magnitudes of batches; qlab and onnxruntime keep the extremes by default.",
    ),
    "convert": Concept(
        "make the quantized model",
        {
            "qlab": "convert",
            "torch.ao": "convert_fx",
            "torchao": "convert_pt2e",
            "quanto": "freeze",
            "onnxruntime": "quantize_static",
        },
        {
            "qlab": "quantized = ql.convert(prepared)",
            "torch.ao": "quantized = quantize_fx.convert_fx(prepared)",
            "torchao": "quantized = quantize_pt2e.convert_pt2e(prepared)",
            "quanto": "quanto.freeze(model)",
            "onnxruntime": 'ort.quantize_static(\n    "float.onnx", "int8.onnx", Reader(), per_channel=True)',
        },
        "convert_pt2e",
        "convert_pt2e gives floats between quantize and dequantize operators, for a compiler to make integers of.",
    ),
    "leave out": Concept(
        "keep the last layer, fc2, in float",
        {
            "qlab": "exclude",
            "torch.ao": "set_module_name(..., None)",
            "torchao": "filter_fn",
            "quanto": "exclude",
            "onnxruntime": "nodes_to_exclude",
        },
        {
            "qlab": 'prepared = ql.prepare(model, exclude="fc2")',
            "torch.ao": 'mapping = mapping.set_module_name("fc2", None)',
            "torchao": (
                "def keep(layer, name):\n"
                '    return isinstance(layer, nn.Linear) and name != "fc2"\n\n'
                "ao.quantize_(model, ao.Int8WeightOnlyConfig(), filter_fn=keep)"
            ),
            "quanto": 'quanto.quantize(model, weights=quanto.qint8, exclude="fc2")',
            "onnxruntime": (
                'ort.quantize_dynamic(\n    "float.onnx", "int8.onnx", nodes_to_exclude=["/fc2/Gemm"])'
            ),
        },
        "filter_fn",
        "filter_fn says which layers to take, the others say which to leave.",
    ),
    "train": Concept(
        "train with quantization in mind",
        {
            "qlab": "prepare_qat",
            "torch.ao": "prepare_qat_fx",
            "torchao": "QATConfig",
            "quanto": "quantize, then train",
        },
        {
            "qlab": "prepared = ql.prepare_qat(model, images)",
            "torch.ao": (
                'mapping = tq.get_default_qat_qconfig_mapping("x86")\n'
                "prepared = quantize_fx.prepare_qat_fx(model.train(), mapping, (images,))"
            ),
            "torchao": (
                'config = qat.IntxFakeQuantizeConfig(torch.int8, "per_channel")\n'
                'ao.quantize_(model, qat.QATConfig(weight_config=config, step="prepare"))'
            ),
            "quanto": "quanto.quantize(model, weights=quanto.qint8)  # then train; freeze later",
        },
        "QATConfig",
        "torchao's quantize_ with this config quantizes nothing yet: the step is 'prepare'.",
    ),
}
