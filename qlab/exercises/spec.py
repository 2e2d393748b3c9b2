"""What an exercise is: data, and the real functions it is judged by. Needs no notebook.

One source: the learner's stub is derived from the reference's own source, whose solution stands between
`# BEGIN SOLUTION` and `# END SOLUTION`.
"""

import copy
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

from qlab.exercises.stub import BEGIN, END, strip_solution

HINTS = 3


@dataclass(frozen=True)
class Case:
    """Arguments for one call, given by position so that a learner may rename the parameters."""

    args: tuple = ()
    note: str = ""  # what is special here, in a few words: "all zeros"

    def fresh_args(self) -> tuple:
        """Copies, so that an answer that writes into its input spoils nothing."""
        return copy.deepcopy(self.args)


@dataclass(frozen=True)
class WrongAnswer:
    """A mistake people really make, as the function they write, and what to tell them."""

    name: str
    function: Callable
    diagnosis: str


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise. `id` is the lesson's two digits and a slug: "03_quantize".

    reference      the model answer; its name, parameters and docstring are what the learner starts with
    cases          small readable calls first, then seeded random ones, then edge cases
    compare        (expected, got, case) -> None, or a sentence on how they differ
    verify         (got, *args) -> None, or a sentence; instead of `compare`, where many answers are right
    shown          (got) -> what a right answer did, in a line of Python; shown with the pass
    hints          three, from a nudge to almost the answer
    wrong_answers  each is refused, and told by its own diagnosis
    alternatives   other right answers; each passes

    Exactly one of `compare` and `verify` is given. ValueError says what is missing.
    """

    id: str
    title: str
    points: int
    prompt: str
    reference: Callable
    cases: tuple[Case, ...]
    hints: tuple[str, str, str]
    compare: Callable | None = None
    verify: Callable | None = None
    shown: Callable | None = None
    wrong_answers: tuple[WrongAnswer, ...] = ()
    alternatives: tuple[Callable, ...] = ()

    def __post_init__(self):
        if not re.fullmatch(r"\d\d_[a-z0-9_]+", self.id):
            raise ValueError(f"exercise id {self.id!r}: expected two digits and a slug, as in '03_quantize'")
        if (self.compare is None) == (self.verify is None):
            raise ValueError(f"{self.id}: give either compare or verify")
        if len(self.hints) != HINTS or not self.cases or self.points < 1:
            raise ValueError(f"{self.id}: expected {HINTS} hints, at least one case and one point")

    @property
    def lesson(self) -> str:
        return self.id[:2]

    @property
    def name(self) -> str:
        """The function the learner writes."""
        return self.reference.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """Its parameters. With none, a plain value is taken for an answer too."""
        return tuple(inspect.signature(self.reference).parameters)

    @property
    def solution(self) -> str:
        """The reference's source without its markers."""
        lines = inspect.getsource(self.reference).splitlines(keepends=True)
        return "".join(line for line in lines if line.strip() not in (BEGIN, END))

    @property
    def stub(self) -> str:
        """What the learner starts with."""
        return strip_solution(inspect.getsource(self.reference))

    def mismatch(self, case: Case, got) -> str | None:
        """How a plain value falls short of what `case` asks for; None when it is right."""
        if self.verify:
            return self.verify(got, *case.fresh_args())
        return self.compare(self.reference(*case.fresh_args()), got, case)
