"""Exercises of the lesson 15_experiment_tracking."""

import hashlib
import itertools
import json
import math
import statistics

import numpy as np
import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ---------------------------------------------------------------------------------- experiment_tracking.fingerprint


def fingerprint(values: np.ndarray) -> str:
    """Return a short text that is different where the array is.

    Take the SHA-256 hash of three things, one after the other: the type as a text
    (str(values.dtype)), the shape as a text (str(values.shape)), and the bytes
    (values.tobytes()). Return the first 16 characters of its hexadecimal form.
    """
    state = hashlib.sha256()
    state.update(str(values.dtype).encode())
    state.update(str(values.shape).encode())
    state.update(values.tobytes())
    return state.hexdigest()[:16]


def all_in_one_update(values):
    """All in one update."""
    whole = str(values.dtype).encode() + str(values.shape).encode() + values.tobytes()
    return hashlib.sha256(whole).hexdigest()[:16]


def digits_of_the_digest(values):
    """Digits of the digest."""
    state = hashlib.new("sha256")
    for part in (str(values.dtype).encode(), str(values.shape).encode(), values.tobytes()):
        state.update(part)
    return state.digest()[:8].hex()


def _hash_of(*parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()


def bytes_only(values):
    """Bytes only."""
    return _hash_of(values.tobytes())[:16]


def type_left_out(values):
    """Type left out."""
    return _hash_of(str(values.shape).encode(), values.tobytes())[:16]


def shape_left_out(values):
    """Shape left out."""
    return _hash_of(str(values.dtype).encode(), values.tobytes())[:16]


def shape_before_type(values):
    """Shape before type."""
    return _hash_of(str(values.shape).encode(), str(values.dtype).encode(), values.tobytes())[:16]


def printed_form_only(values):
    """Printed form only."""
    return _hash_of(str(values).encode())[:16]


def printed_form(values):
    """Printed form."""
    return _hash_of(str(values.dtype).encode(), str(values.shape).encode(), str(values).encode())[:16]


def order_lost(values):
    """Order lost."""
    ordered = np.sort(values, axis=None).tobytes()
    return _hash_of(str(values.dtype).encode(), str(values.shape).encode(), ordered)[:16]


def whole_hash(values):
    """Whole hash."""
    return _hash_of(str(values.dtype).encode(), str(values.shape).encode(), values.tobytes())


FINGERPRINT = Exercise(
    name="experiment_tracking.fingerprint",
    difficulty=1,
    answer=fingerprint,
    right_answers=[all_in_one_update, digits_of_the_digest],
    cases=[
        (np.array([3.0, 1.0, 2.0]),),
        (np.array([[3, 1], [2, 2]]),),
        (np.array([[True, False]]),),
    ],
    wrong_answers=[
        WrongAnswer(bytes_only, "Type and shape are missing: the same bytes can be two different arrays."),
        WrongAnswer(type_left_out, "The type is missing. Hash str(values.dtype) first."),
        WrongAnswer(shape_left_out, "The shape is missing: a transposed copy can have the same bytes."),
        WrongAnswer(
            shape_before_type, "You hash the shape before the type. A fixed order makes fingerprints comparable."
        ),
        WrongAnswer(printed_form, "The printed form rounds, and leaves out the middle of long arrays. Hash the bytes."),
        WrongAnswer(
            printed_form_only,
            "You hash what print shows, which leaves out the middle of long arrays, type and shape. Hash all three.",
        ),
        WrongAnswer(
            order_lost, "You sort the values, so a shuffled data set has the same fingerprint. Keep the order."
        ),
        WrongAnswer(whole_hash, "That is the whole hash. Keep its first 16 characters."),
    ],
    hints=[
        "Make `state = hashlib.sha256()`, and feed it by `state.update(...)`, which takes bytes.",
        "A text becomes bytes by `.encode()`. At the end take `state.hexdigest()[:16]`.",
    ],
    praise="Two runs whose data have the same fingerprint had the same data.",
)

# ------------------------------------------------------------------------------------- experiment_tracking.run_name


def run_name(settings: dict) -> str:
    """Return the name of a run: its settings, sorted by name.

    Such as "lr=0.1,seed=0": each name, an equals sign and the value, with commas
    between them.
    """
    return ",".join(f"{name}={value}" for name, value in sorted(settings.items()))


def name_in_a_loop(settings):
    """Name in a loop."""
    parts = []
    for name in sorted(settings):
        parts.append(name + "=" + str(settings[name]))
    return ",".join(parts)


def name_by_format(settings):
    """Name by format."""
    return ",".join(map("{0[0]}={0[1]}".format, sorted(settings.items())))


def order_as_given(settings):
    """Order as given."""
    return ",".join(f"{name}={value}" for name, value in settings.items())


def values_only(settings):
    """Values only."""
    return ",".join(str(settings[name]) for name in sorted(settings))


def text_of_the_dict(settings):
    """Text of the dict."""
    return str(settings)


def seed_forgotten(settings):
    """Seed forgotten."""
    return ",".join(f"{name}={value}" for name, value in sorted(settings.items()) if name != "seed")


def sorted_backwards(settings):
    """Sorted backwards."""
    return ",".join(f"{name}={value}" for name, value in sorted(settings.items(), reverse=True))


def spaces_between(settings):
    """Spaces between."""
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))


