"""What a network costs when it is used, and which of several networks to choose.

Measuring: `get_model_size`, `inference_times` and its short form `measure_inference_time`, `count_multiply_adds`,
`peak_memory`, and all at once with the accuracy: `evaluate_efficiency`.

Choosing, from a table of results: `select_best_model_constraint_based`, `select_best_model_weighted`, `pareto_front`;
`plot_efficiency` draws the table. A table is a mapping from a model's name to its metrics, or a DataFrame with the
names as its index. It has the columns of `METRICS` and may have others, which are not looked at; as it is a choice, the
accuracy in it is that on validation data, never on the test part.

One MB is 1024² bytes here.
"""

from helper_utils.efficiency.choosing import DEFAULT_WEIGHTS as DEFAULT_WEIGHTS
from helper_utils.efficiency.choosing import METRICS as METRICS
from helper_utils.efficiency.choosing import pareto_front as pareto_front
from helper_utils.efficiency.choosing import plot_efficiency as plot_efficiency
from helper_utils.efficiency.choosing import select_best_model_constraint_based as select_best_model_constraint_based
from helper_utils.efficiency.choosing import select_best_model_weighted as select_best_model_weighted
from helper_utils.efficiency.measuring import InferenceTimes as InferenceTimes
from helper_utils.efficiency.measuring import count_multiply_adds as count_multiply_adds
from helper_utils.efficiency.measuring import evaluate_efficiency as evaluate_efficiency
from helper_utils.efficiency.measuring import get_model_size as get_model_size
from helper_utils.efficiency.measuring import inference_times as inference_times
from helper_utils.efficiency.measuring import measure_inference_time as measure_inference_time
from helper_utils.efficiency.measuring import peak_memory as peak_memory
