# Needs Linux on x86-64, make, and Python 3.11 or 3.12. Everything else is fetched into .venv and the user's cache.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast check acceptance bench clean lock detection-table

# The first of these that starts and is a Python that Flink supports; PYTHON=… overrides it.
PYTHON ?= $(shell for python in python3.11 python3.12 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $$python && exit; \
	done; echo python3)
RUN := .venv/bin
# Without bytecode on disk each of the hundreds of processes of the tests compiles every module again.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

setup: ## .venv and the jars, hash-checked; done once, resumable
	@command -v $(PYTHON) >/dev/null || { echo "tickproof: set-up: found no Python 3, expected 3.11 or 3.12; install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 2; }
	@$(PYTHON) .ci/bootstrap.py

demo: setup ## a simulated market with faults through a real broker and a real Flink job
	@$(RUN)/tickproof demo

# Two workers; one that has nothing left takes over half of what waits for the other.
WORKERS ?= 2
PYTEST := $(RUN)/python -m pytest -n $(WORKERS) --dist worksteal

# Brokers and clusters have the machine to themselves: two of each on two cores keep each other from answering in time.
test: check ## checks and tests, as CI runs them
	@$(PYTEST) -m "not broker and not flink"
	@$(RUN)/python -m pytest -m "broker or flink"

test-fast: setup ## the tests that need no service and no shared files, in two minutes
	@$(PYTEST) -m "not broker and not flink and not shared and not slow"

check: setup ## ruff, mypy and import-linter
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-cache

acceptance: setup ## everything that must hold, in full
	@$(RUN)/python -m pytest tests/acceptance

detection-table: setup ## renew the table of recall and false alarms, after a change of results that is meant
	@$(RUN)/python -m tests.evaluation.detection_table

bench: setup ## the speed table, on a real broker
	@$(RUN)/python -m bench

clean: ## remove what set-up and runs left in this checkout (the shared cache stays)
	rm -rf .venv .tickproof .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/out dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK := $(RUN)/uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

lock: setup ## for maintainers: renew the lock files after a change of pyproject.toml or of a version in jobs/services/jars.py
	$(LOCK) requirements-uv.in -o requirements-uv.txt
	$(LOCK) build-constraints.in -o build-constraints.txt
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	$(RUN)/python -m jobs.services.jars lock
