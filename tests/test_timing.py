"""Timing: in turn, the first round left out, and a picture of it."""

import time

import pytest

from qlab.timing import medians, time_bars


def test_functions_run_in_turn_and_the_first_round_does_not_count():
    calls, waits = [], iter([0.05, 0.0, 0.0, 0.0])

    def busy():
        calls.append("busy")
        end = time.process_time() + next(waits)
        while time.process_time() < end:
            pass

    seconds = medians({"busy": busy, "idle": lambda: calls.append("idle")}, rounds=3)
    assert calls == ["busy", "idle"] * 4
    assert seconds["busy"] < 0.02


def test_the_picture_says_how_many_times_as_fast():
    axes = time_bars({"a": 0.1, "b": 0.05, "c": 0.2}, "three").axes[0]
    assert [text.get_text() for text in axes.texts] == [
        "100 ms",
        "50 ms: 2.0 times as fast",
        "200 ms: 0.5 times as fast",
    ]
    assert axes.get_title(loc="left") == "three"
    assert [bar.get_width() for bar in axes.patches] == [100, 50, 200]


@pytest.mark.parametrize("seconds", [{}, {"a": 0.0}, {"a": -1.0}, {"a": float("nan")}], ids=str)
def test_what_is_no_time_is_a_value_error(seconds):
    with pytest.raises(ValueError, match="seconds must be positive"):
        time_bars(seconds)
