"""Hyperparameter search with Optuna: a study that survives being killed, on one process or many, and two objectives.

`run_study` is `optuna.create_study` and `study.optimize` with what a long search asks for: it counts the trials that
are in the storage, so that the same call again does what is missing; a trial that fails is recorded and the study goes
on; several processes, on one machine or more, share the work.
"""

from helper_utils.optuna_tuning.objectives import FlexibleCNNObjective as FlexibleCNNObjective
from helper_utils.optuna_tuning.objectives import FullyConnectedObjective as FullyConnectedObjective
from helper_utils.optuna_tuning.objectives import ReportToTrial as ReportToTrial
from helper_utils.optuna_tuning.samplers import SamplerForEachTrial as SamplerForEachTrial
from helper_utils.optuna_tuning.study import run_study as run_study
