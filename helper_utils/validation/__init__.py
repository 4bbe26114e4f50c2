"""Validation: sets and folds that keep the score honest, cross-validation, and how sure its mean is.

Splits on indices: `train_val_test_split`, `k_fold`, `stratified_k_fold`, `group_k_fold`, `time_series_split`. With
them: `cross_validate` for any training, `train_folds` for the folds of a small network at once, and
`corrected_standard_error`. The lesson's data and its one-step models are in `validation.experiments`, its drawings in
`validation.plots`.
"""

from helper_utils.validation.cross_validation import CrossValidation as CrossValidation
from helper_utils.validation.cross_validation import corrected_standard_error as corrected_standard_error
from helper_utils.validation.cross_validation import cross_validate as cross_validate
from helper_utils.validation.cross_validation import fold_seeds as fold_seeds
from helper_utils.validation.many_folds import train_folds as train_folds
from helper_utils.validation.splits import check_folds as check_folds
from helper_utils.validation.splits import group_k_fold as group_k_fold
from helper_utils.validation.splits import k_fold as k_fold
from helper_utils.validation.splits import leave_one_out as leave_one_out
from helper_utils.validation.splits import repeated_k_fold as repeated_k_fold
from helper_utils.validation.splits import stratified_k_fold as stratified_k_fold
from helper_utils.validation.splits import time_series_split as time_series_split
from helper_utils.validation.splits import train_val_test_split as train_val_test_split
