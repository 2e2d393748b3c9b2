"""The buttons of a prediction: one choice, one click to commit it, and then they are locked."""

import html

import ipywidgets as widgets

# Options as far apart as fingers need, 24 pixels.
_STYLE = "<style>.qlab-predict .widget-radio-box label {height: 24px; line-height: 24px; margin: 1px 0}</style>"
# JupyterLab takes the arrow keys for its own shortcuts, and ipywidgets names no group of buttons: this mends both.
# Where a page forbids inline scripts it does nothing.
_NAME_GROUP = """<img alt="" src="data:," hidden onerror="
const box = this.closest('.qlab-predict'), group = box?.querySelector('.widget-radio-box');
group?.setAttribute('role', 'radiogroup');
group?.setAttribute('aria-label', box.querySelector('b').textContent);
for (const radio of group?.querySelectorAll('input') ?? []) {
  radio.setAttribute('data-lm-suppress-shortcuts', 'true');
}">"""


def choice_widget(prediction):
    """A widget with the prediction's question and options that commits the chosen one."""
    question = widgets.HTML(f"{_STYLE}<b>{html.escape(prediction.question)}</b>")
    choice = widgets.RadioButtons(options=prediction.options, value=prediction.guess, layout={"width": "auto"})
    button = widgets.Button(description="Commit my guess", disabled=True)
    message = widgets.HTML(_NAME_GROUP)

    def lock():
        choice.disabled = button.disabled = True
        message.value = f"Committed: <b>{html.escape(prediction.guess)}</b>. Now run the next cell."

    def commit(_):
        prediction.commit(choice.value)
        lock()

    choice.observe(lambda change: setattr(button, "disabled", change.new is None), "value")
    button.on_click(commit)
    if prediction.guess is not None:
        lock()
    box = widgets.VBox([question, choice, widgets.HBox([button, message])])
    box.add_class("qlab-predict")
    return box
