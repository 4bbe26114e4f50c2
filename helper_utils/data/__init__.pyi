# The public names, read at run time by lazy_loader and by type checkers.
from .augmentation import chain as chain
from .augmentation import random_horizontal_flip as random_horizontal_flip
from .augmentation import random_shift as random_shift
from .dataset_names import DATASET_NAMES as DATASET_NAMES
from .dataset_names import check_dataset as check_dataset
from .datasets import Dataset as Dataset
from .datasets import Masks as Masks
from .datasets import Part as Part
from .datasets import load_dataset as load_dataset
from .directory import data_directory as data_directory
from .downloads import available_downloads as available_downloads
from .loaders import TensorLoader as TensorLoader
from .loaders import get_dataset_dataloaders as get_dataset_dataloaders
from .shapes import make_shapes as make_shapes
