"""Makes the scripts of ``tools/paper`` importable by name."""
import sys
from pathlib import Path

PAPER = Path(__file__).resolve().parents[3] / 'tools/paper'
sys.path[:0] = [str(PAPER), str(PAPER / 'figures'), str(PAPER / 'benchmark')]
