"""Augmentation of whole batches: transforms, mixed examples, smoothed labels, and averages over views.

Functions in `transforms` get the parameters of each image. Functions in `random_transforms` make an augmentation
`(images, generator) -> images`, which draws them; `TensorLoader` and `train_many` take it as `augment`. `mixup` and
`cutmix` also change the targets; `train_many` takes them as `mix`. `chain`, which applies several augmentations, is in
`helper_utils.data`.
"""

from helper_utils.augmentation.labels import one_hot as one_hot
from helper_utils.augmentation.labels import smooth_labels as smooth_labels
from helper_utils.augmentation.mixing import cutmix as cutmix
from helper_utils.augmentation.mixing import draw_lambda as draw_lambda
from helper_utils.augmentation.mixing import mix as mix
from helper_utils.augmentation.mixing import mixup as mixup
from helper_utils.augmentation.mixing import mixup_pair as mixup_pair
from helper_utils.augmentation.mixing import paste_boxes as paste_boxes
from helper_utils.augmentation.random_transforms import random_color as random_color
from helper_utils.augmentation.random_transforms import random_crop as random_crop
from helper_utils.augmentation.random_transforms import random_erase as random_erase
from helper_utils.augmentation.random_transforms import random_flip as random_flip
from helper_utils.augmentation.random_transforms import random_noise as random_noise
from helper_utils.augmentation.random_transforms import random_rotation as random_rotation
from helper_utils.augmentation.transforms import adjust_color as adjust_color
from helper_utils.augmentation.transforms import crop as crop
from helper_utils.augmentation.transforms import erase as erase
from helper_utils.augmentation.transforms import flip as flip
from helper_utils.augmentation.transforms import rotate as rotate
from helper_utils.augmentation.views import average_over_views as average_over_views