def first_setting_only(settings):
    """First setting only."""
    name = min(settings)
    return f"{name}={settings[name]}"


RUN_NAME = Exercise(
    name="experiment_tracking.run_name",
    difficulty=1,
    answer=run_name,
    right_answers=[name_in_a_loop, name_by_format],
    cases=[
        ({"seed": 0, "lr": 0.1},),
        ({"lr": 0.05, "batch_size": 32, "seed": 3},),
        ({"optimizer": "SGD", "n_hidden": 64, "seed": 1, "dropout": 0.0},),
    ],
    wrong_answers=[
        WrongAnswer(
            order_as_given, "The order depends on who wrote the dict: the same settings get two names. Sort them."
        ),
        WrongAnswer(values_only, "Without the names nobody knows which number is the rate."),
        WrongAnswer(text_of_the_dict, "Braces and quotes make a poor name for a folder. Join `name=value` by commas."),
        WrongAnswer(seed_forgotten, "The seed is a setting too: without it, two runs get the same name."),
        WrongAnswer(sorted_backwards, "Sort from a to z, not backwards."),
        WrongAnswer(spaces_between, "Leave out the blanks after the commas: they are a nuisance in names of folders."),
        WrongAnswer(first_setting_only, "That is one setting. Two runs that differ in the others get the same name."),
    ],
    hints=[
        "`sorted(settings.items())` gives the pairs in the order of the names.",
        'Write each pair as f"{name}={value}", and join them by ",".join(...).',
    ],
    praise="The name says what was run, and the same settings cannot run twice unnoticed.",
)

# ------------------------------------------------------------------------------------- experiment_tracking.log_line


def log_line(epoch: int, metrics: dict) -> str:
    """Return one line of JSON that records an epoch, as json.dumps writes it.

    First comes "epoch", then the metrics in their order; the line ends with a newline.
    A metric is a number, or a tensor with one element, of which the number is written.
    """
    values: dict = {"epoch": epoch}
    for name, value in metrics.items():
        values[name] = float(value)
    return json.dumps(values) + "\n"


def line_with_items(epoch, metrics):
    """Line with items."""
    numbers = {name: v.item() if isinstance(v, torch.Tensor) else v for name, v in metrics.items()}
    return json.dumps({"epoch": epoch, **numbers}) + "\n"


def line_by_a_default(epoch, metrics):
    """Line by a default."""
    return f"{json.dumps({'epoch': epoch} | metrics, default=float)}\n"


def _numbers(metrics):
    return {name: float(value) for name, value in metrics.items()}


def without_newline(epoch, metrics):
    """Without newline."""
    return json.dumps({"epoch": epoch} | _numbers(metrics))


def tensors_as_text(epoch, metrics):
    """Tensors as text."""
    return json.dumps({"epoch": epoch} | metrics, default=str) + "\n"


def text_of_a_dict(epoch, metrics):
    """Text of a dict."""
    return str({"epoch": epoch} | _numbers(metrics)) + "\n"


def over_several_lines(epoch, metrics):
    """Over several lines."""
    return json.dumps({"epoch": epoch} | _numbers(metrics), indent=1) + "\n"


def epoch_left_out(epoch, metrics):  # noqa: ARG001
    """Epoch left out."""
    return json.dumps(_numbers(metrics)) + "\n"


def epoch_at_the_end(epoch, metrics):
    """Epoch at the end."""
    return json.dumps(_numbers(metrics) | {"epoch": epoch}) + "\n"


