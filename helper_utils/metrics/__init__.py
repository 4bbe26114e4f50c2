"""Metrics of classifiers, computed from counts, from scores or from probabilities.

Counts: `confusion_matrix`, and what follows from it. Scores of two classes: `roc_curve` and `precision_recall_curve`.
Probabilities: `log_loss`, `brier_score` and calibration. How sure a number is: `bootstrap_interval`,
`wilson_interval`, `mcnemar_test`.
The lesson's experiments: `draw_rare_class_runs`, `train_linear_runs`; its drawings are in `metrics.plots`.

Predictions come first and targets second, as in torchmetrics; scikit-learn has them the other way round. Tensors may be
on any device and of any number type; the results are computed on the CPU in float64. A share of nothing (0/0, such as
the precision of a class that is never predicted) counts as 0, as torchmetrics and scikit-learn have it by default.
"""

from helper_utils.metrics.calibration import brier_score as brier_score
from helper_utils.metrics.calibration import calibration_curve as calibration_curve
from helper_utils.metrics.calibration import expected_calibration_error as expected_calibration_error
from helper_utils.metrics.calibration import log_loss as log_loss
from helper_utils.metrics.counts import Average as Average
from helper_utils.metrics.counts import accuracy as accuracy
from helper_utils.metrics.counts import confusion_matrix as confusion_matrix
from helper_utils.metrics.counts import f1_of_means as f1_of_means
from helper_utils.metrics.counts import matthews_corrcoef as matthews_corrcoef
from helper_utils.metrics.counts import precision_recall_f1 as precision_recall_f1
from helper_utils.metrics.evaluation import evaluate_metrics as evaluate_metrics
from helper_utils.metrics.ranking import average_precision as average_precision
from helper_utils.metrics.ranking import mean_cost as mean_cost
from helper_utils.metrics.ranking import precision_recall_curve as precision_recall_curve
from helper_utils.metrics.ranking import roc_auc as roc_auc
from helper_utils.metrics.ranking import roc_curve as roc_curve
from helper_utils.metrics.runs import LinearRuns as LinearRuns
from helper_utils.metrics.runs import RareClassRuns as RareClassRuns
from helper_utils.metrics.runs import draw_examples as draw_examples
from helper_utils.metrics.runs import draw_rare_class_runs as draw_rare_class_runs
from helper_utils.metrics.runs import draw_runs as draw_runs
from helper_utils.metrics.runs import normal_scores as normal_scores
from helper_utils.metrics.runs import random_labels as random_labels
from helper_utils.metrics.runs import random_scores as random_scores
from helper_utils.metrics.runs import repeat_negatives as repeat_negatives
from helper_utils.metrics.runs import thumbnails as thumbnails
from helper_utils.metrics.runs import train_linear_runs as train_linear_runs
from helper_utils.metrics.uncertainty import Interval as Interval
from helper_utils.metrics.uncertainty import bootstrap_interval as bootstrap_interval
from helper_utils.metrics.uncertainty import mcnemar_test as mcnemar_test
from helper_utils.metrics.uncertainty import wilson_interval as wilson_interval
