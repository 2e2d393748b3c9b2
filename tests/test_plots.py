"""Still pictures: the numbers in them are the tensor's, scales are fair, and a notebook shows each one once."""

import re
import subprocess
import sys

import matplotlib
import nbformat
import pytest
import torch
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from nbclient import NotebookClient
from seaborn.utils import relative_luminance

from qlab import plots
from qlab.affine import quantize
from qlab.dtypes import dtype, values
from qlab.granularity import PerAxis
from qlab.metrics import bits_per_weight, mse, sqnr
from qlab.picture import cell_texts, panels
from qlab.qparams import QParams, choose_qparams

X = torch.tensor([[191.6, -13.5, 728.6], [92.14, 295.5, -184.0], [0.0, 684.6, 245.5]])


def numbers(axes):
    """The texts in the cells as floats, row by row."""
    return [float(text.get_text().replace("−", "-")) for text in axes.texts]


def mesh(axes):
    return axes.collections[0]


def title(axes):
    return axes.get_title(loc="left")


def test_a_small_heatmap_shows_its_numbers():
    axes, _ = plots.heatmap(X, "weights", unit="mV").axes
    assert numbers(axes) == pytest.approx(X.flatten().tolist(), abs=0.05)
    assert title(axes) == "weights [mV]"
    assert mesh(axes).cmap.name == plots.DIVERGING


@pytest.mark.parametrize(
    "x",
    [X, -X, X[0], torch.zeros(2, 2), X.bfloat16(), X.clone().requires_grad_(), X.T],
    ids=["positive", "negative", "1-D", "zeros", "bfloat16", "requires-grad", "transposed"],
)
def test_value_colors_are_symmetric_about_zero(x):
    axes, _ = plots.heatmap(x).axes
    low, high = mesh(axes).get_clim()
    assert -low == high == (x.abs().max().item() or 1)
    assert mesh(axes).get_array().flatten().tolist() == x.flatten().tolist()


@pytest.mark.parametrize(("limit", "extend"), [(1000.0, "neither"), (700.0, "max"), (100.0, "both")])
def test_a_given_limit_is_kept_and_values_beyond_it_are_marked(limit, extend):
    axes, _ = plots.heatmap(X, limit=limit).axes
    assert mesh(axes).get_clim() == (-limit, limit)
    assert mesh(axes).colorbar.extend == extend


@pytest.mark.parametrize("shape", [(10, 10), (11, 1), (1, 11), (64, 128)], ids=str)
def test_numbers_only_where_they_fit(shape):
    axes, bar = plots.heatmap(torch.ones(shape)).axes
    assert len(axes.texts) == (100 if shape == (10, 10) else 0)
    assert 1 <= len(axes.get_xticklabels()) <= 16 and bar is not None


def test_integers_are_written_as_integers():
    axes, _ = plots.heatmap(torch.tensor([-128, 0, 127], dtype=torch.int8)).axes
    assert [text.get_text() for text in axes.texts] == ["−128", "0", "127"]
    assert mesh(axes).get_clim() == (-128, 128)


@pytest.mark.parametrize(
    ("values", "texts", "power"),
    [
        ([955.31, -0.04], ["955.3", "0.0"], ""),
        ([-1000.0, 2.5], ["−1000", "2"], ""),
        ([34.6, -1.005], ["34.60", "−1.00"], ""),
        ([0.25, -0.0004], ["0.250", "0.000"], ""),
        ([0.0, -0.0], ["0.000", "0.000"], ""),
        ([1.5e-4, -3e-5], ["1.50", "−0.30"], "× 1e−4"),
        ([2.5e7, -1e6], ["2.50", "−0.10"], "× 1e7"),
    ],
    ids=["hundreds", "thousands", "tens", "tenths", "zeros", "tiny", "huge"],
)
def test_number_texts_are_short(values, texts, power):
    assert cell_texts(torch.tensor([values], dtype=torch.float64)) == ([texts], power)
    shown = plots.heatmap(torch.tensor(values), "x").axes[0]
    assert title(shown) == f"x {power}".strip()


