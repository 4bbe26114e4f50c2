"""Which trials of a study count."""

from optuna.trial import FrozenTrial, TrialState

ERROR = "error"  # the user attribute of a trial whose objective failed


def counts(trial: FrozenTrial) -> bool:
    """Say whether a trial is finished: complete, pruned, or failed by its objective's own fault."""
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or ERROR in trial.user_attrs
