"""Regularization: penalties, dropout, early stopping and noise, and a trainer that gives each run its own strengths.

`EarlyStopping`, the callback of `train_model`, is in `helper_utils`; averaged weights are in `torch.optim.swa_utils`,
and their batch norms get new statistics from `helper_utils.normalization.recalibrate_running_statistics`.
"""

from helper_utils.regularization.dropout import Dropout as Dropout
from helper_utils.regularization.dropout import monte_carlo_probabilities as monte_carlo_probabilities
from helper_utils.regularization.noise import GaussianNoise as GaussianNoise
from helper_utils.regularization.noise import noisy_labels as noisy_labels
from helper_utils.regularization.penalties import elastic_net_penalty as elastic_net_penalty
from helper_utils.regularization.penalties import entropy_penalty as entropy_penalty
from helper_utils.regularization.penalties import l1_penalty as l1_penalty
from helper_utils.regularization.penalties import l2_penalty as l2_penalty
from helper_utils.regularization.penalties import max_norm_ as max_norm_
from helper_utils.regularization.penalties import ridge_weights as ridge_weights
from helper_utils.regularization.penalties import soft_threshold as soft_threshold
from helper_utils.regularization.settings import Setting as Setting
from helper_utils.regularization.settings import SettingRuns as SettingRuns
from helper_utils.regularization.settings import train_settings as train_settings
from helper_utils.regularization.stopping import StoppedAt as StoppedAt
from helper_utils.regularization.stopping import stop_early as stop_early