def rounded_numbers(epoch, metrics):
    """Rounded numbers."""
    numbers = {name: round(value, 3) for name, value in _numbers(metrics).items()}
    return json.dumps({"epoch": epoch} | numbers) + "\n"


def values_in_a_list(epoch, metrics):
    """Values in a list."""
    return json.dumps([epoch, *_numbers(metrics).values()]) + "\n"


def metrics_in_metrics(epoch, metrics):
    """Metrics in metrics."""
    return json.dumps({"epoch": epoch, "metrics": _numbers(metrics)}) + "\n"


LOG_LINE = Exercise(
    name="experiment_tracking.log_line",
    difficulty=2,
    answer=log_line,
    right_answers=[line_with_items, line_by_a_default],
    cases=[
        (1, {"loss": 0.5, "accuracy": 0.25}),
        (2, {"loss": torch.tensor(0.5)}),
        (7, {"train_loss": 0.123456789, "val_loss": torch.tensor([1.5])}),
    ],
    wrong_answers=[
        WrongAnswer(without_newline, "The newline at the end is missing: two epochs would share a line."),
        WrongAnswer(
            tensors_as_text, 'A tensor is stored as a text such as "tensor(0.5)". Store its number: float(value).'
        ),
        WrongAnswer(text_of_a_dict, "That is Python's form, which other programs cannot read. Use json.dumps."),
        WrongAnswer(over_several_lines, "One epoch takes several lines. Leave out `indent`: one line, one epoch."),
        WrongAnswer(epoch_left_out, "Which epoch was it? Put the epoch first."),
        WrongAnswer(epoch_at_the_end, "Put the epoch first, before the metrics."),
        WrongAnswer(rounded_numbers, "You round, so a repeated run can no longer be compared bit by bit."),
        WrongAnswer(values_in_a_list, "A list has no names. Write a dict: the epoch, then each metric by its name."),
        WrongAnswer(metrics_in_metrics, "The metrics are a dict within the dict. Put them beside the epoch."),
    ],
    hints=[
        'Begin with `values = {"epoch": epoch}`, and add each metric as `float(value)`.',
        'Return `json.dumps(values) + "\\n"`.',
    ],
    praise="One line for each epoch is what a killed run leaves readable.",
)

# ------------------------------------------------------------------------------- experiment_tracking.complete_lines


def complete_lines(text: str) -> list[dict]:
    """Return the lines of a record, each one read by json.loads.

    The writer may have been killed: stop at the first line that is not complete JSON,
    and return those before it. An empty record gives an empty list.
    """
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return found


def read_until_it_fails(text):
    """Read until it fails."""
    found, lines = [], text.split("\n")
    try:
        while lines and lines[0]:
            found.append(json.loads(lines.pop(0)))
    except ValueError:
        pass
    return found


def lines_counted_before_reading(text):
    """Lines counted before reading."""

    def is_complete(line):
        try:
            json.loads(line)
        except ValueError:
            return False
        return True

    return list(map(json.loads, itertools.takewhile(is_complete, text.splitlines())))


def last_line_always_dropped(text):
    """Last line always dropped."""
    return [json.loads(line) for line in text.splitlines()[:-1]]


def newline_required(text):
    """Newline required."""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def lines_not_read(text):
    """Lines not read."""
    kept = []
    for line in text.splitlines():
        try:
            json.loads(line)
        except ValueError:
            break
        kept.append(line)
    return kept


def nothing_if_damaged(text):
    """Nothing if damaged."""
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError:
        return []


def none_for_a_cut_line(text):
    """None for a cut line."""
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            found.append(None)
    return found


def damaged_lines_skipped(text):
    """Damaged lines skipped."""
    return [values for values in none_for_a_cut_line(text) if values is not None]


def newest_line_only(text):
    """Newest line only."""
    return complete_lines(text)[-1:]


def newest_first(text):
    """Newest first."""
    return complete_lines(text)[::-1]


