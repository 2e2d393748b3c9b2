"""check, hint and solution: every status, every hostile answer, both forms of display."""

import html
import os
import re
import subprocess
import sys
import textwrap

import pytest
import torch

from qlab.exercises.checking import check, hint, solution
from qlab.exercises.grading import grade, judge, run_answer
from qlab.exercises.registry import EXERCISES, find_exercise
from qlab.exercises.render import highlight
from qlab.exercises.store import read_records


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAB_DATA_DIR", str(tmp_path / "data"))


def right(codes, scale, zero_point):
    return (codes.float() - zero_point) * scale


def test_pass_as_text():
    assert repr(check("03_dequantize", right)) == "03_dequantize: pass. All 13 calls agree: 2 points."


def test_not_yet_shows_the_first_wrong_call_and_the_diagnosis():
    card = check("03_dequantize", lambda q, s, z: (q - z) * s)
    assert card.status == "not yet" and not card.passed
    assert repr(card).splitlines() == [
        "03_dequantize: not yet. 5 of 13 calls agree.",
        "  call      dequantize(torch.tensor([-128, 0, 100, 127], dtype=torch.int8), 0.5, -100)"
        "  # far from the zero point",
        "  expected  torch.tensor([-14.0, 50.0, 100.0, 113.5])",
        "  got       torch.tensor([-14.0, 50.0, -28.0, -14.5])",
        "  why       2 of 4 values differ: the first, at [2], should be 100.0 and is -28.0.",
        "  diagnosis The subtraction is done in 8 bits and wraps around: in int8, 127 - (-100) is -29, and in",
        "            uint8, 0 - 128 is 128. Make the codes float32 (or int32) before you subtract.",
    ]
    codes, scale, zero_point = card.arguments
    assert codes.tolist() == [-128, 0, 100, 127] and (scale, zero_point) == (0.5, -100)


def test_what_stands_between_backticks_is_shown_as_code():
    card = check("00_bits_to_codes", lambda bits: 2 ^ bits)
    assert "In Python <code>^</code> is exclusive or" in card._repr_html_() and "`" not in card._repr_html_()
    assert "In Python `^` is exclusive or" in repr(card)


def test_expected_and_got_are_not_said_twice():
    card = check("00_bits_to_codes", lambda bits: 2 * bits)
    assert [row.label for row in card.rows] == ["call", "expected", "got", "diagnosis"]
    assert "Expected one whole number, got a value of type str" in repr(check("00_bits_to_codes", lambda bits: "8"))


def helper(x):
    return x.no_such_method()


def test_raised_shows_the_learners_deepest_line():
    def calls_helper(codes, scale, zero_point):
        return helper(codes)

    card = check("03_dequantize", calls_helper)
    line = helper.__code__.co_firstlineno + 1
    assert card.status == "raised"
    assert f"  line {line}" in repr(card) and "return x.no_such_method()" in repr(card)
    assert f">line&nbsp;{line}<" in card._repr_html_()
    assert "AttributeError: 'Tensor' object has no attribute 'no_such_method'" in repr(card)


def test_an_error_inside_torch_is_told_at_the_learners_line():
    def wrong_shapes(codes, scale, zero_point):
        return torch.nn.functional.linear(codes.float(), torch.ones(7, 7))

    line = wrong_shapes.__code__.co_firstlineno + 1
    assert f"  line {line}" in repr(check("03_dequantize", wrong_shapes))


def test_a_wrong_number_of_parameters_tells_the_signature():
    text = repr(check("03_dequantize", lambda codes: codes))
    assert "TypeError" in text and "Your function is called as dequantize(codes, scale, zero_point)." in text


def todo(codes, scale, zero_point):
    raise NotImplementedError


@pytest.mark.parametrize("answer", [None, ..., todo], ids=["None", "Ellipsis", "NotImplementedError"])
def test_not_attempted_is_not_counted(answer):
    assert check("03_dequantize", answer).status == "not attempted"
    assert read_records() == ({}, "")


def test_what_torch_has_not_implemented_was_attempted():
    card = check("09_integers", lambda values, scale, zero_point: values.int_repr())
    assert card.status == "raised" and "NotImplementedError: Could not run 'aten::int_repr'" in repr(card)


def test_a_stub_is_recognized_without_its_docstring_and_with_pass():
    def dequantize(codes, scale, zero_point):
        pass

    assert check("03_dequantize", dequantize).status == "not attempted"


