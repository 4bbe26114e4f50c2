"""The record of a run survives kills and bad input; runs, resumed or repeated, are equal to the bit; trackers agree."""

import gc
import json
import math
import os
import random
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import free_port
from torch import nn

import helper_utils as hu
from helper_utils.data import TensorLoader
from helper_utils.experiment_tracking import (
    LogToMLflow,
    LogToTensorBoard,
    LogToWandb,
    RunLog,
    TrackRun,
    copy_runs,
    data_fingerprint,
    load_checkpoint,
    load_runs,
    read_run,
    reproduce,
    runs_from_study,
    runs_from_sweep,
    save_checkpoint,
    train_classifier,
)
from helper_utils.experiment_tracking.environment import describe_code
from helper_utils.experiment_tracking.run_log import RECORD

SETTINGS = {
    "dataset": "digits", "subset_size": 60, "data_seed": 0, "n_hidden": 8, "dropout": 0.2, "lr": 0.05,
    "batch_size": 20, "n_epochs": 3, "seed": 1,
}  # fmt: skip


def write_run(folder: Path, n_epochs: int = 3, **settings: Any) -> Path:
    with RunLog(folder, **settings) as log:
        for epoch in range(1, n_epochs + 1):
            log.epoch(epoch, val_loss=1 / epoch)
    return folder


# ------------------------------------------------------------------------------------------------------- the record


def test_a_record_holds_what_was_written(tmp_path):
    log = RunLog(tmp_path / "a", lr=0.1, seed=3, sizes=(8, 16), path=Path("x"), note=None)
    log.add_data(train=(torch.arange(4), torch.arange(4)))
    log.epoch(1, train_loss=torch.tensor(0.5, requires_grad=True), val_loss=math.nan)
    (tmp_path / "a" / "model.pt").write_bytes(b"abc")
    log.add_file(tmp_path / "a" / "model.pt")
    log.finish(test_accuracy=0.75)
    run = read_run(tmp_path / "a")
    assert run.settings == {"lr": 0.1, "seed": 3, "sizes": [8, 16], "path": "x", "note": None}
    assert run.data == {"train": data_fingerprint((torch.arange(4), torch.arange(4)))}
    assert run.curve("train_loss") == [0.5]
    assert math.isnan(run.curve("val_loss")[0])
    assert run.files["model.pt"].startswith("ba7816bf")  # the SHA-256 hash of "abc"
    assert (run.status, run.result["test_accuracy"]) == ("finished", 0.75)
    assert {"commit", "dirty"} == set(run.environment["code"])
    assert run.environment["versions"]["torch"] == torch.__version__.partition("+")[0] or "torch" in str(run)
    assert run.environment["machine"]["threads"] == torch.get_num_threads()
    for line in (tmp_path / "a" / RECORD).read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_no_environment_variable_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "not-for-the-record-4711")
    write_run(tmp_path / "a", lr=0.1)
    assert "4711" not in (tmp_path / "a" / RECORD).read_text()


@pytest.mark.parametrize("name", ["api_key", "wandb_token", "password", "db_password", "SECRET", "aws_access_key"])
def test_secrets_are_refused_by_their_names(tmp_path, name):
    with pytest.raises(ValueError, match=f"setting '{name}' looks like a secret"):
        RunLog(tmp_path / "a", **{name: "x"})
    assert not (tmp_path / "a").exists()


def test_harmless_names_are_not_secrets(tmp_path):
    write_run(tmp_path / "a", tokenizer="bpe", n_tokens=3, keyboard="de")


def test_what_json_cannot_hold_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(TypeError, match="model is an object of type Linear"):
        RunLog(tmp_path / "a", model=nn.Linear(2, 2))
    with pytest.raises(TypeError, match="weights is an object of type Tensor"):
        RunLog(tmp_path / "a", weights=torch.zeros(3))
    with pytest.raises(ValueError, match="name of a column"):
        RunLog(tmp_path / "a", status="good")
    assert not (tmp_path / "a").exists()


def test_a_metric_that_is_no_number_is_refused(tmp_path):
    with RunLog(tmp_path / "a") as log:
        with pytest.raises(TypeError, match="val_loss is an object of type Tensor"):
            log.epoch(1, val_loss=torch.zeros(2))
        with pytest.raises(TypeError, match="metric 'val_loss' must be a number"):
            log.epoch(1, val_loss="low")
        log.epoch(1, val_loss=0.5)
    assert read_run(tmp_path / "a").epochs == [{"val_loss": 0.5}]