COMPLETE_LINES = Exercise(
    name="experiment_tracking.complete_lines",
    difficulty=2,
    answer=complete_lines,
    right_answers=[read_until_it_fails, lines_counted_before_reading],
    cases=[
        ('{"epoch": 1}\n{"epoch": 2}\n',),
        ('{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "loss": 0.25}\n{"epoch": 3, "lo',),
        ('{"epoch": 1}\n{"epoch": 2}',),
        ("",),
        ('{"epo',),
        ('{"epoch": 1}\n{"epo\n{"epoch": 3}\n',),
    ],
    wrong_answers=[
        WrongAnswer(last_line_always_dropped, "You drop the last line even if it is complete."),
        WrongAnswer(
            newline_required, "A line that is complete JSON counts, even if the newline behind it was not written."
        ),
        WrongAnswer(lines_not_read, "Your lines are still texts. Return what json.loads makes of them."),
        WrongAnswer(nothing_if_damaged, "One cut line costs you the whole record. Keep the lines before it."),
        WrongAnswer(none_for_a_cut_line, "Leave a cut line out; None in its place breaks what comes after."),
        WrongAnswer(
            damaged_lines_skipped,
            "You skip a damaged line and go on behind it, so a hole in the record stays hidden. Stop there.",
        ),
        WrongAnswer(newest_line_only, "That is the newest line only. Return all complete ones."),
        WrongAnswer(newest_first, "Keep the order of the file: the oldest line comes first."),
    ],
    hints=[
        "Go through text.splitlines(), and try json.loads on each line.",
        "A line that is cut off raises json.JSONDecodeError, a ValueError: stop there and return what you have.",
    ],
    praise="A record that was cut off in the middle of a line is still read.",
)

# ----------------------------------------------------------------------------- experiment_tracking.first_difference


def first_difference(recorded: list[float], again: list[float]) -> int:
    """Return the first epoch, from 1, in which two curves differ; 0 if none does.

    Equal means equal to the bit, so compare with == and not with a tolerance. But nan
    counts as equal to nan. `again` may be shorter: an epoch that it lacks differs.
    """
    for i, value in enumerate(recorded):
        if i >= len(again):
            return i + 1
        both_nan = math.isnan(value) and math.isnan(again[i])
        if value != again[i] and not both_nan:
            return i + 1
    return 0


def difference_by_texts(recorded, again):
    """Difference by texts."""
    texts = [repr(value) for value in again] + [""] * len(recorded)
    found = [i for i, value in enumerate(recorded, start=1) if repr(value) != texts[i - 1]]
    return found[0] if found else 0


def difference_by_a_generator(recorded, again):
    """Difference by a generator."""
    pairs = enumerate(zip(recorded, [*again, *["missing"] * len(recorded)], strict=False), start=1)
    return next((i for i, (a, b) in pairs if a != b and not (a != a and b != b)), 0)


def counted_from_zero(recorded, again):
    """Counted from zero."""
    return first_difference(recorded, again) - 1


def index_returned(recorded, again):
    """Index returned."""
    return max(first_difference(recorded, again) - 1, 0)


def pairs_without_nan(recorded, again):
    """Pairs without nan."""
    for i, (a, b) in enumerate(zip(recorded, again, strict=False), start=1):
        if a != b:
            return i
    return 0


def one_nan_is_enough(recorded, again):
    """One nan is enough."""
    for i, value in enumerate(recorded):
        if i >= len(again):
            return i + 1
        if value != again[i] and not (math.isnan(value) or math.isnan(again[i])):
            return i + 1
    return 0


def within_a_tolerance(recorded, again):
    """Within a tolerance."""
    for i, value in enumerate(recorded):
        if i >= len(again):
            return i + 1
        if not math.isclose(value, again[i], rel_tol=1e-6) and not (math.isnan(value) and math.isnan(again[i])):
            return i + 1
    return 0


def last_difference(recorded, again):
    """Last difference."""
    found = 0
    for i, value in enumerate(recorded):
        if i >= len(again) or (value != again[i] and not (math.isnan(value) and math.isnan(again[i]))):
            found = i + 1
    return found


def nan_always_differs(recorded, again):
    """Nan always differs."""
    for i, value in enumerate(recorded):
        if i >= len(again) or value != again[i]:
            return i + 1
    return 0


def missing_epochs_ignored(recorded, again):
    """Missing epochs ignored."""
    for i, (a, b) in enumerate(zip(recorded, again, strict=False)):
        if a != b and not (math.isnan(a) and math.isnan(b)):
            return i + 1
    return 0


def number_of_differences(recorded, again):
    """Number of differences."""
    return sum(
        i >= len(again) or (value != again[i] and not (math.isnan(value) and math.isnan(again[i])))
        for i, value in enumerate(recorded)
    )


