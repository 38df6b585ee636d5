"""Python imports this at its start where this folder is on PYTHONPATH."""
from tests.torchvision_operators import make_importable

make_importable()
