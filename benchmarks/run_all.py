"""Run every benchmark and write RESULTS.md beside this file: `python benchmarks/run_all.py`."""

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
SCRIPTS = ("training_loop.py", "data_loading.py", "import_time.py", "course_run.py")
PACKAGES = ("torch", "torchvision", "lightning", "skorch", "papermill")


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


def main() -> None:
    """Run the scripts one after the other; options such as `--rounds 3` are passed on."""
    options = sys.argv[1:]
    today = datetime.datetime.now().astimezone().date()
    parts = [
        f"# Results\n\nMeasured on {today} with `python benchmarks/run_all.py`: {describe_machine()}\n\n"
        "The candidates of a table take turns in every round. Times are medians over the rounds; the ratio is taken "
        "within each round: above 1, ours is faster.\n"
    ]
    for number, script in enumerate(SCRIPTS, 1):
        command = " ".join(["python", f"benchmarks/{script}", *options])
        print(f"[{number}/{len(SCRIPTS)}] {command}", file=sys.stderr)
        done = subprocess.run(
            [sys.executable, FOLDER / script, *options], stdout=subprocess.PIPE, text=True, check=True
        )
        parts.append(f"## `{command}`\n\n{done.stdout}")
        print(done.stdout, flush=True)
    results = FOLDER / "RESULTS.md"
    unfinished = results.with_suffix(".md.part")
    unfinished.write_text("\n".join(parts), encoding="utf-8")
    unfinished.replace(results)
    print(f"written: {results}", file=sys.stderr)


if __name__ == "__main__":
    main()
