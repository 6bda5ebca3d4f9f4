# reverse-eval: `make help` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REALCASES ?= ../shared/data/realcases
REFERENCE ?= ../shared/data/reference
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint realcases reference benchmark lock docs clean

help: ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Install everything from requirements.lock into .venv

$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing from requirements.lock into $(VENV) (some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q flows tasks expectations scoring warehouse serving examples
	@$(BIN)/python -m flows.prefect_server --make-template
	@touch $@

demo: $(READY) ## Run the main job on a fictional county, to a published release
	@$(BIN)/reverse-eval demo

test: $(READY) ## Check style, types and imports, and run all tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(READY) ## Check style, types and imports only
	@$(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

realcases: $(READY) ## Run the pipeline on real published data and compare with published answers
	@$(BIN)/python -m benchmarks.realcases $(REALCASES)

reference: $(READY) ## Compare every formula with answers somebody else published
	@$(BIN)/python -m benchmarks.reference $(REFERENCE)

benchmark: $(READY) ## A province's month beside a bare Polars script, as ratios
	@$(BIN)/python -m benchmarks.province_month

docs: $(READY) ## Generate the pages that are generated
	@$(BIN)/python -m expectations.derived.data_dictionary > docs/data-dictionary.md
	@$(BIN)/python -m expectations.derived.error_codes > docs/error-codes.md
	@$(BIN)/python -m scoring.burden.catalogue_page > docs/burden-catalogue.md

lock: ## Resolve pyproject.toml into requirements.lock (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --quiet -o requirements.lock

clean: ## Remove what the targets made
	rm -rf $(VENV) .reverse-eval .reverse-eval-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
