"""The benchmarks compare like with like, and their table says what is met and what is not."""

import pytest
import torch

import benchmarks.__main__ as bench
import qlab as ql
from benchmarks import peers
from benchmarks.suites import CASES, all_suites, seconds_to_import
from benchmarks.timing import Claim
from benchmarks.ui_page import Timed
from benchmarks.ui_table import figures, row
from benchmarks.ui_views import VIEWS
from qlab import explore
from qlab.timing import medians

pytestmark = pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
X = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
CASE_IDS = [name for name, *_ in CASES]


@pytest.mark.parametrize(("name", "granularity", "scheme"), CASES, ids=CASE_IDS)
def test_the_plain_form_gives_our_codes(name, granularity, scheme):
    ours = ql.quantize(X, ql.choose_qparams(X, "int8", scheme, granularity))
    codes, scale, zero_point = peers.plain(X, granularity, scheme)
    assert torch.equal(codes, ours.data)
    assert torch.equal(scale.flatten(), ours.qparams.scale.flatten())
    assert scheme == "symmetric" or torch.equal(zero_point.flatten().int(), ours.qparams.zero_point.flatten())
    with pytest.raises(ValueError, match="NaN"):
        peers.plain(X.clone().index_fill_(0, torch.tensor(3), torch.nan), granularity, scheme)


def test_the_loop_gives_our_codes_up_to_its_float64_scale():
    """Its scale is a Python number, rounded to float32 when it is stored: at most a unit in the last place off."""
    ours = ql.quantize(X, ql.choose_qparams(X, "int8", "symmetric", ql.PerGroup(128)))
    codes, scale = peers.loop_over_groups(X, 128)
    torch.testing.assert_close(scale.flatten(), ours.qparams.scale.flatten(), rtol=2.0**-22, atol=0)
    assert (codes.int() - ours.data.int()).abs().max() <= 1


@pytest.mark.parametrize(("name", "granularity", "scheme"), CASES, ids=CASE_IDS)
def test_the_libraries_do_the_same_work(name, granularity, scheme):
    """Equal but for a rounding that falls on the other side of a tie, which is one step."""
    qp = ql.choose_qparams(X, "int8", scheme, granularity)
    ours = ql.fake_quantize(X, qp)
    others = [peers.torchao_round_trip(X, granularity, scheme)]
    if scheme == "symmetric" and not isinstance(granularity, ql.PerGroup):
        others.append(peers.quanto_round_trip(X, granularity))
    if scheme == "affine" and not isinstance(granularity, ql.PerGroup):
        others.append(peers.torch_round_trip(X, qp))
    step = granularity.spread(qp.scale, X.shape)
    for other in others:
        assert ((other - ours).abs() <= 1.001 * step).all()
        assert (other == ours).float().mean() > 0.999


def test_every_claim_names_functions_that_run():
    for suite in all_suites(X, matrix=32):
        seconds = medians(suite.functions, rounds=1)
        assert all(value > 0 for value in seconds.values())
        for claim in suite.claims:
            assert {claim.ours, claim.peer} <= set(suite.functions)
            assert claim.figure in bench.line_of(claim, seconds)


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (Claim("a", "b", 2.0), "| a | b | 1.50 times its time | <= 2 | yes |"),
        (Claim("a", "b", 1.2), "| a | b | 1.50 times its time | <= 1.2 | **no** |"),
        (Claim("a", "b", 0.5, faster=True), "| a | b | 0.67 times faster | >= 0.5 | yes |"),
        (Claim("a", "b", 5, faster=True), "| a | b | 0.67 times faster | >= 5 | **no** |"),
        (Claim("a", "b", faster=True), "| a | b | 0.67 times faster |  |  |"),
        (Claim("a", "gone", 5), "| a | gone | not installed |  |  |"),
    ],
    ids=["cost met", "cost missed", "speed-up met", "speed-up missed", "no target", "not installed"],
)
def test_lines_of_the_table(claim, expected):
    assert bench.line_of(claim, {"ours": 3.0, "b": 2.0}) == expected


def test_the_stored_table_has_the_figures_of_today_and_keeps_the_prose():
    text = bench.README.read_text(encoding="utf-8")
    stored = [tuple(line.split(" | ")[:2]) for line in text.splitlines() if line.startswith("| ")][1:]
    claims = [claim for suite in all_suites(torch.randn(16, 128)) for claim in suite.claims]
    assert stored == [(f"| {c.figure}", c.peer) for c in claims] + [("| import qlab, after torch", "")]
    assert bench.with_table(bench.with_table(text, "x"), "y") == bench.with_table(text, "y")
    outside = text.partition(bench.BEGIN)[0]
    assert bench.with_table(text, "x").startswith(outside)


def test_importing_is_measured_in_an_interpreter_of_its_own():
    assert 0 < seconds_to_import(runs=1) < 5


def timed(steps, drags=()):
    return Timed(None, None, [], list(steps), list(drags))


@pytest.mark.parametrize(
    ("number", "steps", "expected"),
    [
        (0, [30.0] * 20, "| 30 ms | 30 ms | 1.5 times its 20 ms | 40 ms (empty: 10) |  | yes |"),
        (0, [60.0] * 20, "| **60 ms** | 60 ms | **3.0 times its 20 ms** | 40 ms (empty: 10) |  | **no** |"),
        (8, [140.0] * 20, "| 140 ms (<= 150) | 140 ms | 7.0 times its 20 ms |  |  | yes |"),
    ],
    ids=["met", "missed", "runs a model"],
)
def test_rows_of_the_browser_table(number, steps, expected):
    drags = [] if VIEWS[number].limit else [40.0] * 3
    found = {"view": timed(steps, drags), "round trip": timed([20.0] * 20, [10.0] * 3)}
    assert row(VIEWS[number], figures(found)) == f"| {VIEWS[number].name} {expected}"


def test_the_browser_table_says_how_much_faster_than_the_naive_form():
    found = {"view": timed([30.0] * 20, [40.0]), "round trip": timed([20.0] * 20, [10.0])}
    found["naive"] = timed([150.0] * 20, [500.0])
    assert "| **5 times faster: 150 ms, after a drag 500** | **no** |" in row(VIEWS[3], figures(found))


def test_every_explorer_is_timed_in_a_browser():
    assert {view.call.partition("(")[0] for view in VIEWS} == set(explore.__all__)
    text = bench.README.with_name("UI.md").read_text(encoding="utf-8")
    stored = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| lesson")]
    assert stored == [f"| {view.name}" for view in VIEWS]
