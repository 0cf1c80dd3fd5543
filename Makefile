PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501

# What takes more than the rest of the fast tests: pages, trainings, searches, whole frames through every codec.
NOT_QUICK := training pages fuzz docs test_offline.py test_kernel_cache.py cli/bench batch/test_launch.py \
	variants/test_advice.py variants/test_scout.py variants/test_scale_crossover.py codecs/test_classical.py \
	codecs/test_equal_qualities.py codecs/test_effort.py codecs/entropy/test_hyper.py library/test_snapshots.py

.PHONY: help app test quick lint types tests fuzz format screenshots hooks wheel clean

help:  ## list these targets (the default)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

app: $(VENV)/.installed  ## set everything up and open the app on http://localhost:8501 (PORT=... for another port)
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

test: lint types tests  ## set everything up and run all checks: lint, types, tests

quick: $(VENV)/.installed-dev  ## ruff and the fast tests, in under 2 minutes: no page, no training, nothing long
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not browser" $(NOT_QUICK:%=--ignore tests/%)

lint: $(VENV)/.installed-dev  ## check the style of the Python code and the types of the viewer's JavaScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if [ -f tests/js/check_types.sh ]; then bash tests/js/check_types.sh; fi

types: $(VENV)/.installed-dev  ## check the types of the Python code (mypy, strict)
	$(BIN)/mypy

tests: $(VENV)/.installed-dev  ## run all tests; the browser tests need Chromium
	$(BIN)/python -m pytest -n 2 --dist worksteal

fuzz: $(VENV)/.installed-dev  ## try hostile inputs at every parser, 50 times as many as the tests do (FUZZ=... for another factor)
	SYNTHCOMP_FUZZ=$(or $(FUZZ),50) $(BIN)/python -m pytest tests/fuzz -p no:xdist -q

format: $(VENV)/.installed-dev  ## format the Python code and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(VENV)/.installed-dev  ## take the screenshots of the README again
	$(BIN)/python -m tests.browser.screenshots

hooks: $(VENV)/.installed-dev  ## run ruff and mypy before every commit (pre-commit)
	$(BIN)/pre-commit install

# Setuptools would pack deleted modules that an earlier build left in build/.
wheel: $(VENV)/.installed-dev  ## build the package into dist/
	rm -rf build
	$(BIN)/python -m pip wheel . --disable-pip-version-check --quiet --no-deps --no-build-isolation --wheel-dir dist

clean:  ## remove the environment, caches and built packages; data and runs stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist synthcomp.egg-info

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Synthcomp needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	touch $@

# Editable, so that the command `synthcomp` of the environment runs the code of this clone.
$(VENV)/.installed: $(VENV)/.made pyproject.toml requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable .
	$(BIN)/synthcomp warm-up
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable ".[dev]"
	touch $@
