"""Interactive explorers, one a lesson, for a notebook: `from qlab import explore`, then `explore.affine()`.

Each is a function from settings to a widget; `tensor=` takes your own. Needs ipywidgets, numpy and matplotlib.
"""

from qlab.explore.lesson01 import formats
from qlab.explore.lesson02 import downcasting
from qlab.explore.lesson03 import affine
from qlab.explore.lesson04 import symmetric
from qlab.explore.lesson05 import granularity
from qlab.explore.lesson06 import integer_matmul
from qlab.explore.lesson07 import layers
from qlab.explore.lesson08 import clipping
from qlab.explore.lesson09 import anatomy
from qlab.explore.lesson10 import sensitivity
from qlab.explore.lesson11 import training
from qlab.explore.lesson14 import translator

__all__ = [
    "affine",
    "anatomy",
    "clipping",
    "downcasting",
    "formats",
    "granularity",
    "integer_matmul",
    "layers",
    "sensitivity",
    "symmetric",
    "training",
    "translator",
]
