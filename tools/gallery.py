"""What the gallery shows: explorers and figures, each as the call that makes it and a caption."""

IMPORTS = """import torch
import qlab as ql
from qlab import explore, plots, scene_plots, sensitivity_plots, zoo
x = torch.tensor([[-0.8, 0.0, 0.5], [1.1, -0.25, 2.2], [0.1, 1.75, -0.6]])
kernel = zoo.load("digits_cnn").conv2.weight.detach()[:, :, 0].reshape(32, -1)"""

EXPLORERS = {
    "formats": ("explore.formats(format='float16')", "The bits of 0.3 in float16, and the values around it"),
    "formats_fp8": ("explore.formats('fc1.weight', bits='00000011')", "A layer in fp8, and a subnormal number"),
    "downcasting": ("explore.downcasting(image=493)", "A trained network in bfloat16, layer by layer"),
    "downcasting_scores": (
        "explore.downcasting(dtype='float8_e5m2', layer='fc2', show='activations', image=493)",
        "The scores of one image in fp8",
    ),
    "affine": ("explore.affine(bits=4)", "Affine quantization to 4 bits, on 16 numbers"),
    "affine_layer": (
        "explore.affine('conv2.weight', bits=4, low=-0.1, high=0.1)",
        "A layer in 4 bits whose largest weights saturate",
    ),
    "symmetric": ("explore.symmetric()", "Affine and symmetric quantization of the same numbers"),
    "symmetric_relu": ("explore.symmetric('relu1 outputs', bits=5)", "A ReLU's outputs waste half of the codes"),
    "granularity": (
        "explore.granularity(granularity='per group', outlier=5, row=2, column=3)",
        "An outlier, and the two values that share its scale",
    ),
    "granularity_layer": (
        "explore.granularity('fc1.weight', 'per group', 8, outlier=10, row=20, column=33)",
        "The same in a real layer, in groups of 8",
    ),
    "integer_matmul": ("explore.integer_matmul()", "Sums of 8-bit products in an 8-bit accumulator"),
    "integer_matmul_layer": (
        "explore.integer_matmul('digits fc1', 'neither', k=128, size=64, accumulator='int16')",
        "A real layer's products, summed in 16 bits",
    ),
    "layers": ("explore.layers()", "A detector whose linear layers have 4-bit weights"),
    "layers_2_bits": (
        "explore.layers(format='W2A16', granularity='per tensor', layer='blocks.1.fc2', scene=4)",
        "With 2-bit weights it finds other things",
    ),
    "clipping": ("explore.clipping()", "Where to clip a ReLU's outputs in 3 bits"),
    "clipping_bits": (
        "explore.clipping('bn2 outputs', bits=6, clip=3.0, model='gaussian')",
        "What goes into the ReLU, in 6 bits, and clipped too much",
    ),
    "anatomy": ("explore.anatomy()", "The bytes of a language model's file, its linear layers in 8 bits"),
    "anatomy_embeddings": (
        "explore.anatomy(quantize='embeddings too', weight='int4', granularity='per group', layer='embedding')",
        "Embeddings too, in 4 bits: names and scales begin to count",
    ),
    "sensitivity": ("explore.sensitivity(keep=['conv2'])", "One layer in float, the others in 2 bits"),
    "sensitivity_dead_inputs": (
        "explore.sensitivity('dead inputs', weight='int4')",
        "A layer that its weights do not give away",
    ),
    "training": ("explore.training(step=60)", "A model after 60 steps of training in 8, 4 and 2 bits"),
    "training_observed": (
        "explore.training(granularity='per tensor', scales='observed', step=30)",
        "One scale for a weight, which follows its range",
    ),
    "translator": (
        "explore.translator(concept='convert', right='quanto')",
        "A call in two libraries, and the codes that each of them makes",
    ),
}
FIGURES = {
    "panels": (
        "plots.quantization_panels(x, ql.quantize(x, ql.choose_qparams(x, 'uint4')))",
        "Nine numbers, their codes, what these stand for, and the error",
    ),
    "panels_layer": (
        "plots.quantization_panels(kernel, ql.quantize(kernel, ql.choose_qparams(kernel, 'int4', 'symmetric')))",
        "A layer's weights, the same way",
    ),
    "staircase": (
        "plots.staircase(ql.choose_qparams(x, 'uint4'))",
        "What 4 bits make of every number, and the error",
    ),
    "heatmap": ("plots.heatmap(x, 'nine numbers')", "Numbers as colors"),
    "detections": (
        "images, truth = zoo.scenes('test', 3, seed=0)\n"
        "scene_plots.detections(images, {'truth': truth, 'found': zoo.detect(zoo.load('digit_detector'), images)})",
        "What stands in a scene, and what a detector finds",
    ),
    "sqnr_by_layer": (
        "batch = zoo.digits('train')[0][:128]\n"
        "prepared = ql.calibrate(ql.prepare(zoo.load('digits_cnn'), weight='int2'), batch)\n"
        "sensitivity_plots.sqnr_by_layer(ql.compare_layers(prepared, ql.convert(prepared), batch))",
        "The layers of a network in 2 bits: weight, accumulated and own error",
    ),
}
