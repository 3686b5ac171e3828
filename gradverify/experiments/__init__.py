"""Two figures of one small network, each with its measured facts: how the learning rate and the layers' sizes act.

``learning_rate()`` and ``weight_amplitude()`` train, from a seed, and return a frozen result: ``str`` is its
table, ``to_json()`` its numbers, ``figure(path)`` a PNG. ``epochs=`` shortens a run; each module's ``SHORT``
is the length that still shows what it is about, and the result says what it leaves out. Needs
``gradverify[experiments]``: scikit-learn for the digits, matplotlib for the figures.
"""

from gradverify.experiments.learning_rate import Curve, LearningRate, learning_rate
from gradverify.experiments.weight_amplitude import Layers, WeightAmplitude, weight_amplitude

__all__ = ["Curve", "Layers", "LearningRate", "WeightAmplitude", "learning_rate", "weight_amplitude"]
