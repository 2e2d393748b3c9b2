"""Run every suite on one thread and write the table into README.md: `make bench`, a few minutes."""

import os
import platform
import warnings
from pathlib import Path

import torch

from benchmarks.suites import all_suites, seconds_to_import
from benchmarks.timing import Claim
from qlab.timing import medians

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- written by make bench: begin -->", "<!-- written by make bench: end -->"
HEAD = "| figure | compared with | measured | target | met |\n|---|---|---|---|---|"


def main() -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="torch.quantize_per_tensor")  # deprecated, and a peer all the same
    x = torch.randn(4096, 4096, generator=torch.Generator().manual_seed(0))
    lines = []
    for suite in all_suites(x, compiled=True):
        seconds = medians(suite.functions, suite.rounds)
        for claim in suite.claims:
            lines.append(line_of(claim, seconds))
            print(lines[-1], flush=True)
    milliseconds = 1e3 * seconds_to_import()
    lines.append(cells("import qlab, after torch", "", f"{milliseconds:.0f} ms", "<= 50 ms", milliseconds <= 50))
    print(lines[-1])
    README.write_text(with_table(README.read_text(encoding="utf-8"), "\n".join([HEAD, *lines])), encoding="utf-8")


def line_of(claim: Claim, seconds: dict[str, float]) -> str:
    """A claim as a line of the table."""
    if claim.peer not in seconds:
        return cells(claim.figure, claim.peer, "not installed", "", None)
    cost = seconds[claim.ours] / seconds[claim.peer]
    measured = f"{1 / cost:.2f} times faster" if claim.faster else f"{cost:.2f} times its time"
    if claim.target is None:
        return cells(claim.figure, claim.peer, measured, "", None)
    met = 1 / cost >= claim.target if claim.faster else cost <= claim.target
    return cells(claim.figure, claim.peer, measured, f"{'>=' if claim.faster else '<='} {claim.target:g}", met)


def cells(figure: str, peer: str, measured: str, target: str, met: bool | None) -> str:
    return f"| {figure} | {peer} | {measured} | {target} | {'' if met is None else 'yes' if met else '**no**'} |"


def machine() -> str:
    """Processor, cores and versions; no names."""
    info = Path("/proc/cpuinfo")
    models = (
        [line.partition(":")[2] for line in info.read_text().splitlines() if "model name" in line]
        if info.exists()
        else []
    )
    processor = models[0].strip() if models else platform.processor() or platform.machine()
    level = torch.backends.cpu.get_cpu_capability()
    return (
        f"Machine: {processor} ({level}), {os.cpu_count()} cores, one thread used; {platform.system()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}."
    )


def with_table(text: str, table: str) -> str:
    """The README with a new table, and the machine, between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{machine()}\n\n{table}\n{END}{after}"


if __name__ == "__main__":
    main()