def test_numbers_of_numpy_and_infinity_are_settings(tmp_path):
    log = RunLog(tmp_path / "a", seed=np.int64(3), clip_norm=math.inf, ranges=[-math.inf, 1.0], is_wide=np.bool_(True))
    log.finish()
    expected = {"seed": 3, "clip_norm": math.inf, "ranges": [-math.inf, 1.0], "is_wide": True}
    assert log.settings == read_run(tmp_path / "a").settings == expected


def test_two_lines_of_an_epoch_are_one_row(tmp_path):
    with RunLog(tmp_path / "a") as log:
        log.epoch(1, train_loss=0.5)
        log.epoch(np.int64(1), val_loss=0.6)  # type: ignore[arg-type]
    assert read_run(tmp_path / "a").epochs == [{"train_loss": 0.5, "val_loss": 0.6}]


@pytest.mark.parametrize(
    ("epoch", "error", "words"),
    [("1", TypeError, "epoch must be a whole number, not '1'"), (1.5, TypeError, "not 1.5"), (-1, ValueError, "is -1"),
     (True, ValueError, "is True")],
)  # fmt: skip
def test_an_epoch_is_a_whole_number(tmp_path, epoch, error, words):
    with RunLog(tmp_path / "a") as log:
        with pytest.raises(error, match=words):
            log.epoch(epoch, loss=1.0)
        log.epoch(1, loss=1.0)
    with pytest.raises(error, match=words):
        RunLog.resume(tmp_path / "a", epoch)
    with pytest.raises(error, match=words):
        save_checkpoint(tmp_path / "a.pt", epoch=epoch, model=nn.Linear(1, 1))


def test_a_line_that_lacks_its_values_is_damaged_and_leaves_the_others_in_the_table(tmp_path):
    write_run(tmp_path / "good")
    log = RunLog(tmp_path / "bad")
    log.write("end")  # without its status
    log.close()
    with pytest.raises(ValueError, match=r"run\.jsonl is damaged: a line lacks what RunLog writes"):
        read_run(tmp_path / "bad")
    assert load_runs(tmp_path)["status"].tolist() == ["damaged", "finished"]


@pytest.mark.parametrize("folder", [None, 3])
def test_what_is_neither_a_folder_nor_a_row_is_refused(folder):
    with pytest.raises(TypeError, match=f"not from {folder}"):
        read_run(folder)


def test_the_size_of_a_data_set_is_its_number_of_examples(tmp_path):
    with RunLog(tmp_path / "a") as log:
        log.add_data(parts=(torch.ones(4, 2), torch.ones(4)), tensor=torch.ones(5), numbers=[1, 2, 3])
    lines = [json.loads(line) for line in (tmp_path / "a" / RECORD).read_text().splitlines()]
    assert [line["n_examples"] for line in lines if line["event"] == "data"] == [4, 5, 3]


def test_graphs_are_not_kept(tmp_path):
    class Graph:  # dies with the graph
        pass

    with RunLog(tmp_path / "a") as log:
        graph = Graph()
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, g=graph: (tensor.detach(), g), lambda kept: kept[0]
        ):
            loss = (torch.ones(3, requires_grad=True) ** 2).sum()
        log.epoch(1, loss=loss)
        alive = weakref.ref(graph)
        del loss, graph
        gc.collect()
        assert alive() is None


def test_a_folder_that_is_taken_is_refused_and_stays_as_it_is(tmp_path):
    write_run(tmp_path / "a", lr=0.1)
    before = (tmp_path / "a" / RECORD).read_bytes()
    with pytest.raises(FileExistsError, match="holds a run already"):
        RunLog(tmp_path / "a", lr=0.2)
    assert (tmp_path / "a" / RECORD).read_bytes() == before


def test_two_writers_on_one_run_are_refused(tmp_path):
    with RunLog(tmp_path / "a") as log:
        log.epoch(1, loss=1.0)
        with pytest.raises(RuntimeError, match="is being written by a different process"):
            RunLog(tmp_path / "a")
        with pytest.raises(RuntimeError, match="is being written by a different process"):
            RunLog.resume(tmp_path / "a", 1)
        log.epoch(2, loss=0.5)
    assert read_run(tmp_path / "a").curve("loss") == [1.0, 0.5]
    RunLog.resume(tmp_path / "a", 2).finish()  # the lock is free again


def test_a_finished_log_takes_no_more(tmp_path):
    log = RunLog(tmp_path / "a")
    log.finish()
    log.finish("again")  # does nothing
    with pytest.raises(ValueError, match="has finished"):
        log.epoch(1, loss=0.1)
    assert read_run(tmp_path / "a").status == "finished"


