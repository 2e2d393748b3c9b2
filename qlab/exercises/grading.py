"""Judge an answer: run it on every case, find the first call that is wrong and the mistake behind it.

`judge` needs outcomes only, so answers may just as well have run elsewhere (a sandbox); `run_answer` runs them
here. Nothing in this file prints, stores or renders.
"""

import contextlib
import dis
import io
from dataclasses import dataclass
from types import CodeType

import torch

from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.tracing import Raised, describe_error
from qlab.exercises.values import plain


@dataclass(frozen=True)
class Outcome:
    """What one call did: gave a plain value, or raised."""

    value: object = None
    raised: Raised | None = None
    changed_input: bool = False


@dataclass(frozen=True)
class Verdict:
    """How an answer did. `case`, `outcome` and `why` belong to the first wrong call; a pass has an outcome."""

    status: str  # "pass", "not yet", "raised" or "not attempted"
    agreed: int = 0
    total: int = 0
    case: Case | None = None
    outcome: Outcome | None = None
    why: str = ""
    diagnosis: WrongAnswer | None = None
    changed_input: bool = False


def grade(exercise: Exercise, answer) -> Verdict:
    """Run and judge an answer. Only KeyboardInterrupt comes through."""
    if not_attempted(exercise, answer):
        return Verdict("not attempted")
    if exercise.parameters and not callable(answer):
        why = f"check needs the function itself, not its result: give it {exercise.name}."
        return Verdict("not yet", total=len(exercise.cases), outcome=Outcome(plain(answer)), why=why)
    return judge(exercise, run_answer(exercise, answer))


def not_attempted(exercise: Exercise, answer) -> bool:
    """True for None, `...`, and a function whose bytecode is still the stub's."""
    if answer is None or answer is ...:
        return True
    code = getattr(answer, "__code__", None)
    return isinstance(code, CodeType) and _operations(code) == _operations(_stub_code(exercise))


def _stub_code(exercise):
    module = compile(exercise.stub, "<stub>", "exec")
    return next(c for c in module.co_consts if isinstance(c, CodeType) and c.co_name == exercise.name)


def _operations(code):
    """The instructions with what they name: the same whatever the docstring and the line numbers."""
    return [(step.opname, step.argval) for step in dis.get_instructions(code)]


def run_answer(exercise: Exercise, answer) -> list[Outcome]:
    """The outcome of every case. What the answer prints is shown up to the first wrong call, not after it."""
    if not exercise.parameters and not callable(answer):
        value, answer = answer, lambda: value
    outcomes, silence = [], contextlib.nullcontext()
    for case in exercise.cases:
        with silence:
            outcomes.append(run_case(answer, case))
        if mismatch(exercise, case, outcomes[-1]):
            silence = contextlib.redirect_stdout(io.StringIO())
    return outcomes


def run_case(function, case: Case) -> Outcome:
    """Call with copies of the case's arguments."""
    args = case.fresh_args()
    try:
        value = plain(function(*args))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and the like: the learner's cell must go on
        return Outcome(raised=describe_error(error))
    return Outcome(value, changed_input=not all(map(_same, args, case.args)))


def _same(after, before):
    if isinstance(before, torch.Tensor):
        return after.shape == before.shape and after.dtype == before.dtype and torch.equal(after, before)
    if isinstance(before, torch.nn.Module):
        after, before = after.state_dict(), before.state_dict()
        return after.keys() == before.keys() and all(_same(after[name], before[name]) for name in before)
    return after == before


def judge(exercise: Exercise, outcomes: list[Outcome]) -> Verdict:
    """The verdict on the outcomes of all cases, in their order."""
    told = [mismatch(exercise, case, out) for case, out in zip(exercise.cases, outcomes, strict=True)]
    changed = any(outcome.changed_input for outcome in outcomes)
    wrong = [i for i, why in enumerate(told) if why]
    if not wrong:
        return Verdict("pass", len(told), len(told), outcome=outcomes[0], changed_input=changed)
    case, first = exercise.cases[wrong[0]], outcomes[wrong[0]]
    # torch raises it too, with a text, where a tensor has no such method
    if first.raised and (first.raised.name, first.raised.message) == ("NotImplementedError", ""):
        return Verdict("not attempted")
    return Verdict(
        status="raised" if first.raised else "not yet",
        agreed=len(told) - len(wrong),
        total=len(told),
        case=case,
        outcome=first,
        why=told[wrong[0]],
        diagnosis=diagnose(exercise, outcomes, told),
        changed_input=changed,
    )


def mismatch(exercise: Exercise, case: Case, outcome: Outcome) -> str | None:
    """Why an outcome is wrong; None when it is right."""
    if outcome.raised:
        return f"{outcome.raised.name}: {outcome.raised.message}"
    if outcome.value is None:
        return "Nothing came back: is a `return` missing? print only shows a value."
    return _compared(lambda: exercise.mismatch(case, outcome.value))


def _compared(compare):
    try:
        return compare()
    except Exception as error:  # an odd value, such as one of complex type, that a comparator cannot take
        return f"The value could not be compared ({type(error).__name__})."


def diagnose(exercise: Exercise, outcomes: list[Outcome], told: list[str | None]) -> WrongAnswer | None:
    """The known mistake that explains an answer; `told` has the `mismatch` of each outcome.

    Wherever the mistake is wrong, the answer does the same, and the first wrong call is one of these. On the
    other calls the answer is right, or one other known mistake explains them: people make two. Of several, the
    one that explains most calls. Anything less gets no diagnosis: a wrong one is worse than none.
    """
    wrong = {i for i, why in enumerate(told) if why}
    tried = [(mistake, *_compare_mistake(exercise, mistake, outcomes, wrong)) for mistake in exercise.wrong_answers]
    explaining = [
        (len(same), mistake)
        for mistake, same, mistaken in tried
        if mistaken == same and min(wrong) in same and any(wrong - same <= other for _, other, _ in tried)
    ]
    return max(explaining, key=lambda pair: pair[0], default=(0, None))[1]


def _compare_mistake(exercise, mistake, outcomes, wrong):
    """The calls on which a known mistake and the answer do the same wrong, and those where the mistake is wrong."""
    same, mistaken = set(), set()
    for i, (case, outcome) in enumerate(zip(exercise.cases, outcomes, strict=True)):
        known = run_case(mistake.function, case)
        if mismatch(exercise, case, known):
            mistaken.add(i)
        if i in wrong and _reproduces(exercise, mistake, case, known, outcome):
            same.add(i)
    return same, mistaken


def _reproduces(exercise, mistake, case, known, outcome):
    """True if both do the same, or if the comparator itself names the mistake."""
    if mistake.diagnosis in mismatch(exercise, case, outcome):
        return True
    if known.raised or outcome.raised:
        return bool(known.raised and outcome.raised) and known.raised.name == outcome.raised.name
    if exercise.verify or outcome.value is None:
        return False
    return _compared(lambda: exercise.compare(known.value, outcome.value, case)) is None
