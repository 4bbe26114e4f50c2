"""Distillation: a small network, the student, learns from what a large one, the teacher, says about each picture.

A teacher is more columns of targets. `with_teacher` puts its logits beside the labels, `DistillationLoss` takes the two
apart again, and so a student trains with `train_model` or `train_many` like any other network. Logits computed once
(`predict_logits`) fit pictures that do not change; for augmented ones `TaughtLoader` asks the teacher batch by batch.

    logits = predict_logits(teacher, train.inputs)
    taught = Part(train.inputs, with_teacher(train.targets, logits))
    train_many(make_student, taught, loss_fcn=DistillationLoss(temperature=4.0, alpha=0.9), val=dataset.val, ...)
"""

from helper_utils.distillation.losses import DistillationLoss as DistillationLoss
from helper_utils.distillation.losses import distillation_loss as distillation_loss
from helper_utils.distillation.losses import with_teacher as with_teacher
from helper_utils.distillation.teachers import TaughtLoader as TaughtLoader
from helper_utils.distillation.teachers import ensemble_logits as ensemble_logits
from helper_utils.distillation.teachers import predict_logits as predict_logits
