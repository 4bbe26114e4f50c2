from .notebook import exercise as exercise
from .notebook import hint as hint
from .notebook import show_answer as show_answer
from .registry import Exercise as Exercise
from .registry import WrongAnswer as WrongAnswer
from .registry import find_exercise as find_exercise
from .verdict import Verdict as Verdict
from .verdict import check as check
