# Two commands need nothing but Python >= 3.11 and make: `make demo` and `make test`.
# Another interpreter, beside the first: `make test PYTHON=python3.12 VENV=.venv-3.12`.

PYTHON ?= python3
VENV ?= .venv

VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3] if sys.version_info >= (3, 11) else "")')
ifeq ($(VERSION),)
$(error streamfn needs Python 3.11 or newer, and `$(PYTHON)` is not that. Name one, as in `make test PYTHON=python3.12`)
endif

# A stamp in $(VENV) says what is installed there. Its name carries the interpreter's version, so a changed lock, a changed
# pyproject.toml or another interpreter leads to a new installation, and anything else to none.
LOCAL := $(VENV)/.local-$(VERSION)
DEV := $(VENV)/.dev-$(VERSION)
BENCH := $(VENV)/.bench-$(VERSION)
# Spark has a virtual environment of its own, since it is larger than all the rest together.
SPARK_VENV := $(VENV)-spark
SPARK := $(SPARK_VENV)/.spark-$(VERSION)
# So have the lowest versions of the dependencies, which are none of those in the other locks.
LOWEST_VENV := $(VENV)-lowest
LOWEST := $(LOWEST_VENV)/.lowest-$(VERSION)

RUN := $(VENV)/bin/python -m
PIP := $(RUN) pip install --disable-pip-version-check --quiet --quiet
# Extras stay in the locks: older pips take a pin of `coverage` for none of `coverage[toml]`, and look for the newest.
COMPILE := $(RUN) uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-config --default-index https://pypi.org/simple --custom-compile-command 'make lock' --quiet
LOCK := $(COMPILE) pyproject.toml --group build

# What `make lowest` runs: the tests of what depends on boto3, cattrs, returns and typing_extensions.
LOWEST_TESTS := tests/conversion tests/decoding/test_explain.py tests/decoding/test_filling.py tests/test_structuring.py \
	tests/handlers tests/execution tests/test_pipeline.py tests/test_lambda.py tests/test_loading.py \
	tests/ledgers tests/dead_letters/test_sqs.py tests/dead_letters/test_s3.py tests/dead_letters/test_redrive_ministack.py \
	tests/sources/test_reader.py tests/sources/test_checkpoints.py tests/sources/test_ministack.py \
	tests/testing/test_events.py tests/testing/test_payloads.py tests/testing/test_results.py tests/reports/test_models.py
# What takes long, or needs tools that are of no concern here.
LOWEST_LEFT_OUT := --ignore tests/ledgers/test_template.py \
	-k 'not (killed_at_random or item_comes_back or items_fit or test_entries_of_the_same_pair or test_many_entries)'

# pytest comes last, so that its summary ends the output.
CHECKS := lint format mypy pyright verifytypes imports pytest

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test $(CHECKS) lowest spark million docs bench fuzz soak lock clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(LOCAL) ## Run the example on a DynamoDB stream, an S3 and a Slack that live on this machine.
	@$(RUN) examples.demo

test: $(DEV) ## Check everything; each check runs, whatever the others say.
	@$(MAKE) --keep-going --no-print-directory $(CHECKS)

lint: $(DEV) ## Look for mistakes and bad habits (ruff).
	@echo '==> ruff check'
	@$(RUN) ruff check

format: $(DEV) ## Check the formatting (ruff).
	@echo '==> ruff format --check'
	@$(RUN) ruff format --check

mypy: $(DEV) ## Check the types (mypy, strict).
	@echo '==> mypy'
	@$(RUN) mypy

pyright: $(DEV) ## Check the types (basedpyright, strict).
	@echo '==> basedpyright'
	@$(RUN) basedpyright --pythonpath $(VENV)/bin/python

# With --verifytypes, basedpyright asks the first python of the PATH where packages are, and overlooks --pythonpath.
verifytypes: $(DEV) ## Check that every public name has a complete type (basedpyright).
	@echo '==> basedpyright --verifytypes'
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(RUN) basedpyright --verifytypes streamfn --ignoreexternal

imports: $(DEV) ## Check that imports only go down the layers (import-linter).
	@echo '==> import-linter'
	@$(VENV)/bin/lint-imports --no-logo --no-cache

# A file is run by one process: the blocks of a document build on one another.
pytest: $(DEV) ## Run tests, doctests and the documents' examples on all cores, with branch coverage (pytest).
	@echo '==> pytest'
	@$(RUN) pytest --cov --numprocesses auto --dist loadfile