def test_an_exception_is_recorded(tmp_path):
    with pytest.raises(ZeroDivisionError), RunLog(tmp_path / "a") as log:
        log.epoch(1, loss=1 / 0)
    assert read_run(tmp_path / "a").status == "failed: ZeroDivisionError: division by zero"


@given(st.integers(0, 400))
def test_a_record_that_is_cut_anywhere_keeps_all_whole_lines(tmp_path_factory, n_bytes):
    folder = tmp_path_factory.mktemp("cut")
    (folder / RECORD).write_bytes(WHOLE[:n_bytes])
    run = read_run(folder)
    n_whole = WHOLE[:n_bytes].count(b'"epoch", ')
    n_lines = sum(line.endswith(b"}") and b'"epoch", ' in line for line in WHOLE[:n_bytes].split(b"\n"))
    assert n_lines <= len(run.epochs) == n_lines <= n_whole
    assert run.status == "unfinished" or n_bytes >= len(WHOLE) - 1


WHOLE = b"".join(
    json.dumps(event).encode() + b"\n"
    for event in (
        {"event": "start", "settings": {"lr": 0.1}, "code": {}, "versions": {}, "machine": {}},
        *({"event": "epoch", "epoch": i, "loss": 1 / i} for i in range(1, 5)),
        {"event": "end", "status": "finished"},
    )
)


def test_a_damaged_line_before_the_last_is_an_error_that_names_it(tmp_path):
    write_run(tmp_path / "a")
    lines = (tmp_path / "a" / RECORD).read_text().splitlines()
    lines[1] = lines[1][:10]
    (tmp_path / "a" / RECORD).write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"line 2 of .* is damaged"):
        read_run(tmp_path / "a")


def test_a_cut_line_is_removed_when_the_run_goes_on_and_later_epochs_are_void(tmp_path):
    log = RunLog(tmp_path / "a", lr=0.1)
    for epoch in (1, 2, 3):
        log.epoch(epoch, loss=float(epoch))
    log.close()
    with (tmp_path / "a" / RECORD).open("a") as file:
        file.write('{"event": "epoch", "epo')
    assert read_run(tmp_path / "a").is_cut
    with pytest.raises(ValueError, match="has 3 epochs"):
        RunLog.resume(tmp_path / "a", 4)
    log = RunLog.resume(tmp_path / "a", 2)
    assert log.first_epoch == 3
    log.epoch(3, loss=30.0)
    log.finish()
    run = read_run(tmp_path / "a")
    assert (run.curve("loss"), run.is_cut, run.status) == ([1.0, 2.0, 30.0], False, "finished")