class Hostile:
    """Whatever is asked of it, it stops the kernel, were it not caught."""

    def stop(self, *args):
        raise SystemExit(1)

    __eq__ = __ne__ = __bool__ = __repr__ = __str__ = __len__ = __iter__ = __float__ = __hash__ = stop
    __getattr__ = stop


class Agreeable:
    """Equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = None
    shape, dtype = (4,), torch.float32


class LyingTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.tensor(False)


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError("no")


def raises(error):
    def answer(codes, scale, zero_point):
        raise error

    return answer


def endless(n):
    return endless(n + 1)


def counts(codes, scale, zero_point):
    yield codes


async def awaits(codes, scale, zero_point):
    return codes


def mess(codes, scale, zero_point):
    codes.resize_(0)
    return codes


TWICE = []
TWICE += [TWICE, TWICE]
HOSTILE_RESULTS = {
    "None": None,
    "hostile": Hostile(),
    "hostile in a list": [Hostile()],
    "always equal": Agreeable(),
    "lying tensor": torch.zeros(3).as_subclass(LyingTensor),
    "requires grad": torch.zeros(3, requires_grad=True),
    "parameter": torch.nn.Parameter(torch.zeros(3)),
    "complex": torch.zeros(3, dtype=torch.complex64),
    "bool": torch.zeros(3, dtype=torch.bool),
    "bfloat16": torch.zeros(3, dtype=torch.bfloat16),
    "float8": torch.zeros(3).to(torch.float8_e4m3fn),
    "sparse": torch.zeros(3).to_sparse(),
    "meta": torch.zeros(3, device="meta"),
    "no elements": torch.zeros(0),
    "NaN": torch.full((3,), float("nan")),
    "infinite": torch.full((3,), float("inf")),
    "a list that holds itself": TWICE,
    "a huge integer": 10**5000,
    "text with a lone surrogate": "\ud800 \x1b[31m",
    "a type": Hostile,
    "a dictionary": {"a": 1},
}
HOSTILE_ANSWERS = {
    "not callable": torch.zeros(3),
    "a number": 3,
    "hostile object": Hostile(),
    "a class": Hostile,
    "a builtin": len,
    "a module": torch.nn.Linear(3, 3),
    "SystemExit": raises(SystemExit(3)),
    "GeneratorExit": raises(GeneratorExit()),
    "StopIteration": raises(StopIteration()),
    "an error that cannot be printed": raises(UnprintableError()),
    "an error with markup": raises(ValueError("<script>\x1b[31m\ud800 at 0x7f00aa")),
    "an endless recursion": lambda *args: endless(0),
    "a generator": counts,
    "a coroutine": awaits,
    "a resized input": mess,
    **{f"returns {name}": lambda *args, value=value: value for name, value in HOSTILE_RESULTS.items()},
}


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("answer", HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS)
@pytest.mark.filterwarnings("ignore:coroutine")
def test_check_never_raises_and_never_passes_by_trickery(name, answer):
    card = check(name, answer)
    assert not card.passed
    assert "<script" not in card._repr_html_()
    for text in (repr(card), card._repr_html_()):
        text.encode()  # can be stored
        assert " at 0x" not in text and "\x1b" not in text
    assert repr(check(name, answer)) == repr(card)


def test_markup_in_an_answer_is_escaped():
    page = check("00_bits_to_codes", lambda bits: "<img src=x onerror=alert(1)>")._repr_html_()
    assert "<img" not in page and "&lt;img" in page


@pytest.mark.parametrize(
    "name", [None, 3, "", "nothing like it", "03_quantise", Hostile(), "<b>"], ids=lambda n: type(n).__name__
)
@pytest.mark.parametrize("call", [lambda n: check(n, right), hint, solution], ids=["check", "hint", "solution"])
def test_an_unknown_name_is_told(call, name):
    card = call(name)
    assert card.status == "unknown" and not card.passed
    assert card.title and "<b><b>" not in card._repr_html_()


def test_a_near_name_is_suggested():
    assert "Did you mean '03_quantize' or '03_dequantize'?" in repr(check("03_quantise", right)).replace("\n", " ")


def test_an_interrupt_reaches_the_learner():
    with pytest.raises(KeyboardInterrupt):
        check("03_dequantize", raises(KeyboardInterrupt()))


def test_prints_are_shown_up_to_the_first_wrong_call(capsys):
    def prints(bits):
        print("bits", bits)
        return 2**bits if bits < 3 else 0

    check("00_bits_to_codes", prints)
    assert capsys.readouterr().out.split("\n") == ["bits 1", "bits 2", "bits 3", ""]


@pytest.mark.parametrize("name", EXERCISES)
def test_an_answer_that_prints_and_returns_nothing_is_asked_for_a_return(name, capsys):
    card = check(name, lambda *args: print("here"))
    assert card.status == "not yet" and "is a `return` missing?" in repr(card)
    assert capsys.readouterr().out == "here\n"


def test_a_list_and_an_array_are_told_as_what_they_are():
    card = repr(check("03_dequantize", lambda q, s, z: ((q.float() - z) * s).tolist()))
    assert "got       [0.0, 1.0, -1.0]" in card and "got a list. torch.tensor([...])" in card
    assert "torch.from_numpy" in repr(check("03_dequantize", lambda q, s, z: ((q.float() - z) * s).numpy()))


def test_writing_into_the_input_passes_with_a_word_of_care():
    def in_place(x, scale, zero_point, quant_min, quant_max):
        return x.div_(scale).round_().add_(zero_point).clamp_(quant_min, quant_max).to(torch.int8)

    card = check("03_quantize", in_place)
    assert card.passed and card.rows[0].label == "careful"


def test_results_that_share_memory_are_judged_as_they_were():
    buffer = torch.empty(0)

    def reuses(codes, scale, zero_point):
        return buffer.resize_(codes.shape).copy_(codes).sub_(zero_point).mul_(scale)

    assert check("03_dequantize", reuses).passed


def test_a_plain_value_is_an_answer_where_there_are_no_parameters():
    assert check("03_leave_out_zero", torch.tensor([3.0, 4.0, 5.0, 5.5])).passed
    assert not check("03_leave_out_zero", [3.0, 4.0, 5.0, 5.5]).passed


def test_outcomes_from_elsewhere_are_judged_alike():
    exercise = find_exercise("03_dequantize")

    def wrong(codes, scale, zero_point):
        return (codes - zero_point) * scale

    assert repr(judge(exercise, run_answer(exercise, wrong))) == repr(grade(exercise, wrong))


def test_hints_go_from_the_first_to_the_last_and_stay_there():
    exercise = find_exercise("03_quantize")
    cards = [hint("03_quantize") for _ in range(4)]
    assert [card.headline for card in cards] == ["1 of 3.", "2 of 3.", "3 of 3.", "3 of 3."]
    assert [card.rows[0].text for card in cards] == [*exercise.hints, exercise.hints[2]]
    assert "This is the last hint." in repr(cards[2])
    assert read_records()[0]["03_quantize"]["hints"] == 3


def test_solution_shows_the_code_and_is_remembered():
    card = solution("03_quantize")
    assert "torch.round(x / scale) + zero_point" in repr(card) and "SOLUTION" not in repr(card)
    assert "var(--jp-mirror-editor-keyword-color" in card._repr_html_()
    assert read_records()[0]["03_quantize"]["solution_seen"]


def test_the_answers_source_is_kept_and_a_pass_stays():
    check("03_dequantize", right)
    check("03_dequantize", lambda q, s, z: q)
    record = read_records()[0]["03_dequantize"]
    assert record["passed"] and record["tries"] == 2 and "lambda q, s, z: q" in record["answer"]


@pytest.mark.parametrize(
    "source, plain",
    [
        ("x = 1 if y else 'a<b'  # c", "x = 1 if y else &#x27;a&lt;b&#x27;  # c"),
        ("<3 > 'unfinished", "&lt;3 &gt; &#x27;unfinished"),
    ],
    ids=["python", "not python"],
)
def test_highlighting_loses_nothing_and_escapes(source, plain):
    assert re.sub(r"</?span[^>]*>", "", highlight(source)) == plain


def test_highlighting_many_lines():
    for exercise in EXERCISES.values():
        assert html.unescape(re.sub(r"</?span[^>]*>", "", highlight(exercise.solution))) == exercise.solution


def test_in_a_notebook_cell_the_line_is_found_and_the_source_kept():
    program = textwrap.dedent(
        """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.run_cell("def answer(bits):\\n    width = bits\\n    return width / 0")
        shell.run_cell("import qlab.exercises.checking as c\\nprint(c.check('00_bits_to_codes', answer))")
        from qlab.exercises.store import read_records
        print(read_records()[0]["00_bits_to_codes"]["answer"])
        """
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
        timeout=120,
    )
    assert "  line 3    return width / 0" in run.stdout, run
    assert "ZeroDivisionError: division by zero" in run.stdout
    assert "def answer(bits):\n    width = bits" in run.stdout
