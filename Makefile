# Every target that needs the environment makes it first. Paths are relative, so a folder name with a space is fine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
READY := $(VENV)/.ready
# Two test files at a time, and one thread for each process: several kernels then share the cores without a fight.
WORKERS ?= 2
RUNS ?= build/experiment_tracking/runs
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
# GNU's threads spin while they wait, and a busy machine then takes many times as long: let them sleep.
export GOMP_SPINCOUNT ?= 0

# An environment that does not find this very package (Python was upgraded, the folder was moved) is made again.
FINDS_US := import helper_utils, os, sys; sys.exit(not os.path.samefile(os.path.dirname(helper_utils.__file__), sys.argv[1]))
$(shell cd / && "$(CURDIR)/$(RUN)" -c "$(FINDS_US)" "$(CURDIR)/helper_utils" 2>/dev/null || rm -f "$(CURDIR)/$(READY)")

.DEFAULT_GOAL := help
.PHONY: help course test lint check-types unit-tests test-browser notebook-tests notebooks claims lab tensorboard mlflow format constraints benchmarks clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

course: $(READY) ## run every lesson in quick mode, with no network, into a new folder under runs/
	@.ci/offline $(RUN) -m helper_utils run

test: lint check-types unit-tests notebook-tests ## lint, type check, unit tests, and every notebook against its stored outputs

lint: $(READY) ## ruff: errors and format, notebooks included
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

check-types: $(READY) ## pyright
	$(RUN) -m pyright

unit-tests: $(READY) ## pytest
	$(ONE_THREAD) .ci/offline $(RUN) -m pytest -n $(WORKERS) --dist loadfile tests

test-browser: $(READY) ## drive the first lessons in the real JupyterLab, look at all pages (needs chromium)
	ALL_PAGES=1 .ci/offline $(RUN) -m pytest tests/test_browser.py tests/test_accessibility.py

notebook-tests: $(READY) ## nbval; what failed is kept in build/failed-notebooks
	HELPER_UTILS_PROGRESS=off $(ONE_THREAD) .ci/offline $(RUN) -m pytest -n $(WORKERS) --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout 120 \
		--nbval-sanitize-with tests/nbval_sanitize.cfg notebooks

notebooks: $(READY) ## execute the stored notebooks again after an edit (one: make notebooks LESSON=01)
	@$(RUN) -m helper_utils refresh $(LESSON)

claims: $(READY) ## run all lessons on base seeds 1 to 5, and keep in notebooks/claims.json how their claims fared
	@.ci/offline $(RUN) -m helper_utils claims $(LESSON)

lab: $(READY) ## open the notebooks in JupyterLab, where `course` can be called from a terminal or as !course
	PATH="$(CURDIR)/$(BIN):$$PATH" $(RUN) -m jupyterlab --notebook-dir notebooks

tensorboard: $(READY) ## the page of TensorBoard on the runs of lesson 15 (others: make tensorboard RUNS=folder)
	$(RUN) -m helper_utils.experiment_tracking.pages tensorboard --runs "$(RUNS)"

mlflow: $(READY) ## the page of MLflow on the runs of lesson 15 (others: make mlflow RUNS=folder)
	$(RUN) -m helper_utils.experiment_tracking.pages mlflow --runs "$(RUNS)"

format: $(READY) ## mend what ruff can mend
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format

benchmarks: $(READY) ## measure again what benchmarks/README.md says about speed (installs what it compares with)
	$(RUN) -m pip install --quiet -c constraints.txt -e ".[benchmarks]"
	$(RUN) benchmarks/run_all.py

constraints: $(READY) ## pin the newest versions that pyproject.toml allows
	$(RUN) -m pip install --quiet uv
	$(RUN) -m uv pip compile --upgrade --universal --no-header --no-annotate --python-version 3.11 --all-extras \
		pyproject.toml --output-file constraints.txt

clean: ## remove the environment, caches and results; data and stored notebooks stay
	rm -rf $(VENV) build runs .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: after an install that broke off, the next call starts again from nothing.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$($(PYTHON) --version 2>&1): the course needs Python 3.11 or newer; try make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,cluster,tracking,compression,interpretability]"
	@touch $@
