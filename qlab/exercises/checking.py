"""check, hint and solution: what a learner calls in a lesson. None of them ever raises.

An answer is judged by `grading`, kept by `store`, shown by `render`.
"""

import inspect
import textwrap

from qlab.exercises import store
from qlab.exercises.grading import Verdict, grade
from qlab.exercises.registry import UnknownExercise, find_exercise
from qlab.exercises.render import Card, Row
from qlab.exercises.spec import HINTS, Exercise
from qlab.exercises.values import clean, plain, show

MAX_ANSWER = 20_000  # characters of source kept


def check(name, answer):
    """Judge your answer to an exercise, given by name, and remember it. Never raises.

    Returns a card that says "pass", "not yet" (with the first call that went wrong), "raised" (with your line)
    or "not attempted". `card.passed` is True or False, `card.arguments` are those of the wrong call.

    >>> check("00_bits_to_codes", lambda bits: 2**bits - 1)
    00_bits_to_codes: not yet. 0 of 8 calls agree.
      call      number_of_codes(1)
      expected  2
      got       1
      diagnosis This is the largest unsigned code. The codes start at 0, so there is one more of them
                than that.
    """
    return _safely(name, lambda exercise: _check(exercise, answer))


def hint(name):
    """The next of three hints on an exercise, given by name. Never raises.

    >>> hint("00_bits_to_codes")
    00_bits_to_codes: hint. 1 of 3.
      hint      Write down all codes of one bit, then all codes of two bits. What happens to the count?
    """
    return _safely(name, _hint)


def solution(name):
    """The reference answer to an exercise, given by name. Never raises. Progress shows that you looked.

    >>> solution("00_bits_to_codes")  # doctest: +ELLIPSIS
    00_bits_to_codes: solution. Count the codes.
      code      def number_of_codes(bits):
                    ...
                    return 2**bits
    """
    return _safely(name, _solution)


def _safely(name, make_card):
    """An unknown name, and any fault of our own, become a card too. An interrupt goes through."""
    try:
        return make_card(find_exercise(name))
    except KeyboardInterrupt:
        raise
    except UnknownExercise as unknown:
        return Card(clean(name, 80) if type(name) is str and name else "?", "unknown", clean(unknown))
    except BaseException as error:  # a SystemExit out of an object that is printed, say
        return Card(name, "unknown", f"The check itself failed with {type(error).__name__}; please report it.")


def _check(exercise, answer):
    verdict = grade(exercise, answer)
    if verdict.status == "not attempted":
        return Card(exercise.id, verdict.status, _how_to_start(exercise))

    def remember(record):
        record["tries"] += 1
        record["passed"] = record["passed"] or verdict.status == "pass"
        record["answer"] = _source(answer)

    _, note = store.update_record(exercise.id, remember)
    rows = _rows(exercise, verdict) + ([Row("note", note)] if note else [])
    arguments = verdict.case.fresh_args() if verdict.case else ()
    return Card(exercise.id, verdict.status, _headline(exercise, verdict), tuple(rows), arguments)


def _hint(exercise):
    def one_more(record):
        record["hints"] = min(record["hints"] + 1, HINTS)

    record, note = store.update_record(exercise.id, one_more)
    level = record["hints"]
    rows = [Row("hint", exercise.hints[level - 1])]
    if level == HINTS:
        rows.append(Row("then", f'This is the last hint. ql.solution("{exercise.id}") shows the answer.'))
    rows += [Row("note", note)] if note else []
    return Card(exercise.id, "hint", f"{level} of {HINTS}.", tuple(rows))


def _solution(exercise):
    _, note = store.update_record(exercise.id, lambda record: record.update(solution_seen=True))
    rows = [Row("code", exercise.solution.rstrip(), code=True)]
    rows += [Row("note", note)] if note else []
    return Card(exercise.id, "solution", exercise.title + ".", tuple(rows))


def _how_to_start(exercise):
    return (
        f"Replace the line `...  # your code here` in {exercise.name}, run the cell, and check again. "
        f'ql.hint("{exercise.id}") gives a nudge.'
    )


def _headline(exercise, verdict):
    if verdict.status == "pass":
        points = f"{exercise.points} point{'s' if exercise.points > 1 else ''}"
        return f"All {verdict.total} calls agree: {points}." if verdict.total > 1 else f"It holds: {points}."
    return f"{verdict.agreed} of {verdict.total} calls agree." if verdict.total > 1 else ""


def _rows(exercise: Exercise, verdict: Verdict) -> list[Row]:
    rows = []
    if verdict.case:
        rows += _wrong_call(exercise, verdict)
    elif verdict.status == "pass" and exercise.shown:
        rows.append(Row("shown", exercise.shown(verdict.outcome.value), code=True))
    elif verdict.why:
        rows += [Row("got", show(verdict.outcome.value), code=True), Row("why", verdict.why)]
    if verdict.diagnosis and verdict.diagnosis.diagnosis not in verdict.why:
        rows.append(Row("diagnosis", verdict.diagnosis.diagnosis))
    if verdict.changed_input:
        rows.append(Row("careful", "Your answer changes what it is given. The caller may still need it."))
    return rows


def _wrong_call(exercise, verdict):
    case, outcome = verdict.case, verdict.outcome
    rows = []
    if exercise.parameters:
        note = f"  # {case.note}" if case.note else ""
        rows.append(Row("call", f"{exercise.name}({', '.join(map(show, case.args))}){note}", code=True))
    if outcome.raised:
        error = Row("error", verdict.why)
        if outcome.raised.line:
            return [*rows, Row(f"line {outcome.raised.line}", outcome.raised.source, code=True), error]
        return [*rows, error, Row("note", f"Your function is called as {_signature(exercise)}.")]
    expected, got = "", show(outcome.value)
    if exercise.compare:
        expected = show(plain(exercise.reference(*case.fresh_args())))
        rows.append(Row("expected", expected, code=True))
    said = verdict.why == f"Expected {expected}, got {got}."
    return [*rows, Row("got", got, code=True), *([] if said else [Row("why", verdict.why)])]


def _signature(exercise):
    return f"{exercise.name}({', '.join(exercise.parameters)})"


def _source(answer):
    """The learner's code as they typed it, or the value they gave; "" where neither can be had."""
    try:
        source = textwrap.dedent(inspect.getsource(answer)) if callable(answer) else show(plain(answer))
        return source[:MAX_ANSWER]
    except Exception:
        return ""
