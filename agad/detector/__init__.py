"""Detectors: a trained run as one file that scores images of the user's own, with its preparation and its threshold.

detector = agad.load_detector("bottle.agad")
scores = detector.score(["a.png", "b.png"])
alarms = scores > detector.threshold(0.99).value
"""

from agad.detector.detector import Detector as Detector
from agad.detector.detector import load_detector as load_detector
from agad.detector.noted import ImageWarning as ImageWarning
