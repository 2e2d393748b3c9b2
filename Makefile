# Everything here also works without make: README.md gives the plain commands.

VENV ?= .venv
PYTHON ?= python3
TORCH ?= torch==2.13.0
TORCH_INDEX_URL ?=
ARGS ?=

PY := $(VENV)/bin/python
SETUP := $(PY) tools/setup_env.py
export TORCH TORCH_INDEX_URL
# The environment's own kernel wins over one of the same name elsewhere on the machine.
export JUPYTER_PATH := $(abspath $(VENV))/share/jupyter$(if $(JUPYTER_PATH),:$(JUPYTER_PATH))
export JUPYTER_PREFER_ENV_PATH := 1

LAB := $(PY) -m jupyterlab --ip=127.0.0.1 --config=tools/lab/lab_config.py --LabApp.app_settings_dir=tools/lab \
	--LabApp.default_url=/lab/tree/lessons/00_start_here.ipynb --log-level=ERROR $(if $(filter 0,$(shell id -u)),--allow-root)
# One thread a worker: two workers with many threads each are slower than two with one.
PYTEST := OMP_NUM_THREADS=1 $(PY) -m pytest --durations=10
WORKERS := --numprocesses=auto --maxprocesses=4 --dist=loadfile

.PHONY: help bench bench-ui lab test lint lessons execute unit notebooks browser setup setup-lab lessons-check
.DELETE_ON_ERROR:
.NOTPARALLEL:

help:
	@echo "make lab                     open the course in JupyterLab (ARGS='--no-browser --port 8899')"
	@echo "make test                    lint, lessons check, unit tests, notebooks, browser tests"
	@echo "make lint unit notebooks browser   one of those alone"
	@echo "make lessons                 build lessons/ from solutions/ (CHECK=1: only compare)"
	@echo "make execute NB=03           run solution 03 anew, then build its lesson (no NB: all of them)"
	@echo "make bench                   measure the speed, and write benchmarks/README.md (a few minutes)"
	@echo "make bench-ui                measure the explorers in a browser, and write benchmarks/UI.md (12 minutes)"
	@echo "Variables: VENV=$(VENV) PYTHON=$(PYTHON) TORCH=$(TORCH) TORCH_INDEX_URL=$(TORCH_INDEX_URL)"

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

setup-lab: $(PY)
	@$(SETUP) course

setup: $(PY)
	@$(SETUP) course test libraries

lab: setup-lab
	$(LAB) $(ARGS)

test: lint lessons-check unit notebooks browser

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

lessons: setup
	$(PY) tools/lessons.py $(if $(CHECK),check,build)

lessons-check: setup
	$(PY) tools/lessons.py check

execute: setup
	$(PY) tools/lessons.py execute $(NB)

unit: setup
	$(PYTEST) $(WORKERS) --doctest-modules --doctest-glob=README.md qlab tests README.md --ignore=tests/browser

notebooks: setup
	$(PYTEST) $(WORKERS) --nbval --nbval-cell-timeout=60 --nbval-sanitize-with=tools/nbval.cfg lessons solutions

browser: setup
	$(PYTEST) $(WORKERS) tests/browser

bench: setup
	OMP_NUM_THREADS=1 $(PY) -m benchmarks

bench-ui: setup
	OMP_NUM_THREADS=1 $(PY) -m benchmarks.ui $(ARGS)
