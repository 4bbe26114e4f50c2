"""Data sets and loaders: where the files are, how they are read, split and normalised, and how batches are served.

`directory` (where the files are) · `dataset_names` (`check_dataset`) · `datasets` (`load_dataset`, the splits) ·
`loaders` (batches) · `augmentation` (batches changed at random) · sources: `shapes` (drawn by us), `downloads` (MNIST
and the like), `folders` and `image_files` (your own images).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
