"""Ensembles: combine the predictions of several models, and make models that are worth combining.

Combine: `vote`, `average_probabilities`, `average_logits`, `geometric_mean`, `choose_weights`, `Stacking`. Explain:
`decompose_error`, `error_correlation`, `mutual_information`, `majority_accuracy`. Make members: `train_bagged`,
`train_snapshots`, `continue_training`, `AdaBoost`, `GradientBoosting`. One model again: `average_weights`.
"""

from helper_utils.ensembles.bagging import BaggedRuns as BaggedRuns
from helper_utils.ensembles.bagging import draw_bootstrap as draw_bootstrap
from helper_utils.ensembles.bagging import out_of_bag_probabilities as out_of_bag_probabilities
from helper_utils.ensembles.bagging import train_bagged as train_bagged
from helper_utils.ensembles.boosting import AdaBoost as AdaBoost
from helper_utils.ensembles.boosting import GradientBoosting as GradientBoosting
from helper_utils.ensembles.boosting import Stump as Stump
from helper_utils.ensembles.boosting import fit_stump as fit_stump
from helper_utils.ensembles.combining import average_logits as average_logits
from helper_utils.ensembles.combining import average_probabilities as average_probabilities
from helper_utils.ensembles.combining import choose_weights as choose_weights
from helper_utils.ensembles.combining import geometric_mean as geometric_mean
from helper_utils.ensembles.combining import vote as vote
from helper_utils.ensembles.diversity import ErrorParts as ErrorParts
from helper_utils.ensembles.diversity import decompose_error as decompose_error
from helper_utils.ensembles.diversity import error_correlation as error_correlation
from helper_utils.ensembles.diversity import majority_accuracy as majority_accuracy
from helper_utils.ensembles.diversity import mutual_information as mutual_information
from helper_utils.ensembles.members import average_weights as average_weights
from helper_utils.ensembles.members import continue_training as continue_training
from helper_utils.ensembles.members import load_member as load_member
from helper_utils.ensembles.members import predict_members as predict_members
from helper_utils.ensembles.members import train_snapshots as train_snapshots
from helper_utils.ensembles.stacking import Stacking as Stacking
from helper_utils.ensembles.stacking import out_of_fold_probabilities as out_of_fold_probabilities
from helper_utils.ensembles.stacking import stacked_features as stacked_features
