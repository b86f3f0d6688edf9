# make launch   install what is pinned into .venv and run the built-in study
# make test     install, check style, types and architecture, and run every test
# make help     the rest

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install launch test check unit benchmark benchmark-peers catalog clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -3
	@echo "make check      style, types and architecture only"
	@echo "make unit       the quick tests only"
	@echo "make benchmark  measure training, storage, coordinator and sampling (30 minutes)"
	@echo "make benchmark-peers  the whole service against Ray Tune and plain Optuna"
	@echo "make catalog    run every teaching study and write its verdicts into docs/lessons.md"
	@echo "make clean      remove .venv and everything that was generated"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

launch: $(STAMP)
	$(BIN)/study launch

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: $(STAMP)
	$(BIN)/pytest tests/unit

# Two cores, two processes. The chaos tests mostly wait, and have deadlines: they run beside the unit
# tests, which only compute. What is in one group stays in one process: see tests/conftest.py.
PYTEST := $(BIN)/pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder --durations 10
test: check
	$(PYTEST) tests/chaos tests/unit
	$(PYTEST) tests/acceptance tests/integration

benchmark: $(STAMP)
	$(BIN)/python -m tests.benchmarks

benchmark-peers: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,peers]'
	$(BIN)/python -m tests.benchmarks.peers

catalog: $(STAMP)
	$(BIN)/python docs/lessons.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
