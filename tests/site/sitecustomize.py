"""Startup code: Python imports this if the folder is on PYTHONPATH."""
from tests.torchvision_operators import make_importable

make_importable()
