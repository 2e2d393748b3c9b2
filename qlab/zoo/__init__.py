"""Small real models and the data the lessons use, shipped with the package. Opening one needs safetensors.

>>> from qlab import zoo
>>> model = zoo.load("digits_cnn")
>>> images, labels = zoo.digits("test")
>>> model(images).argmax(1)[:5].tolist() == labels[:5].tolist()
True
"""

from qlab.zoo.detecting import box_iou, detect
from qlab.zoo.detection_scores import agreement, average_precision, matched_boxes
from qlab.zoo.digits_data import accuracy, digits
from qlab.zoo.models import load, names, record
from qlab.zoo.next_word import word_model
from qlab.zoo.resnet50 import ResNet50
from qlab.zoo.scenes_data import Objects, scenes
from qlab.zoo.training_digits import fine_tune

__all__ = [
    "Objects",
    "ResNet50",
    "accuracy",
    "agreement",
    "average_precision",
    "box_iou",
    "detect",
    "digits",
    "fine_tune",
    "load",
    "matched_boxes",
    "names",
    "record",
    "scenes",
    "word_model",
]