@pytest.mark.parametrize("shade", [-1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0])
def test_text_contrasts_with_its_cell(shade):
    axes = plots.heatmap(torch.tensor([shade, 1.0])).axes[0]
    cell, text = mesh(axes).get_facecolors()[0], axes.texts[0].get_color()
    light, dark = sorted((relative_luminance(cell), relative_luminance(text)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize("factor", [1.0, 1e-6, 1e6])
def test_the_error_scale_depends_on_the_original_alone(factor):
    limits = []
    for bits in (8, 4):
        x = X * factor
        back = quantize(x, choose_qparams(x, f"int{bits}")).dequantize()
        axes, bar = plots.error_heatmap(x, back).axes
        assert isinstance(mesh(axes).norm, LogNorm) and mesh(axes).cmap.name == plots.SEQUENTIAL
        limits.append(mesh(axes).get_clim())
        assert [label.get_text() for label in bar.get_yticklabels()][:: plots.ERROR_DECADES] == ["0.01 %", "100 %"]
    peak = X.abs().max().item() * factor
    assert limits[0] == limits[1] == pytest.approx((peak * 1e-4, peak))


def test_errors_are_signed_in_the_cells_and_sizes_in_color():
    reference, actual = torch.tensor([[10.0, 10.0, 10.0]]), torch.tensor([[10.0, 9.0, 12.0]])
    axes, _ = plots.error_heatmap(reference, actual).axes
    assert numbers(axes) == [0, -1, 2]
    assert mesh(axes).get_array().flatten().tolist() == pytest.approx([0.001, 1, 2])  # 0 takes the darkest color


@pytest.mark.parametrize("name", ["int8", "uint4", "int16", "float8_e4m3fn", "nf4"])
def test_quantization_panels(name):
    x = X
    qt = quantize(x, choose_qparams(x, name))
    figure = plots.quantization_panels(x, qt, unit="mV")
    original, codes, dequantized, error = figure.axes[:4]
    assert len(figure.axes) == 8  # a color bar each
    assert numbers(original) == pytest.approx(x.flatten().tolist(), abs=0.05)
    assert mesh(codes).get_array().flatten().tolist() == qt.data.flatten().tolist()
    assert mesh(dequantized).get_array().flatten().tolist() == qt.dequantize().flatten().tolist()
    assert mesh(original).get_clim() == mesh(dequantized).get_clim()
    assert mesh(codes).get_clim() == ((0, 15) if name == "nf4" else (qt.qparams.quant_min, qt.qparams.quant_max))
    if not qt.data.is_floating_point():
        assert [text.get_text() for text in codes.texts] == [
            str(q).replace("-", "−") for q in qt.data.flatten().tolist()
        ]
    assert [title(axes) for axes in (original, codes, dequantized)] == [
        "original [mV]",
        f"codes, {name}",
        "dequantized [mV]",
    ]
    assert title(error).startswith("error [mV]")
    back = qt.dequantize()
    summary = f"MSE {mse(x, back):.4g}   SQNR {sqnr(x, back):.2f} dB   {bits_per_weight(qt):.4g} bits per weight"
    assert figure.get_suptitle() == summary


def test_a_value_that_dequantizes_beyond_the_range_is_still_within_the_colors():
    x = torch.tensor([-1.0, 0.6])
    qt = quantize(x, QParams(scale=0.8, dtype="int4"))  # 1.0 -> 0.8, 0.6 -> 0.8
    assert [mesh(axes).get_clim() for axes in plots.quantization_panels(x, qt).axes[:3:2]] == [(-1, 1), (-1, 1)]
    qt = quantize(x, QParams(scale=1.5, dtype="int4"))
    assert mesh(plots.quantization_panels(x, qt).axes[0]).get_clim() == (-1.5, 1.5)


@pytest.mark.parametrize(("columns", "rows"), [(4, 1), (6, 2), (128, 2)])
def test_panels_wrap_where_a_row_would_be_too_wide(columns, rows):
    figure, axes = panels((4, columns), 4, "four panels")
    assert len(axes) == 4 and axes[0].get_gridspec().nrows == rows
    assert figure.get_size_inches()[0] <= 11.5


@pytest.mark.parametrize("zero_point", [None, 0, -2, 3])
def test_staircase(zero_point):
    qparams = QParams(scale=0.5, zero_point=zero_point, dtype="int3")
    stairs, error = plots.staircase(qparams, unit="V").axes
    unchanged, steps = (line.get_ydata() for line in stairs.lines)
    expected = (torch.arange(-4, 4) - (zero_point or 0)) * 0.5
    assert sorted(set(steps.tolist())) == expected.tolist()
    assert error.lines[0].get_ydata().tolist() == (steps - unchanged).tolist()
    inside = (unchanged >= expected[0].item()) & (unchanged <= expected[-1].item())
    assert abs(error.lines[0].get_ydata())[inside].max() <= 0.25 + 1e-6
    assert error.get_ylim() == pytest.approx((-0.625, 0.625), rel=0.01)  # two and a half times half a step
    low, high = ((p.get_x(), p.get_x() + p.get_width()) for p in stairs.patches)  # the shaded parts
    assert (low[1], high[0]) == (expected[0].item(), expected[-1].item())
    assert (low[0], high[1]) == pytest.approx((unchanged[0], unchanged[-1]))
    assert title(stairs) == f"scale 0.5, zero_point {zero_point or 0}"


@pytest.mark.parametrize("name", ["float4_e2m1fn", "nf4", "uint8"])
def test_staircase_of_other_formats_visits_every_value(name):
    count = 256 if name == "uint8" else 16 if name == "nf4" else 15
    steps = plots.staircase(QParams(scale=2.0, dtype=name)).axes[0].lines[1].get_ydata()
    assert len(set(steps.tolist())) == count
    if name == "float4_e2m1fn":
        assert sorted(set(steps.tolist())) == (2 * values(name)).tolist()


@pytest.mark.parametrize("name", ["int32", "float16", "bfloat16"])
def test_staircase_of_a_wide_format_spans_its_range(name):
    x = plots.staircase(QParams(scale=0.5, dtype=name)).axes[0].lines[0].get_xdata()
    assert x[-1] == pytest.approx(1.3 / 2 * dtype(name).max, rel=1e-6)  # 15 % of the whole range beyond each end


def test_measured_vs_predicted():
    axes = plots.measured_vs_predicted(
        [1, 2, 4], torch.tensor([1.1, 3.9, 16.2]), [1, 4, 16], "scale", "MSE", "t"
    ).axes[0]
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert lines["predicted"] == [[1, 1], [2, 4], [4, 16]]
    assert lines["measured"] == [[1, pytest.approx(1.1)], [2, pytest.approx(3.9)], [4, pytest.approx(16.2)]]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel(), title(axes)) == ("scale", "MSE", "t")


@pytest.mark.parametrize("lowest", [1.29, 1.0, 0.031, 470.0], ids=str)
def test_measured_vs_predicted_has_a_tick_at_or_below_the_lowest_point(lowest):
    measured, predicted = [lowest, 4 * lowest], [1.01 * lowest, 4 * lowest]
    axes = plots.measured_vs_predicted([1, 2], measured, predicted).axes[0]
    low = axes.get_ylim()[0]
    ticks = [*axes.yaxis.get_majorticklocs(), *axes.yaxis.get_minorticklocs()]
    assert any(low <= tick <= lowest * (1 + 1e-9) for tick in ticks)


QT = quantize(torch.ones(2, 3), QParams(scale=1.0))
BAD = {
    "a list": (lambda: plots.heatmap([[1.0]]), TypeError, "x must be a tensor, got list"),
    "3-D": (lambda: plots.heatmap(torch.ones(2, 3, 4)), ValueError, r"shape \(2, 3, 4\).*flatten\(1\)"),
    "scalar": (lambda: plots.heatmap(torch.tensor(1.0)), ValueError, r"shape \(\)"),
    "empty": (lambda: plots.heatmap(torch.ones(0, 3)), ValueError, "not empty"),
    "NaN": (lambda: plots.heatmap(torch.tensor([1.0, torch.nan])), ValueError, r"1 of 2 .* index \(1,\)"),
    "limit 0": (lambda: plots.heatmap(torch.ones(2), limit=0.0), ValueError, "limit must be positive, got 0.0"),
    "limit NaN": (lambda: plots.heatmap(torch.ones(2), limit=torch.nan), ValueError, "got nan"),
    "two shapes": (lambda: plots.error_heatmap(torch.ones(2), torch.ones(3)), ValueError, r"\(1, 2\) and \(1, 3\)"),
    "other x": (lambda: plots.quantization_panels(torch.ones(3, 2), QT), ValueError, r"\(3, 2\), qt \(2, 3\)"),
    "per axis": (
        lambda: plots.staircase(choose_qparams(torch.eye(3), granularity=PerAxis(0))),
        ValueError,
        r"shape \(3, 1\): use PerTensor",
    ),
    "lengths": (lambda: plots.measured_vs_predicted([1, 2], [1, 2], [1]), ValueError, r"\(2,\), \(2,\), \(1,\)"),
    "log of 0": (lambda: plots.measured_vs_predicted([1, 2], [1, 0], [1, 2]), ValueError, "logarithmic axis"),
}


@pytest.mark.parametrize(("call", "error", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_global_settings_and_pyplot_are_left_alone():
    from matplotlib import pyplot

    with matplotlib.rc_context({"font.size": 23, "axes.titlelocation": "center"}):
        before = dict(matplotlib.rcParams)
        figure = plots.heatmap(X)
        figure._repr_mimebundle_()
        assert dict(matplotlib.rcParams) == before
        assert title(figure.axes[0]) == "" and figure.axes[0].xaxis.get_label().get_size() == 9
    assert pyplot.get_fignums() == []


def test_importing_plots_imports_no_matplotlib():
    code = "import sys, qlab.plots; sys.exit(bool({'matplotlib', 'seaborn', 'pandas'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("setup", ["import qlab", "import qlab\n%matplotlib inline"], ids=["bare", "inline-mode"])
def test_a_notebook_shows_the_picture_once(setup):
    cells = [
        f"{setup}\nimport torch\nfrom qlab import plots",
        "plots.heatmap(torch.eye(3))",
        "figure = plots.heatmap(torch.eye(3))",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    quiet, shown, silent = (cell.outputs for cell in notebook.cells)
    assert quiet == silent == []
    assert [output.output_type for output in shown] == ["execute_result"]
    words = "Heatmap: values 1.00 0.00 0.00; 0.00 1.00 0.00; 0.00 0.00 1.00."
    assert shown[0].data["text/plain"] == f"<Picture: {words}>"
    assert re.match(rf'<img alt="{words}" width="\d+" height="\d+" src="data:image/png', shown[0].data["text/html"])
    assert len(shown[0].data["text/html"]) > 1000


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_it_is_still_a_figure_that_is_saved_and_drawn_on(kind, tmp_path):
    figure = plots.heatmap(X)
    figure.axes[0].set_title("mine")
    figure.savefig(tmp_path / f"figure.{kind}")
    assert isinstance(figure, Figure) and (tmp_path / f"figure.{kind}").stat().st_size > 1000
    assert repr(figure).startswith("<Picture size ")


def test_words_are_escaped_in_markup():
    shown = plots.heatmap(X, 'a "<b>" & c')._repr_mimebundle_()
    assert shown["text/html"].startswith('<img alt="Heatmap: a &quot;&lt;b&gt;&quot; &amp; c 191.6')