def test_after_sigkill_every_reported_epoch_is_in_the_record(tmp_path):
    program = """
import sys
from helper_utils.experiment_tracking import RunLog
log = RunLog(sys.argv[1], lr=0.1)
for epoch in range(1, 100_000):
    log.epoch(epoch, loss=1 / epoch)
    print(epoch, flush=True)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        reported = 0
        while reported < 30:
            reported = int(process.stdout.readline())
        process.kill()
        reported = max([reported, *map(int, filter(str.strip, process.stdout.read().split()))])
    run = read_run(tmp_path / "a")
    assert reported <= len(run.epochs) <= reported + 1
    assert (run.status, run.settings) == ("unfinished", {"lr": 0.1})
    RunLog.resume(tmp_path / "a", reported).finish()  # the lock died with the process


# -------------------------------------------------------------------------------------------------------- the table


def test_the_table_has_a_row_for_each_run_at_any_depth(tmp_path):
    for lr in (0.1, 0.2):
        write_run(tmp_path / "deep" / "er" / f"lr={lr}", lr=lr)
    RunLog(tmp_path / "killed", lr=0.3).close()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / RECORD).write_text("no json\n{}\n")
    table = load_runs(tmp_path).set_index("run")
    assert list(table.index) == ["broken", "deep/er/lr=0.1", "deep/er/lr=0.2", "killed"]
    assert table["status"].tolist() == ["damaged", "finished", "finished", "unfinished"]
    assert table.loc["deep/er/lr=0.2", "lr"] == 0.2
    assert table.loc["deep/er/lr=0.2", "val_loss"] == 1 / 3
    assert len(table.query("lr > 0.15 and status == 'finished'")) == 1
    assert read_run(load_runs(tmp_path).iloc[1]).settings == {"lr": 0.1}
    assert len(load_runs(tmp_path / "killed")) == 1  # a folder that is a run itself


def test_a_setting_wins_over_a_metric_of_the_same_name(tmp_path):
    with RunLog(tmp_path / "a", lr=0.1) as log:
        log.epoch(1, lr=0.01, loss=1.0)
    assert load_runs(tmp_path)["lr"].tolist() == [0.1]


def test_folders_that_are_no_runs_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"is not a run: it has no run\.jsonl"):
        read_run(tmp_path)
    with pytest.raises(ValueError, match="no run below"):
        load_runs(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        load_runs(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is not a run"):
        reproduce(tmp_path)


def test_a_query_over_50_runs_finds_what_a_loop_finds(tmp_path):
    scores = {}
    for i in range(50):
        scores[f"{i:02d}"] = random.Random(i).random()
        with RunLog(tmp_path / f"{i:02d}", lr=i / 50) as log:
            log.epoch(1, val_accuracy=scores[f"{i:02d}"])
    table = load_runs(tmp_path)
    assert table.loc[table["val_accuracy"].idxmax(), "run"] == max(scores, key=lambda name: scores[name])
    assert len(table.query("lr >= 0.5")) == 25


# ------------------------------------------------------------------------------------------------------ fingerprints


def test_fingerprints_tell_values_types_shapes_and_order_apart():
    values = [
        torch.tensor([1.0, 2.0]), torch.tensor([2.0, 1.0]), torch.tensor([1.0, 2.0], dtype=torch.float64),
        torch.tensor([[1.0, 2.0]]), torch.tensor([1, 2]), torch.tensor([]), torch.tensor([1.0, 2.0]).bfloat16(),
        (torch.tensor([1.0]), torch.tensor([2.0])), {"a": torch.tensor([1.0])}, {"b": torch.tensor([1.0])},
        "a", 1, 1.0, None, True, [1, [2]], [[1], 2],
    ]  # fmt: skip
    assert len({data_fingerprint(value) for value in values}) == len(values)
    assert data_fingerprint(torch.arange(6).reshape(2, 3).T) == data_fingerprint(
        torch.arange(6).reshape(2, 3).T.clone()
    )
    assert data_fingerprint(np.arange(3.0)) == data_fingerprint(torch.arange(3.0).double())
    with pytest.raises(TypeError, match="no fingerprint of an object of type object"):
        data_fingerprint(object())
    with pytest.raises(TypeError, match="no fingerprint of an array of objects"):
        data_fingerprint(np.array([object()], dtype=object))
    with pytest.raises(TypeError, match=r"layout torch.sparse_coo: pass tensor.to_dense\(\)"):
        data_fingerprint(torch.eye(2).to_sparse())
    picture = Image.new("L", (2, 2))
    assert data_fingerprint(picture) == data_fingerprint(np.zeros((2, 2), dtype=np.uint8))


def test_the_code_is_described_by_its_commit(tmp_path):
    assert describe_code(tmp_path) == {"commit": None, "dirty": None}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert describe_code(tmp_path) == {"commit": None, "dirty": False}
    (tmp_path / "a.py").write_text("1")
    assert describe_code(tmp_path)["dirty"]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "a"], check=True)
    clean = describe_code(tmp_path)
    assert len(clean["commit"]) == 40
    assert not clean["dirty"]
    (tmp_path / "a.py").write_text("2")
    assert describe_code(tmp_path) == {"commit": clean["commit"], "dirty": True}


# ---------------------------------------------------------------------------------------------------- the repetition


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "a"
    with RunLog(folder, **SETTINGS) as log:
        train_classifier(log)
    return folder


def test_a_run_that_is_made_again_is_equal_to_the_bit(recorded):
    random.seed(5)  # nothing of now decides
    torch.manual_seed(99)
    again = reproduce(recorded)
    assert again.same
    assert again.first_difference == 0
    assert set(again.largest.values()) == {0.0}
    assert repr(again).startswith("equal to the bit in 3 epochs; other differences: ")


@pytest.mark.slow
def test_a_run_of_a_different_process_is_made_again_to_the_bit(tmp_path):
    program = """
import json, sys
from helper_utils.experiment_tracking import RunLog, train_classifier
with RunLog(sys.argv[1], **json.loads(sys.argv[2])) as log:
    train_classifier(log)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "a"), json.dumps(SETTINGS)]
    subprocess.run(command, check=True)
    assert reproduce(tmp_path / "a").same


def test_only_the_fingerprint_tells_that_data_changed_under_equal_settings(recorded):
    def train(log: RunLog) -> None:
        log.settings = log.settings | {"data_seed": 1}
        train_classifier(log)

    again = reproduce(recorded, train)
    assert again.first_difference == 1
    assert [reason for reason in again.reasons if not reason.startswith("code's")] == ["data train", "data val"]


