"""What the suites consist of: functions that `qlab.timing` runs in turn, and claims about their times."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Claim:
    """One line of the table: how two functions of a suite compare, and the ratio that is to be reached."""

    figure: str
    peer: str
    target: float | None = None
    faster: bool = False  # the target is a least speed-up (peer / ours), not a largest cost (ours / peer)
    ours: str = "ours"


@dataclass
class Suite:
    """Functions that run in turn, and what is claimed of them."""

    functions: dict[str, Callable[[], object]]
    claims: list[Claim] = field(default_factory=list)
    rounds: int = 15
