# make demo: install, run the whole pipeline on the demo world, say where the report is.
# make test: install, then lint, format, types, import contracts and tests.
# make docs: pages of the Python API, from its docstrings, in docs/api.
# make mutants: small faults put into the modules that decide numbers; which of them no test notices.
# make faults: stages killed at random moments, which must go on as if nothing had been.
# make fuzz: minutes of damaged files for every reader of files from outside.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 2
export PATH := $(CURDIR)/$(BIN):$(PATH)
export HF_HUB_OFFLINE := 1

.PHONY: demo test bench docs faults fuzz mutants clean

demo: .venv/installed
	dvc repro
	@echo "The report: $(CURDIR)/reports/report/index.html"

test: .venv/installed-test
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	pytest -n $(JOBS) --ignore tests/benchmarks

bench: .venv/installed-test
	pytest tests/benchmarks --benchmark-only

docs: .venv/installed-test
	PYTHONHASHSEED=0 python docs/build_api.py docs/api
	@echo "The pages: $(CURDIR)/docs/api/index.html"

# Damaged files for every reader: FUZZ_SECONDS (300), FUZZ_SEED (0), FUZZ_TARGET (all), FUZZ_CASE (to see one again).
fuzz: .venv/installed-test
	python -m tests.fuzz.run

# Kills of preprocess and extract: FAULTS_RUNS (20, of each stage with each engine), FAULTS_SEED (0), FAULTS_ENGINE and
# FAULTS_STAGE (one of them, or all).
faults: .venv/installed-test
	python -m tests.faults.run

# Faults in roles, leakage, metrics, program, store, losses, methods: MUTANTS (one of them, or all), MUTANTS_SAMPLE (faults
# tried of each, 0 = all of them, which takes hours), MUTANTS_SEED (which).
mutants: .venv/installed-test
	python -m tests.mutants.run

clean:
	rm -rf .venv .cache

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.venv/installed-test: .venv/installed requirements-test.txt requirements-cluster.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@