def test_the_record_has_the_device_and_all_of_the_optimizer(tmp_path):
    model = nn.Linear(2, 2)
    batch = (torch.ones(4, 2), torch.zeros(4, dtype=torch.long))
    hu.train_model(
        model, torch.optim.Adam(model.parameters(), lr=0.1, betas=(0.8, 0.9)), [batch], 1, nn.functional.cross_entropy,
        "cpu", callbacks=[TrackRun(RunLog(tmp_path / "a"))], progress=False,
    )  # fmt: skip
    training = read_run(tmp_path / "a").training
    assert training["device"] == "cpu"
    assert training["optimizer"]["betas"] == [0.8, 0.9]
    assert "params" not in training["optimizer"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"seed": 2}, "initial weights"), ({"data_seed": 1}, "data train"), ({"lr": 0.04}, "setting lr")],
)
def test_what_differs_is_named(recorded, changes, reason):
    again = reproduce(recorded, **changes)
    assert not again.same
    assert again.first_difference == 1
    assert reason in again.reasons
    assert again.largest["train_loss"] > 0


def test_the_recorded_number_of_threads_is_used_and_set_back(recorded):
    before = torch.get_num_threads()
    path = recorded.parent / "threads" / "a"
    path.mkdir(parents=True)
    lines = (recorded / RECORD).read_text().splitlines()
    start = json.loads(lines[0])
    start["machine"]["threads"] = before + 1
    start["versions"]["torch"] = "1.0"
    (path / RECORD).write_text("\n".join([json.dumps(start), *lines[1:]]) + "\n")
    seen = []

    def train(log: RunLog) -> None:
        seen.append(torch.get_num_threads())
        torch.set_num_threads(before)
        train_classifier(log)

    again = reproduce(path, train)
    assert seen == [before + 1]
    assert torch.get_num_threads() == before
    assert again.same
    assert "version of torch" in again.reasons


def test_a_run_without_epochs_cannot_be_compared(tmp_path):
    RunLog(tmp_path / "a", **SETTINGS).close()
    with pytest.raises(ValueError, match="nothing to compare with"):
        reproduce(tmp_path / "a")


def test_missing_settings_are_named(tmp_path):
    with RunLog(tmp_path / "a", lr=0.1) as log, pytest.raises(ValueError, match="the settings lack dataset, subset"):
        train_classifier(log)


def test_a_training_that_fails_says_so(tmp_path):
    model = nn.Linear(2, 2)
    batch = (torch.full((4, 2), math.nan), torch.zeros(4, dtype=torch.long))
    with pytest.raises(FloatingPointError):
        hu.train_model(
            model, torch.optim.SGD(model.parameters(), lr=0.1), [batch], 2, nn.functional.cross_entropy, "cpu",
            callbacks=[TrackRun(RunLog(tmp_path / "a"))], progress=False,
        )  # fmt: skip
    run = read_run(tmp_path / "a")
    assert run.status.startswith("failed: FloatingPointError")
    assert run.epochs == []


def test_final_numbers_can_be_added(tmp_path):
    model, log = nn.Linear(2, 2), RunLog(tmp_path / "a")
    batch = (torch.ones(4, 2), torch.zeros(4, dtype=torch.long))
    hu.train_model(
        model, torch.optim.SGD(model.parameters(), lr=0.1), [batch], 2, nn.functional.cross_entropy, "cpu",
        callbacks=[TrackRun(log, finish=False)], progress=False,
    )  # fmt: skip
    assert read_run(tmp_path / "a").status == "unfinished"
    log.finish(test_accuracy=0.5)
    run = read_run(tmp_path / "a")
    assert (len(run.epochs), run.result["test_accuracy"]) == (2, 0.5)


# ------------------------------------------------------------------------------------------------------ checkpoints

