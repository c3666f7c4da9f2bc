# `make demo` and `make test` do all the set-up that they need. PYTHON: the Python that .venv is made of.
PYTHON ?= python3
BIN := .venv/bin
ENVIRONMENT := .venv/.made

.PHONY: demo test test-fast test-gpu check format audit docs bench bench-gpu clean
.DELETE_ON_ERROR:

demo: $(ENVIRONMENT)
	$(BIN)/python sweeps/launch.py --grid demo --results results/demo

PYTEST := $(BIN)/python -m pytest
PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

test: $(ENVIRONMENT)
	$(PYTEST) $(PARALLEL)

# About a minute: without the tests that take a fifth of a second of a core or more, or need Slurm, Ray or a GPU.
test-fast: $(ENVIRONMENT)
	$(PYTEST) $(PARALLEL) -m "not slow and not slurm and not ray and not cuda"

# Under three minutes, on a machine with a GPU. Of .venv where there is one, else of $(PYTHON): what stands on such a
# machine is often a torch of its own, without a package index.
GPU_PYTHON := $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))

test-gpu:
	$(GPU_PYTHON) -m pytest -m cuda -W default $(shell grep -rl --include=test_*.py 'mark\.cuda' tests/agad)

# Under four minutes, likewise; prints the table of docs/benchmarks.md.
bench-gpu:
	$(GPU_PYTHON) -m benchmarks.gpu

check: $(ENVIRONMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(ENVIRONMENT)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Known vulnerabilities of the dependencies, looked up on the network; its exit status: see .ci/audit.
audit: $(ENVIRONMENT)
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/python .ci/audit

# Writes what pages take from elsewhere: the columns of a row; numbers, tables and notebooks of published rows; the page
# of them all.
docs: $(ENVIRONMENT)
	$(BIN)/python -m agad.store.rows_page docs/rows.md
	$(BIN)/python -m analysis.prose README.md reproduction/README.md docs/note.md
	$(BIN)/python -m analysis.prose.notebooks reproduction/gamma0 --out docs/notebooks
	$(BIN)/python analysis/report.py --results reproduction/* --out reproduction/index.html

# Measures training and the sweep's and the report's own costs; see docs/benchmarks.md.
bench: $(ENVIRONMENT)
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.report

clean:
	rm -rf .venv build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache

# uv, where it is installed, takes a third of pip's time. It does not read pip's settings: where it fails, pip is asked.
UV := $(shell command -v uv)
PACKAGES := -c constraints.txt -e '.[dev]'

$(ENVIRONMENT): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "agad needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(if $(UV),$(UV) pip install --python $(BIN)/python --quiet --compile-bytecode $(PACKAGES) ||) \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PACKAGES)
	touch $@
