"""Interpretability: explanations of a network's answer, and the checks that tell whether they are true.

Gradients: `saliency`, `gradient_times_input`, `smooth_grad`, `integrated_gradients`, `guided_backpropagation`. Regions:
`occlusion`, `grad_cam`. Checks: `share_inside`, `pointing_game`, `rank_correlation`, `randomize_from_top`,
`deletion_curve`. Features: `permutation_importance`, `partial_dependence`, `individual_expectations`. Players:
`shapley_values`, `lime`. Models that can be read: `fit_rule_list`, `logistic_weights`. Other models and examples:
`surrogate_tree`, `fidelity`, `counterfactual`, `layer_features`, `nearest_neighbours`. Images whose truth is known:
`load_scenes`, `add_marks`, `mark_place`.
"""

from helper_utils.interpretability.checks import deletion_curve as deletion_curve
from helper_utils.interpretability.checks import pointing_game as pointing_game
from helper_utils.interpretability.checks import randomize_from_top as randomize_from_top
from helper_utils.interpretability.checks import rank_correlation as rank_correlation
from helper_utils.interpretability.checks import share_inside as share_inside
from helper_utils.interpretability.examples import counterfactual as counterfactual
from helper_utils.interpretability.examples import layer_features as layer_features
from helper_utils.interpretability.examples import nearest_neighbours as nearest_neighbours
from helper_utils.interpretability.features import individual_expectations as individual_expectations
from helper_utils.interpretability.features import partial_dependence as partial_dependence
from helper_utils.interpretability.features import permutation_importance as permutation_importance
from helper_utils.interpretability.gradients import gradient_times_input as gradient_times_input
from helper_utils.interpretability.gradients import guided_backpropagation as guided_backpropagation
from helper_utils.interpretability.gradients import heat_map as heat_map
from helper_utils.interpretability.gradients import integrated_gradients as integrated_gradients
from helper_utils.interpretability.gradients import saliency as saliency
from helper_utils.interpretability.gradients import smooth_grad as smooth_grad
from helper_utils.interpretability.players import lime as lime
from helper_utils.interpretability.players import shapley_values as shapley_values
from helper_utils.interpretability.readable import RuleList as RuleList
from helper_utils.interpretability.readable import fit_rule_list as fit_rule_list
from helper_utils.interpretability.readable import logistic_weights as logistic_weights
from helper_utils.interpretability.regions import grad_cam as grad_cam
from helper_utils.interpretability.regions import occlusion as occlusion
from helper_utils.interpretability.scenes import Scenes as Scenes
from helper_utils.interpretability.scenes import add_marks as add_marks
from helper_utils.interpretability.scenes import load_scenes as load_scenes
from helper_utils.interpretability.scenes import mark_place as mark_place
from helper_utils.interpretability.surrogates import fidelity as fidelity
from helper_utils.interpretability.surrogates import surrogate_tree as surrogate_tree
