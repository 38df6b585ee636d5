from .confidence_histogram_hook import ConfidenceHistogramHook
from .cost_hook import CostHook
from .interrupt_hook import InterruptHook
from .mean_teacher_hook import MeanTeacherHook
from .non_finite_hook import NonFiniteHook
from .pair_visualization_hook import PairVisualizationHook
from .prediction_files_hook import PredictionFilesHook
from .pseudo_label_gate_hook import PseudoLabelGateHook
from .rank_zero_buffers_hook import RankZeroBuffersHook
from .reproducible_randomness_hook import ReproducibleRandomnessHook
from .start_report_hook import StartReportHook
from .supervised_warmup_hook import SupervisedWarmupHook
from .training_check_hook import TrainingCheckHook
from .training_pictures_hook import TrainingPicturesHook
from .training_report_hook import TrainingReportHook
from .unreadable_images_hook import UnreadableImagesHook
from .weights_check_hook import WeightsCheckHook

__all__ = [
    'ConfidenceHistogramHook', 'CostHook', 'InterruptHook', 'MeanTeacherHook',
    'NonFiniteHook', 'PairVisualizationHook', 'PredictionFilesHook',
    'PseudoLabelGateHook', 'RankZeroBuffersHook', 'ReproducibleRandomnessHook',
    'StartReportHook', 'SupervisedWarmupHook', 'TrainingCheckHook',
    'TrainingPicturesHook', 'TrainingReportHook', 'UnreadableImagesHook',
    'WeightsCheckHook'
]
