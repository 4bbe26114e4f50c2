"""The support package of the course: everything that its notebooks import.

Names are loaded when they are first used (PEP 562), so that `import helper_utils` costs milliseconds although
torch, torchvision and scikit-learn stand behind them. The list of public names is the stub beside this file.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
