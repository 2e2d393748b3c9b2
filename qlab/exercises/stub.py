"""From a solution to the stub a learner starts with: cut out what stands between two marker lines.

One function, in pure Python, serves both the lessons (cells) and the exercises (reference code). It knows
neither notebooks nor exercises.
"""

BEGIN = "# BEGIN SOLUTION"
END = "# END SOLUTION"
STUB = "...  # your code here"


def strip_solution(source: str) -> str:
    """Replace each region from `# BEGIN SOLUTION` to `# END SOLUTION` by one stub line.

    A marker is a whole line: only spaces may stand around it. The stub takes the indentation of the opening
    marker, and everything outside the regions stays as it is, to the character.

    Raises ValueError, with the line number, when a region opens inside another, is never closed, or is
    closed without having been opened.

    >>> print(strip_solution('''def double(x):
    ...     # BEGIN SOLUTION
    ...     y = 2 * x
    ...     return y
    ...     # END SOLUTION'''))
    def double(x):
        ...  # your code here
    """
    kept, opened = [], None
    for number, line in enumerate(source.splitlines(keepends=True), start=1):
        marker = line.strip()
        if marker == BEGIN:
            if opened:
                raise ValueError(
                    f"line {number}: {BEGIN!r} inside the region of line {opened}; close that one first"
                )
            opened, indent = number, line[: line.index("#")]
        elif marker == END:
            if not opened:
                raise ValueError(f"line {number}: {END!r} closes nothing; put {BEGIN!r} above the solution")
            opened = None
            kept.append(indent + STUB + line[len(line.rstrip()) :])
        elif not opened:
            kept.append(line)
    if opened:
        raise ValueError(f"line {opened}: {BEGIN!r} is never closed; put {END!r} below the solution")
    return "".join(kept)
