"""Predict, then reveal: a question whose guess is committed before the answer is run.

A guess is locked once it is committed, kept with the progress, and shown beside the computed answer. Nothing is
graded. Without widgets, `Prediction.commit` takes the guess as text.
"""

from qlab.exercises import store


def predict(name, question, options):
    """A question to answer before you run the next cell; shows buttons in a notebook, text elsewhere.

    name: an id such as "03_predict"; the guess is remembered under it. options: the answers to choose from, as
    strings. Raises ValueError for fewer than two options or two equal ones.

    >>> guess = predict("00_predict", "How many codes do 3 bits give?", ["6", "8", "9"])
    >>> guess
    How many codes do 3 bits give?
      6
      8
      9
    >>> guess.reveal(str(2**3))
    No guess was committed. The run says: 8.
    """
    options = list(options)
    if len(options) < 2 or len(set(options)) < len(options):
        raise ValueError(f"a prediction needs two or more different options, got {options!r}")
    return Prediction(name, question, options)


class Prediction:
    """A question, its options and the guess; made by `predict`."""

    def __init__(self, name, question, options):
        self.name, self.question, self.options = name, question, options
        self.guess = None
        self._widget = None

    def commit(self, guess):
        """Lock a guess in; it cannot be changed. Raises ValueError if it is not one of the options."""
        if guess not in self.options:
            raise ValueError(f"{guess!r} is not one of the options: {', '.join(map(repr, self.options))}")
        if self.guess is None:
            self.guess = guess
            store.update_record(self.name, lambda record: record.update(answer=guess))

    def reveal(self, answer):
        """Print the guess beside the answer that the cell has computed, one of the options."""
        if answer not in self.options:
            raise ValueError(
                f"the answer {answer!r} is not one of the options: {', '.join(map(repr, self.options))}"
            )
        if self.guess is None:
            print(f"No guess was committed. The run says: {answer}.")
        elif self.guess == answer:
            print(f"You guessed: {self.guess}. The run agrees.")
        else:
            print(f"You guessed: {self.guess}. The run says: {answer}.")

    def __repr__(self):
        return "\n".join([self.question, *(f"  {option}" for option in self.options)])

    def _repr_mimebundle_(self, **kwargs):
        from qlab.exercises.choosing import choice_widget

        if self._widget is None:
            self._widget = choice_widget(self)
        return {**self._widget._repr_mimebundle_(**kwargs), "text/plain": repr(self)}
