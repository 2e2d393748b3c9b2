"""A guess is committed once, kept, and shown beside the computed answer."""

import json
import os

import pytest

from qlab.exercises.choosing import choice_widget
from qlab.exercises.predicting import predict

OPTIONS = ["two", "four", "eight"]


@pytest.fixture
def guess():
    return predict("03_predict", "How many?", OPTIONS)


def saved():
    with open(os.path.join(os.environ["QLAB_DATA_DIR"], "progress.json"), encoding="utf-8") as file:
        return json.load(file)["exercises"]["03_predict"]["answer"]


def test_the_guess_is_locked_kept_and_compared(guess, capsys):
    guess.commit("four")
    guess.commit("eight")  # too late
    assert guess.guess == saved() == "four"
    guess.reveal("four")
    guess.reveal("eight")
    assert capsys.readouterr().out.splitlines() == [
        "You guessed: four. The run agrees.",
        "You guessed: four. The run says: eight.",
    ]


def test_the_buttons_commit_once(guess):
    box = choice_widget(guess)
    _, choice, (button, message) = box.children[0], box.children[1], box.children[2].children
    assert choice.value is None and button.disabled
    choice.value = "two"
    assert not button.disabled
    button.click()
    assert guess.guess == saved() == "two"
    assert choice.disabled and button.disabled and "two" in message.value
    assert choice_widget(guess).children[1].disabled  # shown again, it is still locked


def test_it_reads_as_text_and_as_a_widget(guess):
    bundle = guess._repr_mimebundle_()
    assert bundle["text/plain"] == "How many?\n  two\n  four\n  eight"
    assert "application/vnd.jupyter.widget-view+json" in bundle


@pytest.mark.parametrize("options", [["one"], ["a", "a"]], ids=["one option", "equal options"])
def test_options_must_differ(options):
    with pytest.raises(ValueError, match=repr(options[0])):
        predict("03_predict", "?", options)


def test_only_options_count(guess):
    for call in (guess.commit, guess.reveal):
        with pytest.raises(ValueError, match=r"'five'.*'two', 'four', 'eight'"):
            call("five")