lowest: RUN := $(LOWEST_VENV)/bin/python -m
lowest: $(LOWEST) ## Test with the lowest versions of the dependencies that pyproject.toml allows (two minutes; apart from the tests).
	@echo '==> pytest, with the lowest versions'
	@$(RUN) pytest -p no:cacheprovider $(LOWEST_TESTS) $(LOWEST_LEFT_OUT)

# What is measured here is what `make pytest` leaves out, since it runs without Spark.
spark: RUN := $(SPARK_VENV)/bin/python -m
spark: $(SPARK) ## Run the tests of replays on Spark, which needs Java 17 (300 MB at the first time; apart from the tests).
	@java -version >/dev/null 2>&1 || { echo 'Spark needs Java 17 or newer, and there is no `java`.' >&2; exit 1; }
	@$(RUN) coverage run --data-file=.coverage.spark --source=streamfn.spark --omit=nothing -m pytest -W ignore:unclosed:ResourceWarning streamfn/spark.py tests/spark docs/spark.md
	@$(RUN) coverage report --data-file=.coverage.spark

million: RUN := $(SPARK_VENV)/bin/python -m
million: $(SPARK) ## Replay an export of a million items, on this machine and on Spark, and compare (a minute; apart from the tests).
	@$(RUN) tests.sources.export.million

docs: $(DEV) ## Build the site of the documents into site/ (mkdocs, strict).
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict
	@echo 'Open site/index.html, or have `$(VENV)/bin/mkdocs serve` show it.'

bench: $(BENCH) ## Measure beside other libraries, and write docs/performance.md (minutes; apart from the tests).
	@$(RUN) tests.benchmarks

fuzz: $(DEV) ## Feed a million mutated records to a pipeline (minutes; apart from the tests).
	@$(RUN) tests.fuzz

soak: $(DEV) ## Check the laws of deliveries under 100,000 random schedules in each of two models (minutes; apart from the tests).
	@$(RUN) tests.soak

lock: $(DEV) ## Renew the locks in requirements/ from pyproject.toml.
	@$(PIP) uv==0.13.9
	@rm -f requirements/*.txt
	@$(LOCK) --extra dev --output-file requirements/dev.txt
	@$(LOCK) --extra local --constraint requirements/dev.txt --output-file requirements/local.txt
	@$(LOCK) --group bench --constraint requirements/dev.txt --output-file requirements/bench.txt
	@$(LOCK) --extra spark --group spark --constraint requirements/dev.txt --no-emit-package pyspark --output-file requirements/spark.txt
	@$(LOCK) --group lowest --resolution lowest-direct --output-file requirements/lowest.txt
	@$(COMPILE) --group pyspark --no-deps --output-file requirements/pyspark.txt
	@echo 'Renewed all of requirements/.'

clean: ## Remove the virtual environments and all caches.
	rm -rf .venv .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python-$(VERSION):
	@echo 'Making $(VENV) with Python $(VERSION).'
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# Each lock holds the build backend too, so that nothing is installed that is not in it.
$(LOCAL) $(DEV) $(BENCH): $(VENV)/.%-$(VERSION): requirements/%.txt pyproject.toml | $(VENV)/.python-$(VERSION)
	@echo 'Installing requirements/$*.txt into $(VENV); each file is checked by its hash.'
	@$(PIP) --only-binary :all: --require-hashes --requirement requirements/$*.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(LOWEST): PIP := $(LOWEST_VENV)/bin/python -m pip install --disable-pip-version-check --quiet --quiet
$(LOWEST): requirements/lowest.txt pyproject.toml
	@echo 'Installing requirements/lowest.txt into $(LOWEST_VENV); each file is checked by its hash.'
	@$(PYTHON) -m venv --clear $(LOWEST_VENV)
	@$(PIP) --only-binary :all: --require-hashes --requirement requirements/lowest.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

# There is no wheel of pyspark: what builds one is installed first.
$(SPARK): PIP := $(SPARK_VENV)/bin/python -m pip install --disable-pip-version-check --quiet --quiet
$(SPARK): requirements/spark.txt requirements/pyspark.txt pyproject.toml
	@echo 'Installing Spark into $(SPARK_VENV); each file is checked by its hash.'
	@$(PYTHON) -m venv --clear $(SPARK_VENV)
	@$(PIP) --only-binary :all: --require-hashes --requirement requirements/spark.txt
	@$(PIP) --no-build-isolation --no-deps --require-hashes --requirement requirements/pyspark.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@