TRAINING = """
import os, signal, sys
import numpy as np, random, torch
from torch import nn
import helper_utils as hu
from helper_utils.data import TensorLoader
from helper_utils.experiment_tracking import RunLog, load_checkpoint, read_run, save_checkpoint

def parts(seed=3):
    hu.set_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    generator = torch.Generator().manual_seed(0)
    loader = TensorLoader(
        torch.randn(40, 4, generator=generator), torch.arange(40) % 3, 8, shuffle=True, seed=seed,
        augment=lambda inputs, generator: inputs + 0.1 * torch.randn(inputs.shape, generator=generator),
    )
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=10)
    return {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader}

def train(folder, n_epochs=8, kill_in=None):
    path, kept = folder + "/checkpoint.pt", parts()
    first = 0
    if os.path.exists(path):
        first = load_checkpoint(path, **kept)
        log = RunLog.resume(folder, first)
    else:
        log = RunLog(folder, seed=3)
    for epoch in range(first + 1, n_epochs + 1):
        loss, _ = hu.train_epoch(
            kept["model"], kept["loader"], kept["optimizer"], nn.functional.cross_entropy, "cpu",
            after_step=lambda: kill_in == epoch and os.kill(os.getpid(), signal.SIGKILL),
        )
        kept["scheduler"].step()
        log.epoch(epoch, loss=loss + random.random() + np.random.rand())  # the other generators go on as well
        save_checkpoint(path, epoch=epoch, **kept)
    log.finish()
    return kept["model"]
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_killed_and_resumed_equals_not_stopped_to_the_bit(tmp_path):
    namespace: dict[str, Any] = {}
    exec(TRAINING, namespace)  # noqa: S102 - the same text runs here and in the process that is killed
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = namespace["train"](str(tmp_path / "whole"))
    code = TRAINING + f"\ntrain({str(tmp_path / 'killed')!r}, kill_in=5)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert len(read_run(tmp_path / "killed").epochs) == 4
    resumed = namespace["train"](str(tmp_path / "killed"))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert read_run(tmp_path / "killed").curve("loss") == read_run(tmp_path / "whole").curve("loss")


def test_a_checkpoint_is_read_without_running_code(tmp_path):
    model = nn.Linear(2, 2)
    save_checkpoint(tmp_path / "a.pt", epoch=1, model=model)
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    assert content["epoch"] == 1

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "evil"),))

    torch.save({"parts": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="is not a checkpoint of save_checkpoint"):
        load_checkpoint(tmp_path / "evil.pt", model=model)
    assert not (tmp_path / "evil").exists()


def test_parts_that_are_missing_or_too_many_are_named(tmp_path):
    model = nn.Linear(2, 2)
    save_checkpoint(tmp_path / "a.pt", epoch=1, model=model, head=nn.Linear(2, 1))
    with pytest.raises(ValueError, match=r"holds head, model; you passed model \(different: head\)"):
        load_checkpoint(tmp_path / "a.pt", model=model)
    with pytest.raises(TypeError, match="seed is an object of type int, which has no state_dict"):
        save_checkpoint(tmp_path / "b.pt", epoch=1, seed=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a checkpoint needs parts"):
        save_checkpoint(tmp_path / "b.pt", epoch=1)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "nowhere.pt", model=model)
    (tmp_path / "c.pt").write_bytes(b"half a file")
    with pytest.raises(ValueError, match="is not a checkpoint"):
        load_checkpoint(tmp_path / "c.pt", model=model)


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path):
    class Broken:
        def state_dict(self):
            return {"lambda": lambda: None}  # cannot be pickled

        def load_state_dict(self, state_dict):
            pass

    save_checkpoint(tmp_path / "a.pt", epoch=1, model=nn.Linear(1, 1))
    before = (tmp_path / "a.pt").read_bytes()
    with pytest.raises(Exception, match=r"pickle|lambda|local"):
        save_checkpoint(tmp_path / "a.pt", epoch=2, model=Broken())
    assert (tmp_path / "a.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_all_random_generators_go_on(tmp_path):
    model = nn.Linear(1, 1)
    hu.set_seed(4)
    save_checkpoint(tmp_path / "a.pt", epoch=1, model=model)
    drawn = [random.random(), np.random.rand(), torch.rand(()).item()]
    hu.set_seed(5)
    load_checkpoint(tmp_path / "a.pt", model=model)
    assert [random.random(), np.random.rand(), torch.rand(()).item()] == drawn


def test_states_of_gpus_that_are_not_here_are_named(tmp_path, monkeypatch):
    model = nn.Linear(1, 1)
    save_checkpoint(tmp_path / "a.pt", epoch=1, model=model)
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    content["random"]["cuda"] = [torch.zeros(16, dtype=torch.uint8)]
    torch.save(content, tmp_path / "a.pt")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.warns(UserWarning, match="saved with 1 GPUs, and here are 0"):
        assert load_checkpoint(tmp_path / "a.pt", model=model) == 1


def test_a_loader_goes_on_with_the_next_epoch():
    def make() -> TensorLoader:
        return TensorLoader(torch.arange(10), torch.arange(10), 10, shuffle=True, seed=2)

    whole = make()
    orders = [next(iter(whole))[0].tolist() for _ in range(4)]
    stopped, resumed = make(), make()
    for _ in range(2):
        next(iter(stopped))
    resumed.load_state_dict(stopped.state_dict())
    assert [next(iter(resumed))[0].tolist() for _ in range(2)] == orders[2:]


# ------------------------------------------------------------------------------------------------ studies and sweeps


def test_trials_of_a_study_are_runs(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", 1e-3, 1e-1)
        trial.report(lr, 1)
        if trial.number == 2:
            raise optuna.TrialPruned
        return 2 * lr

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), study_name="mine")
    study.optimize(objective, n_trials=4)
    assert runs_from_study(study, tmp_path) == 4
    table = load_runs(tmp_path)
    assert table["status"].tolist() == ["finished", "finished", "pruned", "finished"]
    assert table["lr"].tolist() == [trial.params["lr"] for trial in study.trials]
    assert table["value"].tolist()[:2] == [trial.value for trial in study.trials][:2]
    with pytest.raises(FileExistsError):
        runs_from_study(study, tmp_path)


def test_combinations_of_a_sweep_are_runs(tmp_path):
    (tmp_path / "sweep" / "runs").mkdir(parents=True)
    (tmp_path / "sweep" / "sweep.json").write_text(json.dumps({"lesson": "05_optimizers"}))
    for seed, status in ((0, "passed"), (1, "failed")):
        result = {"status": status, "values": {"accuracy": 0.9, "names": ["a"]}}
        content = {"parameters": {"seed": seed}, "code": {"code of the lesson": "abc"}, "result": result}
        (tmp_path / "sweep" / "runs" / f"seed={seed}.json").write_text(json.dumps(content))
    assert runs_from_sweep(tmp_path / "sweep", tmp_path / "runs") == 2
    table = load_runs(tmp_path / "runs")
    assert table["run"].tolist() == ["seed=0", "seed=1"]
    assert table["status"].tolist() == ["finished", "failed"]
    assert table["accuracy"].tolist() == [0.9, 0.9]
    with pytest.raises(ValueError, match=r"it has no sweep\.json"):
        runs_from_sweep(tmp_path / "runs", tmp_path / "again")
    (tmp_path / "sweep" / "sweep.json").write_text("{")
    with pytest.raises(ValueError, match=r"is not what `course sweep` writes"):
        runs_from_sweep(tmp_path / "sweep", tmp_path / "again")


# --------------------------------------------------------------------------------------------------------- trackers

ACCUMULATOR = "tensorboard.backend.event_processing.event_accumulator"
REASON = 'not installed: pip install ".[tracking]"'


def test_tensorboard_has_the_curves(recorded, tmp_path):
    accumulator = pytest.importorskip(ACCUMULATOR, reason=f"tensorboard is {REASON}")

    assert copy_runs(recorded, lambda run: LogToTensorBoard(tmp_path / "a", **run.settings)) == 1
    events = accumulator.EventAccumulator(str(tmp_path / "a")).Reload()
    run = read_run(recorded)
    for name in ("train_loss", "val_accuracy"):
        points = events.Scalars(name)
        assert [point.step for point in points] == [1, 2, 3]
        assert [point.value for point in points] == pytest.approx(run.curve(name))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the packages that MLflow uses
def test_mlflow_has_parameters_metrics_files_and_a_registered_model(recorded, tmp_path):
    pytest.importorskip("mlflow", reason=f"mlflow is {REASON}")
    from helper_utils.experiment_tracking.trackers import mlflow_client

    store, run = tmp_path / "mlflow.db", read_run(recorded)
    for lr in (0.05, 0.1):  # a second version of the same model
        tracker = LogToMLflow(store, "mine", f"lr={lr}", files=(recorded / RECORD,), model_name="digits", lr=lr)
        tracker.begin()
        for epoch, metrics in enumerate(run.epochs, start=1):
            tracker.epoch(epoch, metrics)
        tracker.end("finished")
    client = mlflow_client(store)
    experiment = client.get_experiment_by_name("mine")
    [found] = client.search_runs([experiment.experiment_id], "params.lr = '0.1' and metrics.val_loss > 0")
    assert (found.info.run_name, found.info.status) == ("lr=0.1", "FINISHED")
    history = client.get_metric_history(found.info.run_id, "val_loss")
    assert [point.value for point in sorted(history, key=lambda point: point.step)] == run.curve("val_loss")
    assert [file.path for file in client.list_artifacts(found.info.run_id)] == [RECORD]
    versions = client.search_model_versions("name = 'digits'")
    assert sorted(int(version.version) for version in versions) == [1, 2]
    assert abs(history[0].timestamp / 1000 - time.time()) < 600
    killed = LogToMLflow(store, "mine", "killed", lr=0.2)
    killed.begin()
    killed.end("unfinished")
    assert client.get_run(killed.run_id).info.status == "KILLED"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="os.uname, which tells the machine's name, is not on Windows")
def test_wandb_writes_offline(recorded, tmp_path):
    pytest.importorskip("wandb", reason=f"wandb is {REASON}")
    copy_runs(recorded, lambda run: LogToWandb(tmp_path, name="a", **run.settings))
    [file] = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    deadline = time.monotonic() + 60
    while b"val_accuracy" not in file.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.2)  # a process of wandb writes the file after the run has ended
    content = file.read_bytes()
    assert b"val_accuracy" in content
    assert b"n_hidden" in content
    assert os.uname().nodename.encode() not in content


def test_a_tracker_that_is_missing_is_named(monkeypatch):
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r'mlflow is not installed|pip install "\.\[tracking\]"'):
        LogToMLflow(Path("x.db")).begin()


def test_a_tracker_follows_a_training(tmp_path):
    accumulator = pytest.importorskip(ACCUMULATOR, reason=f"tensorboard is {REASON}")

    model = nn.Linear(2, 2)
    batch = (torch.ones(4, 2), torch.zeros(4, dtype=torch.long))
    history = hu.train_model(
        model, torch.optim.SGD(model.parameters(), lr=0.1), [batch], 3, nn.functional.cross_entropy, "cpu",
        callbacks=[LogToTensorBoard(tmp_path / "a", lr=0.1)], progress=False,
    )  # fmt: skip
    events = accumulator.EventAccumulator(str(tmp_path / "a")).Reload()
    assert [point.value for point in events.Scalars("train_loss")] == pytest.approx(history.train_loss)


def test_a_page_replaces_only_what_it_made(recorded, tmp_path):
    pytest.importorskip(ACCUMULATOR, reason=f"tensorboard is {REASON}")
    from helper_utils.experiment_tracking.pages import prepare

    mine = tmp_path / "store" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("kept")
    with pytest.raises(FileExistsError, match="holds files that this command did not write"):
        prepare("tensorboard", recorded, tmp_path / "store")
    assert mine.read_text() == "kept"
    for _ in range(2):
        prepare("tensorboard", recorded, tmp_path / "made")
    assert list((tmp_path / "made").rglob("events.*"))


@pytest.mark.parametrize("page", ["mlflow", "tensorboard"])
def test_a_folder_without_runs_is_named_and_stays_empty(page, tmp_path, capsys):
    from helper_utils.experiment_tracking.pages import main

    assert main([page, "--runs", str(tmp_path)]) == 1
    assert f"there is no run below {tmp_path}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def end(process: subprocess.Popen) -> None:
    """End a server with all of its children."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    process.terminate()
    for other in psutil.wait_procs(family, timeout=20)[1]:
        other.kill()
    process.wait()


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    from urllib.error import URLError
    from urllib.request import urlopen

    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(url, timeout=5):  # noqa: S310
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise TimeoutError(log.read_text())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the packages that MLflow uses
@pytest.mark.parametrize(
    ("page", "path"),
    [("tensorboard", "/#timeseries"), ("mlflow", "/#/experiments/1/runs")],
    ids=["tensorboard", "mlflow"],
)
def test_the_pages_show_the_runs(recorded, tmp_path, page, path):
    import shutil

    pytest.importorskip(page, reason=f"{page} is {REASON}")
    pytest.importorskip("playwright", reason="playwright is not installed: it comes with the extra `dev`")
    from playwright.sync_api import expect, sync_playwright

    from helper_utils.experiment_tracking.pages import environment, prepare

    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = os.environ.get("HELPER_UTILS_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip(f"no browser: install one of {', '.join(names)}, or name a program in HELPER_UTILS_CHROMIUM")
    runs = tmp_path / "runs"
    for name in ("first-run", "second-run"):
        shutil.copytree(recorded, runs / name)
    command = prepare(page, runs, tmp_path / "store")
    port = free_port()
    log = tmp_path / "server.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, "--port", str(port)], env=environment(), stdout=file, stderr=subprocess.STDOUT
        )
    urls: list[str] = []
    try:
        wait_for(f"http://127.0.0.1:{port}/", process, log)
        with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium) as browser:
            window = browser.new_page(viewport={"width": 1280, "height": 900})
            window.on("request", lambda request: urls.append(request.url))
            window.goto(f"http://127.0.0.1:{port}{path}")
            for name in ("first-run", "second-run"):
                expect(window.get_by_text(name, exact=False).first).to_be_visible(timeout=120_000)
    finally:
        end(process)
    here = (f"http://127.0.0.1:{port}", "data:", "blob:")
    assert [url for url in urls if not url.startswith(here)] == []
