from .adversarial import Adversarial
from .cross_pseudo import CrossPseudo
from .directional_contrast import DirectionalContrast
from .mixer import Mixer
from .pseudo_labels import PseudoLabels
from .ramp import Ramp
from .semi_term import SemiTerm
from .unreliable_pseudo_labels import UnreliablePseudoLabels
from .weak_labels import WeakLabels

__all__ = [
    'Adversarial', 'CrossPseudo', 'DirectionalContrast', 'Mixer',
    'PseudoLabels', 'Ramp', 'SemiTerm', 'UnreliablePseudoLabels', 'WeakLabels'
]
