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

# Two cores, two processes: tests that mostly wait for others, and for time, run beside those that
# compute. What the first say is shown when both have ended.
CLUSTERS := tests/integration/security tests/integration/test_hanging.py \
	tests/integration/test_worker_processes.py tests/integration/study/test_lost_pool.py
WAITING := tests/chaos tests/acceptance $(CLUSTERS) --ignore tests/acceptance/upgrade
COMPUTING := tests/acceptance/upgrade tests/integration tests/unit $(CLUSTERS:%=--ignore %)
test: check
	@said=$$(mktemp); failed=0; \
	$(BIN)/pytest --durations 10 $(WAITING) >$$said 2>&1 & waiting=$$!; \
	$(BIN)/pytest --durations 10 $(COMPUTING) || failed=1; \
	wait $$waiting || failed=1; \
	cat $$said; rm $$said; exit $$failed

benchmark: $(STAMP)
	$(BIN)/python -m tests.benchmarks

benchmark-peers: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,peers]'
	$(BIN)/python -m tests.benchmarks.peers

catalog: $(STAMP)
	$(BIN)/python docs/lessons.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
