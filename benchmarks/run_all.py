"""Run benchmarks and put their tables into RESULTS.md beside this file; what is not run again stays as it is there.

`python benchmarks/run_all.py` runs those that need nothing but the project; name others, or some, to run just them:
`python benchmarks/run_all.py mnist_study.py`. Options such as `--rounds 3` are passed on.
"""

import datetime
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psutil

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "RESULTS.md"
SCRIPTS = (
    "training_loop.py",
    "many_runs.py",
    "data_loading.py",
    "augmentation.py",
    "optimizer_step.py",
    "inference_time.py",
    "import_time.py",
    "course_run.py",
)
SCRIPTS_WITH_REAL_DATA = ("mnist_study.py", "cifar_study.py", "cifar_distillation.py", "cifar_compression.py")
PACKAGES = ("torch", "torchvision", "lightning", "skorch", "papermill", "optuna")
HEAD = """# Results

The candidates of a table take turns in every round. Times are medians over the rounds; the ratio is taken within each
round: above 1, ours is faster. `python benchmarks/run_all.py` measures again.
"""


def describe_machine() -> str:
    """Return processor, cores, memory, system and versions; nothing that names the machine or its user."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")  # Linux only; elsewhere platform knows
    if cpuinfo.exists() and (found := re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())):
        processor = found[1]
    memory = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    machine = f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB memory, {platform.system()} {platform.machine()}"
    return f"{machine}; Python {platform.python_version()}, {versions}."


def read_sections() -> dict[str, str]:
    """Return the sections of the results so far, by the name of their script."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    return {re.findall(r"(\w+\.py)", section)[0]: section for section in sections}


def write_sections(sections: dict[str, str]) -> None:
    """Write the results, in the order of the scripts."""
    ordered = [sections[script] for script in (*SCRIPTS, *SCRIPTS_WITH_REAL_DATA) if script in sections]
    unfinished = RESULTS.with_suffix(".md.part")
    unfinished.write_text("\n".join([HEAD, *(section.rstrip() + "\n" for section in ordered)]), encoding="utf-8")
    unfinished.replace(RESULTS)


def main() -> None:
    """Run the scripts one after the other, and write each one's section when it is done."""
    named = [argument for argument in sys.argv[1:] if argument.endswith(".py")]
    options = [argument for argument in sys.argv[1:] if argument not in named]
    if unknown := set(named) - {*SCRIPTS, *SCRIPTS_WITH_REAL_DATA}:
        sys.exit(f"unknown benchmark {min(unknown)!r}: known are {', '.join((*SCRIPTS, *SCRIPTS_WITH_REAL_DATA))}")
    scripts = named or SCRIPTS
    today = datetime.datetime.now().astimezone().date()
    for number, script in enumerate(scripts, 1):
        command = " ".join(["python", f"benchmarks/{script}", *options])
        print(f"[{number}/{len(scripts)}] {command}", file=sys.stderr)
        done = subprocess.run(
            [sys.executable, FOLDER / script, *options], stdout=subprocess.PIPE, text=True, check=True
        )
        section = f"## `{command}`\n\nMeasured on {today}: {describe_machine()}\n\n{done.stdout}"
        write_sections({**read_sections(), script: section})
        print(done.stdout, flush=True)
    print(f"written: {RESULTS}", file=sys.stderr)


if __name__ == "__main__":
    main()
