"""Small real models and the data the lessons use, shipped with the package. Opening one needs safetensors.

>>> from qlab import zoo
>>> model = zoo.load("digits_cnn")
>>> images, labels = zoo.digits("test")
>>> model(images).argmax(1)[:5].tolist() == labels[:5].tolist()
True
"""

from qlab.zoo.digits_data import accuracy, digits
from qlab.zoo.models import load, names, record

__all__ = ["accuracy", "digits", "load", "names", "record"]
