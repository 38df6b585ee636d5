"""Makes the scripts of ``tools/dataset_tools`` importable by their names."""
import sys
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).resolve().parents[2] / 'tools' / 'dataset_tools'))
