"""Search strategies from scratch: spaces and samplers, Bayesian optimisation, halving, evolution, hypergradients.

Searches maximise, in the unit cube; `to_hyperparameters` turns its points into values with ranges and scales.
"""

from helper_utils.search_strategies.evolution import cma_es as cma_es
from helper_utils.search_strategies.evolution import evolve as evolve
from helper_utils.search_strategies.evolution import mu_lambda_strategy as mu_lambda_strategy
from helper_utils.search_strategies.gaussian_process import GaussianProcess as GaussianProcess
from helper_utils.search_strategies.gaussian_process import bayesian_search as bayesian_search
from helper_utils.search_strategies.gaussian_process import expected_improvement as expected_improvement
from helper_utils.search_strategies.gaussian_process import matern52 as matern52
from helper_utils.search_strategies.gaussian_process import rbf as rbf
from helper_utils.search_strategies.halving import hyperband as hyperband
from helper_utils.search_strategies.halving import hyperband_brackets as hyperband_brackets
from helper_utils.search_strategies.halving import median_pruning as median_pruning
from helper_utils.search_strategies.halving import successive_halving as successive_halving
from helper_utils.search_strategies.hypergradients import hypergradient_descent as hypergradient_descent
from helper_utils.search_strategies.hypergradients import hypergradients as hypergradients
from helper_utils.search_strategies.hypergradients import loss_after_training as loss_after_training
from helper_utils.search_strategies.parzen import parzen_density as parzen_density
from helper_utils.search_strategies.parzen import parzen_search as parzen_search
from helper_utils.search_strategies.population import copy_the_best as copy_the_best
from helper_utils.search_strategies.population import train_populations as train_populations
from helper_utils.search_strategies.spaces import chance_of_a_good_trial as chance_of_a_good_trial
from helper_utils.search_strategies.spaces import grid_points as grid_points
from helper_utils.search_strategies.spaces import quasi_random_points as quasi_random_points
from helper_utils.search_strategies.spaces import random_points as random_points
from helper_utils.search_strategies.spaces import to_hyperparameters as to_hyperparameters
from helper_utils.search_strategies.spaces import trials_for_chance as trials_for_chance
