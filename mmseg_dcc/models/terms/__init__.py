from .adversarial import Adversarial
from .cross_pseudo import CrossPseudo
from .directional_contrast import DirectionalContrast
from .error_correction import ErrorCorrection
from .feature_matching import FeatureMatching
from .mixer import Mixer
from .pseudo_labels import PseudoLabels
from .ramp import Ramp
from .semi_term import SemiTerm
from .weak_labels import WeakLabels

__all__ = [
    'Adversarial', 'CrossPseudo', 'DirectionalContrast', 'ErrorCorrection',
    'FeatureMatching', 'Mixer', 'PseudoLabels', 'Ramp', 'SemiTerm',
    'WeakLabels'
]
