"""Makes the scripts of ``tools`` importable by their names."""
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
sys.path.insert(0, str(TOOLS / 'dataset_tools'))
sys.path.insert(0, str(TOOLS / 'figures'))
# the last, since the standard library has a module `test`, too
sys.path.append(str(TOOLS))
