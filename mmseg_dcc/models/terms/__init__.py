from .adversarial import Adversarial
from .cross_consistency import CrossConsistency
from .cross_pseudo import CrossPseudo
from .directional_contrast import DirectionalContrast
from .error_correction import ErrorCorrection
from .feature_matching import FeatureMatching
from .guided_collaboration import GuidedCollaboration
from .mixer import Mixer
from .partner_term import PartnerTerm
from .pseudo_labels import PseudoLabels
from .ramp import Ramp
from .semi_term import SemiTerm
from .squared_consistency import SquaredConsistency
from .uni_match import UniMatch
from .unreliable_pseudo_labels import UnreliablePseudoLabels
from .weak_labels import WeakLabels

__all__ = [
    'Adversarial', 'CrossConsistency', 'CrossPseudo', 'DirectionalContrast',
    'ErrorCorrection', 'FeatureMatching', 'GuidedCollaboration', 'Mixer',
    'PartnerTerm', 'PseudoLabels', 'Ramp', 'SemiTerm', 'SquaredConsistency',
    'UniMatch', 'UnreliablePseudoLabels', 'WeakLabels'
]
