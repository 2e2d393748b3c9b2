"""The stub of an exercise: what is cut, what stays, and what is refused."""

import pytest

from qlab.exercises.stub import strip_solution

STUB = "...  # your code here"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", ""),
        ("x = 1\n", "x = 1\n"),
        ("# BEGIN SOLUTION\nx = 1\n# END SOLUTION", STUB),
        ("# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n", f"{STUB}\n"),
        ("# BEGIN SOLUTION\n# END SOLUTION\ny = 2", f"{STUB}\ny = 2"),
        ("def f():\n    # BEGIN SOLUTION\n    return 1\n    # END SOLUTION\n", f"def f():\n    {STUB}\n"),
        ("if x:\n\t# BEGIN SOLUTION  \n\ty = 1\n\n\t# END SOLUTION\nz = 2", f"if x:\n\t{STUB}\nz = 2"),
        (
            "# BEGIN SOLUTION\nb = 2\n# END SOLUTION\nc = 3\n# BEGIN SOLUTION\nd = 4\n# END SOLUTION\n",
            f"{STUB}\nc = 3\n{STUB}\n",
        ),
    ],
    ids=[
        "empty",
        "no-region",
        "whole-cell",
        "final-newline",
        "empty-region",
        "indented",
        "tabs-and-spaces",
        "two-regions",
    ],
)
def test_strip_solution(source, expected):
    assert strip_solution(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        'print("# BEGIN SOLUTION")\n',
        "x = 1  # BEGIN SOLUTION\n",
        "# BEGIN SOLUTION of the riddle\n",
        "# end solution\n",
    ],
    ids=["in-a-string", "behind-code", "longer-comment", "lower-case"],
)
def test_only_whole_lines_are_markers(source):
    assert strip_solution(source) == source


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n# BEGIN SOLUTION\nx = 2", "line 2: '# BEGIN SOLUTION' is never closed"),
        (
            "# BEGIN SOLUTION\n\n# BEGIN SOLUTION\n# END SOLUTION",
            "line 3: .* inside the region of line 1",
        ),
        ("x = 1\n# END SOLUTION", "line 2: '# END SOLUTION' closes nothing"),
        ("# BEGIN SOLUTION\n# END SOLUTION\n# END SOLUTION", "line 3: '# END SOLUTION' closes nothing"),
    ],
    ids=["unclosed", "nested", "stray-end", "second-end"],
)
def test_bad_markers_are_refused(source, message):
    with pytest.raises(ValueError, match=message):
        strip_solution(source)


def test_stripping_twice_changes_nothing():
    source = "def f(x):\n    # BEGIN SOLUTION\n    return x\n    # END SOLUTION\n"
    once = strip_solution(source)
    assert strip_solution(once) == once