def minus_one_if_none(recorded, again):
    """Minus one if none."""
    return first_difference(recorded, again) or -1


FIRST_DIFFERENCE = Exercise(
    name="experiment_tracking.first_difference",
    difficulty=2,
    answer=first_difference,
    right_answers=[difference_by_texts, difference_by_a_generator],
    cases=[
        ([0.9, 0.5, 0.3], [0.9, 0.5, 0.2]),
        ([0.9, 0.5], [0.9, 0.5]),
        ([0.9, 0.5, 0.3], [0.9, 0.5 + 1e-9, 0.4]),
        ([math.nan, 0.5, 0.3], [math.nan, 0.5, 0.3]),
        ([0.9, 0.5, 0.3, 0.2], [0.9, 0.5]),
        ([0.9, 0.5, 0.3], [math.nan, 0.5, 0.1]),
    ],
    wrong_answers=[
        WrongAnswer(counted_from_zero, "Epochs count from 1, and 0 means that there is no difference."),
        WrongAnswer(index_returned, "You return the place in the list, which counts from 0. Epoch 1 is at place 0."),
        WrongAnswer(
            pairs_without_nan,
            "Two things are missing: nan on both sides counts as equal, and an epoch that `again` lacks differs.",
        ),
        WrongAnswer(one_nan_is_enough, "nan equals nan only, not a number: ask for nan on both sides, with `and`."),
        WrongAnswer(within_a_tolerance, "You allow a tolerance. Equal to the bit means `==`."),
        WrongAnswer(last_difference, "That is the last difference. Return at the first one."),
        WrongAnswer(nan_always_differs, "nan is not equal to itself, so test for it: both nan counts as equal."),
        WrongAnswer(missing_epochs_ignored, "`again` may end early. An epoch that it lacks is a difference."),
        WrongAnswer(number_of_differences, "You count the differences. Return the number of the first such epoch."),
        WrongAnswer(minus_one_if_none, "Return 0 if the curves are equal."),
    ],
    hints=[
        "Go through `recorded` by `enumerate`, and compare each value with the one at the same place of `again`.",
        "Look first whether `again` has that place. `math.isnan` tells whether a value is nan.",
    ],
    praise="It says whether a repeated run is equal to the bit, and if not, from which epoch on.",
)

# ------------------------------------------------------------------------------------- experiment_tracking.best_run


def best_run(runs: list[dict]) -> str:
    """Return the name of the best finished run.

    Each run has "name", "status" and "val_accuracy". Only the status "finished" counts,
    and a val_accuracy that is nan does not count. The highest one wins, of equal ones
    the first. There is at least one run that counts.
    """
    best = {"name": "", "val_accuracy": -math.inf}
    for run in runs:  # nan is greater than nothing, so it never wins
        if run["status"] == "finished" and run["val_accuracy"] > best["val_accuracy"]:
            best = run
    return best["name"]


def best_by_max(runs):
    """Best by max."""
    counted = [r for r in runs if r["status"] == "finished" and not math.isnan(r["val_accuracy"])]
    return max(counted, key=lambda run: run["val_accuracy"])["name"]


def best_by_sorting(runs):
    """Best by sorting."""
    counted = [r for r in runs if r["status"] == "finished" and r["val_accuracy"] == r["val_accuracy"]]
    return sorted(counted, key=lambda run: -run["val_accuracy"])[0]["name"]


def unfinished_runs_counted(runs):
    """Unfinished runs counted."""
    return best_by_max([{**run, "status": "finished"} for run in runs])


def lowest_wins(runs):
    """Lowest wins."""
    counted = [r for r in runs if r["status"] == "finished" and not math.isnan(r["val_accuracy"])]
    return min(counted, key=lambda run: run["val_accuracy"])["name"]


def nan_left_in(runs):
    """Nan left in."""
    return max((r for r in runs if r["status"] == "finished"), key=lambda run: run["val_accuracy"])["name"]


def last_of_equal_ones(runs):
    """Last of equal ones."""
    return best_by_max(runs[::-1])


def accuracy_instead(runs):
    """Accuracy instead."""
    return next(run["val_accuracy"] for run in runs if run["name"] == best_by_max(runs))


def newest_finished_run(runs):
    """Newest finished run."""
    return [run for run in runs if run["status"] == "finished"][-1]["name"]


