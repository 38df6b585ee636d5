from .adversarial import Adversarial
from .cross_pseudo import CrossPseudo
from .directional_contrast import DirectionalContrast
from .guided_collaboration import GuidedCollaboration
from .mixer import Mixer
from .partner_term import PartnerTerm
from .pseudo_labels import PseudoLabels
from .ramp import Ramp
from .semi_term import SemiTerm
from .weak_labels import WeakLabels

__all__ = [
    'Adversarial', 'CrossPseudo', 'DirectionalContrast',
    'GuidedCollaboration', 'Mixer', 'PartnerTerm', 'PseudoLabels', 'Ramp',
    'SemiTerm', 'WeakLabels'
]
