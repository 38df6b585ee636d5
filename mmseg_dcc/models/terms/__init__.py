from .adversarial import Adversarial
from .cross_consistency import CrossConsistency
from .cross_pseudo import CrossPseudo
from .directional_contrast import DirectionalContrast
from .mixer import Mixer
from .pseudo_labels import PseudoLabels
from .ramp import Ramp
from .semi_term import SemiTerm
from .squared_consistency import SquaredConsistency
from .uni_match import UniMatch
from .weak_labels import WeakLabels

__all__ = [
    'Adversarial', 'CrossConsistency', 'CrossPseudo', 'DirectionalContrast',
    'Mixer', 'PseudoLabels', 'Ramp', 'SemiTerm', 'SquaredConsistency',
    'UniMatch', 'WeakLabels'
]