def place_in_the_list(runs):
    """Place in the list."""
    return [run["name"] for run in runs].index(best_by_max(runs))


BEST_RUN = Exercise(
    name="experiment_tracking.best_run",
    difficulty=2,
    answer=best_run,
    right_answers=[best_by_max, best_by_sorting],
    cases=[
        (
            [
                {"name": "a", "status": "finished", "val_accuracy": 0.8},
                {"name": "b", "status": "finished", "val_accuracy": 0.9},
                {"name": "c", "status": "finished", "val_accuracy": 0.7},
            ],
        ),
        (
            [
                {"name": "a", "status": "unfinished", "val_accuracy": 0.95},
                {"name": "b", "status": "finished", "val_accuracy": 0.9},
                {"name": "c", "status": "finished", "val_accuracy": 0.9},
            ],
        ),
        (
            [
                {"name": "a", "status": "finished", "val_accuracy": math.nan},
                {"name": "b", "status": "failed: nan", "val_accuracy": 0.99},
                {"name": "c", "status": "finished", "val_accuracy": 0.6},
                {"name": "d", "status": "finished", "val_accuracy": 0.4},
            ],
        ),
    ],
    wrong_answers=[
        WrongAnswer(
            unfinished_runs_counted, "A run that failed or was killed wins. Only the status 'finished' counts."
        ),
        WrongAnswer(lowest_wins, "You take the lowest accuracy. That would be right for a loss."),
        WrongAnswer(nan_left_in, "No comparison with nan is true, so a nan that comes first wins. Leave it out."),
        WrongAnswer(last_of_equal_ones, "Of equal accuracies the first counts. Compare with `>`, not with `>=`."),
        WrongAnswer(accuracy_instead, "Return the run's name, so that its settings can be found."),
        WrongAnswer(newest_finished_run, "That is the newest run that finished, not the best one."),
        WrongAnswer(place_in_the_list, "Return the run's name, not its place in the list."),
    ],
    hints=[
        "Leave out what does not count: a status other than 'finished', and nan, which `math.isnan` finds.",
        "Then take `max(..., key=lambda run: run['val_accuracy'])`; it returns the first of equal ones.",
    ],
    praise="A query does the same in one line; if it forgets the status, a failed run can win.",
)

# ------------------------------------------------------------------------------- experiment_tracking.not_told_apart


def not_told_apart(scores: dict[str, list[float]]) -> list[str]:
    """Return the names of the settings that may be the best, in the order of the dict.

    scores: for each setting its scores, one for each seed, the seeds in the same order.
    The leader is the setting with the highest mean, the first of equal ones. Subtract
    each setting's scores from the leader's, seed by seed. A setting stays if the mean
    of these differences is at most 2 standard errors (their standard deviation with
    n - 1, divided by the root of n). So the leader itself stays.
    """
    leader = max(scores, key=lambda name: statistics.fmean(scores[name]))
    stay = []
    for name, values in scores.items():
        differences = [a - b for a, b in zip(scores[leader], values, strict=True)]
        error = statistics.stdev(differences) / len(differences) ** 0.5
        if statistics.fmean(differences) <= 2 * error:
            stay.append(name)
    return stay


def stay_by_arrays(scores):
    """Stay by arrays."""
    names, table = list(scores), np.array(list(scores.values()))
    differences = table[table.mean(axis=1).argmax()] - table
    errors = differences.std(axis=1, ddof=1) / math.sqrt(table.shape[1])
    return [name for name, kept in zip(names, differences.mean(axis=1) <= 2 * errors, strict=True) if kept]


def stay_by_t(scores):
    """Stay by t."""
    best = max(scores.values(), key=statistics.mean)
    kept = []
    for name in scores:
        gaps = torch.tensor(best, dtype=torch.float64) - torch.tensor(scores[name], dtype=torch.float64)
        if gaps.mean() * len(gaps) ** 0.5 <= 2 * gaps.std():
            kept.append(name)
    return kept


def _stay(scores, limit):
    leader = max(scores, key=lambda name: statistics.fmean(scores[name]))
    stay = []
    for name, values in scores.items():
        differences = [a - b for a, b in zip(scores[leader], values, strict=True)]
        if statistics.fmean(differences) <= limit(scores[leader], values, differences):
            stay.append(name)
    return stay


