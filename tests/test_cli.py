"""`qlab` on the command line; the app itself is opened in tests/browser/test_app.py."""

import json
import re

import pytest

from qlab import explore
from qlab.cli import app_notebook, main
from qlab.explore.base import Explorer


def test_alone_it_prints_the_map(capsys):
    assert main([]) == 0
    assert "ql.choose_qparams(" in capsys.readouterr().out


@pytest.mark.parametrize("name", explore.__all__)
def test_every_explorer_has_an_app_whose_cell_runs(name):
    (cell,) = json.loads(app_notebook(name))["cells"]
    space = {}
    exec(cell["source"].replace("explore.", "shown = explore."), space)
    assert isinstance(space["shown"], Explorer)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explore", "afine"], "no explorer 'afine'; there are .*affine"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
    ids=["unknown explorer", "unknown option"],
)
def test_mistakes_are_answered_with_what_there_is(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert re.search(message, capsys.readouterr().err)
