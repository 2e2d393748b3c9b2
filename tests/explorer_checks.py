"""What the tests of several explorers ask of each: nothing odd is printed, every control works and has a name."""

import re


def assert_prints_cleanly(state):
    """No cell or figure is a NaN, infinite or a negative zero."""
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", state.html.replace("<wbr>", ""))
    for text in [*cells, *(number.text for number in state.numbers.values())]:
        assert not re.search(r"nan|inf|[-−]0(\.0*)?(e|$|\s)", text), (state.call, text)
    assert not re.search(r"\bnan\b|\binf\b", re.sub(r"base64,[^\"]*", "", state.html)), state.call


def settings_of(control):
    """Every value that a list or a slider can be set to."""
    if hasattr(control, "options"):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]
    return range(control.min, control.max + 1, control.step)


def assert_every_control_rewrites_the_view(explorer, expected, but=()):
    """Over its whole grid, each control but those named shows what `expected(**values)` says."""
    for name, control in explorer.controls.items():
        if name in but:
            continue
        first = control.value
        for value in settings_of(control):
            control.value = value
            assert explorer.view.value == expected(**explorer.values).html
        control.value = first


def assert_every_control_is_named(explorer):
    """Each has a label to be seen and a name to be read aloud."""
    for control in explorer.controls.values():
        assert control.description and control.tooltip