def unpaired_errors(scores):
    """Unpaired errors."""

    def limit(best, values, differences):
        return 2 * math.sqrt((statistics.variance(best) + statistics.variance(values)) / len(differences))

    return _stay(scores, limit)


def one_standard_error(scores):
    """One standard error."""
    return _stay(scores, lambda _b, _v, d: statistics.stdev(d) / len(d) ** 0.5)


def standard_deviation_for_error(scores):
    """Standard deviation for error."""
    return _stay(scores, lambda _b, _v, d: 2 * statistics.stdev(d))


def divided_by_n(scores):
    """Divided by n."""
    return _stay(scores, lambda _b, _v, d: 2 * statistics.pstdev(d) / len(d) ** 0.5)


def leader_only(scores):
    """Leader only."""
    return [max(scores, key=lambda name: statistics.fmean(scores[name]))]


def leader_left_out(scores):
    """Leader left out."""
    return [name for name in not_told_apart(scores) if name not in leader_only(scores)]


def compared_by_the_best_single_run(scores):
    """Compared by the best single run."""
    leader = max(scores, key=lambda name: max(scores[name]))
    first = {leader: scores[leader]} | scores
    stay = []
    for name, values in scores.items():
        differences = [a - b for a, b in zip(first[leader], values, strict=True)]
        if statistics.fmean(differences) <= 2 * statistics.stdev(differences) / len(differences) ** 0.5:
            stay.append(name)
    return stay


def those_that_lost(scores):
    """Those that lost."""
    return [name for name in scores if name not in not_told_apart(scores)]


NOT_TOLD_APART = Exercise(
    name="experiment_tracking.not_told_apart",
    difficulty=3,
    answer=not_told_apart,
    right_answers=[stay_by_arrays, stay_by_t],
    cases=[
        ({"a": [0.90, 0.92, 0.94], "b": [0.80, 0.83, 0.84], "c": [0.91, 0.91, 0.93]},),
        ({"a": [0.5, 0.7, 0.9], "b": [0.49, 0.68, 0.89]},),  # the same seeds are hard for both
        ({"a": [0.5, 0.6, 0.7, 0.8], "b": [0.3, 0.75, 0.5, 0.5]},),  # more than 1, less than 2 standard errors
        ({"a": [0.6, 0.6, 0.6, 0.6], "b": [0.3, 0.5, 0.59, 0.3]},),  # beyond 2 errors, within 2 deviations
        ({"a": [0.70, 0.70, 0.70, 0.70], "b": [0.70, 0.66, 0.68, 0.70]},),
        ({"a": [0.2, 0.95, 0.2], "b": [0.6, 0.61, 0.62], "c": [0.5, 0.515, 0.52]},),
        ({"a": [0.6, 0.6], "b": [0.53, 0.33]},),
        ({"a": [0.9, 0.8, 0.9, 0.8, 0.9], "b": [0.87, 0.80, 0.89, 0.74, 0.88]},),
    ],
    wrong_answers=[
        WrongAnswer(
            unpaired_errors, "You compare without pairs. Subtract seed by seed: what a seed does to both drops out."
        ),
        WrongAnswer(one_standard_error, "The limit is 2 standard errors, not 1."),
        WrongAnswer(
            standard_deviation_for_error, "You use the deviation of single differences. Divide it by the root of n."
        ),
        WrongAnswer(divided_by_n, "Your standard deviation divides by n. With few seeds that is too small: use n - 1."),
        WrongAnswer(
            leader_only, "Only the leader stays. A setting within 2 standard errors of it may be the best too."
        ),
        WrongAnswer(leader_left_out, "The leader itself is missing: its differences are 0, which is within the limit."),
        WrongAnswer(
            compared_by_the_best_single_run, "Your leader has the best single run. Take the one with the highest mean."
        ),
        WrongAnswer(those_that_lost, "These are the settings that are told apart. Return the others."),
    ],
    hints=[
        "Find the leader by `max(scores, key=...)` over the means. Then go through all settings.",
        "For each setting make the list of differences to the leader, and compare its mean with twice "
        "`statistics.stdev(differences) / len(differences) ** 0.5`.",
        "Use `<=`, so that the leader, whose differences are all 0, stays.",
    ],
    praise="It says which settings the runs cannot tell apart, where a ranking names a winner.",
)

# --------------------------------------------------------------------------------------- experiment_tracking.smooth


def smooth(values: list[float], weight: float) -> list[float]:
    """Return a curve as TensorBoard smooths it.

    Begin with s = 0. For each value set s = weight * s + (1 - weight) * value. After n
    values the weights in s add up to 1 - weight ** n only, so the smoothed value is
    s / (1 - weight ** n). weight is at least 0 and below 1.
    """
    smoothed, s = [], 0.0
    for n, value in enumerate(values, start=1):
        s = weight * s + (1 - weight) * value
        smoothed.append(s / (1 - weight**n))
    return smoothed


def sums_of_weights(values, weight):
    """Sums of weights."""
    smoothed = []
    for n in range(1, len(values) + 1):
        weights = [weight ** (n - 1 - i) for i in range(n)]
        total = sum(w * v for w, v in zip(weights, values[:n], strict=True))
        smoothed.append(total / sum(weights))
    return smoothed


def numerator_and_denominator(values, weight):
    """Numerator and denominator."""
    top = bottom = 0.0
    smoothed = []
    for value in values:
        top, bottom = weight * top + value, weight * bottom + 1
        smoothed.append(top / bottom)
    return smoothed


def sum_not_corrected(values, weight):
    """Sum not corrected."""
    smoothed, s = [], 0.0
    for value in values:
        s = weight * s + (1 - weight) * value
        smoothed.append(s)
    return smoothed


def begun_with_the_first_value(values, weight):
    """Begun with the first value."""
    smoothed, s = [], values[0]
    for value in values:
        s = weight * s + (1 - weight) * value
        smoothed.append(s)
    return smoothed


def weights_exchanged(values, weight):
    """Weights exchanged."""
    smoothed, s = [], 0.0
    for n, value in enumerate(values, start=1):
        s = (1 - weight) * s + weight * value
        smoothed.append(s / (1 - weight**n))
    return smoothed


def power_of_one_less(values, weight):
    """Power of one less."""
    smoothed, s = [], 0.0
    for n, value in enumerate(values, start=1):
        s = weight * s + (1 - weight) * value
        smoothed.append(s / (1 - weight ** max(n - 1, 1)))
    return smoothed


def running_mean(values, weight):  # noqa: ARG001
    """Running mean."""
    return [sum(values[:n]) / n for n in range(1, len(values) + 1)]


def corrected_value_fed_back(values, weight):
    """Corrected value fed back."""
    smoothed, s = [], 0.0
    for n, value in enumerate(values, start=1):
        s = (weight * s + (1 - weight) * value) / (1 - weight**n)
        smoothed.append(s)
    return smoothed


def last_value_only(values, weight):
    """Last value only."""
    return smooth(values, weight)[-1:]


SMOOTH = Exercise(
    name="experiment_tracking.smooth",
    difficulty=2,
    answer=smooth,
    right_answers=[sums_of_weights, numerator_and_denominator],
    cases=[
        ([4.0, 2.0, 1.0], 0.5),
        ([1.0, 0.0, 0.0, 0.0], 0.9),
        ([3.0, 5.0, 2.0], 0.0),
        ([2.0], 0.6),
    ],
    wrong_answers=[
        WrongAnswer(
            sum_not_corrected, "The first values are too small, since s begins at 0. Divide by 1 - weight ** n."
        ),
        WrongAnswer(
            begun_with_the_first_value, "You begin with the first value, which then counts too much. Begin with 0."
        ),
        WrongAnswer(weights_exchanged, "The weight belongs to what was before, 1 - weight to the new value."),
        WrongAnswer(power_of_one_less, "The power is one too small: after the first value, n is 1."),
        WrongAnswer(running_mean, "That is the mean of all values so far. Here old values count less and less."),
        WrongAnswer(
            corrected_value_fed_back,
            "Keep s as it is, and correct only what you return; you go on with the corrected s.",
        ),
        WrongAnswer(last_value_only, "Return the smoothed value at every place, not only the last one."),
    ],
    hints=[
        "Keep s in a variable, and go through the values by `enumerate(values, start=1)`.",
        "Append `s / (1 - weight**n)` to the result, without changing s.",
    ],
    praise="It is the slider of TensorBoard, and shows how late a smoothed curve is.",
)

EXERCISES = [
    FINGERPRINT,
    LOG_LINE,
    COMPLETE_LINES,
    FIRST_DIFFERENCE,
    RUN_NAME,
    BEST_RUN,
    NOT_TOLD_APART,
    SMOOTH,
]
