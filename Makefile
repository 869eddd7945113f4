# Every target makes the virtual environment itself, once: .venv/.installed is younger than
# pyproject.toml and constraints.txt, or pip runs. On Windows use GNU make in Git Bash.

VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
VENV_PYTHON := $(BIN)/python.exe
SHELL := bash.exe
else
BIN := $(VENV)/bin
VENV_PYTHON := $(BIN)/python
endif
INSTALLED := $(VENV)/.installed

# Other simulators live apart, so that theirs are not our dependencies.
PEERS := .venv-peers
PEERS_PYTHON := $(subst $(VENV),$(PEERS),$(VENV_PYTHON))
PEERS_INSTALLED := $(PEERS)/.installed
PEERS_CONSTRAINTS := constraints.txt validation/peers/constraints.txt

# The first of these that starts, has a fitting version and can make an environment (a pyenv shim may
# exist and still fail, so each is called). To choose: make PYTHON=/path/to/python3.13
PYTHON ?=
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 python)
FITS := import sys, venv, ensurepip; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 15)))

export PYBAMM_DISABLE_TELEMETRY := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow check format bench bench-peers clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(INSTALLED)  ## the virtual environment in .venv (the others call it themselves)

demo: $(INSTALLED)  ## an electric car, a cell that shorts, a BMS that answers: demo.h5 and demo.html
	@echo "An electric car drives the US06 schedule; from minute 8 one of its cells has an internal short."
	$(BIN)/twin run ev_us06_short -o demo.h5 --force
	$(BIN)/twin report demo.h5 -o demo.html
	@echo "Open demo.html in a browser; demo.h5 holds the whole run."

test: $(INSTALLED)  ## the tests, without the slow ones
	$(VENV_PYTHON) -m pytest -n 2

test-slow: $(INSTALLED)  ## the slow tests alone
	$(VENV_PYTHON) -m pytest -n 2 -m slow

check: $(INSTALLED)  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: $(INSTALLED)  ## rewrite the code in its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(INSTALLED)  ## how fast packtwin is on this machine: bench.json
	$(BIN)/twin bench -o bench.json

bench-peers: $(INSTALLED) $(PEERS_INSTALLED)  ## the same hour in PyBaMM, thevenin and packtwin, timed side by side
	@echo "Timing one hour in every simulator: about five minutes. The figures also go to bench-peers.json."
	@$(VENV_PYTHON) -m validation.peers --peers $(PEERS_PYTHON) -o bench-peers.json

clean:  ## remove what make, the demo and the tests have made (the environment stays)
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis demo.h5 demo.html bench.json bench-peers.json
	find cell_models packs controllers twin validation tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@if ! $(VENV_PYTHON) -c "$(FITS)" >/dev/null 2>&1; then \
	    for candidate in $(CANDIDATES); do \
	        if "$$candidate" -c "$(FITS)" >/dev/null 2>&1; then found="$$candidate"; break; fi; \
	    done; \
	    if [ -z "$$found" ]; then \
	        echo "packtwin needs Python 3.11, 3.12, 3.13 or 3.14 with venv: install one, or name it by make PYTHON=/path/to/python." >&2; \
	        exit 1; \
	    fi; \
	    "$$found" -m venv --clear $(VENV) || exit 1; \
	fi
	@echo "Installing packtwin and its dependencies into $(VENV) (once; one to three minutes)."
	@$(VENV_PYTHON) -m pip install -qq -c constraints.txt -e ".[test,lint]"
	@touch $@

# Without a package index the target goes on with the PyBaMM of .venv, and tries again next time.
$(PEERS_INSTALLED): $(PEERS_CONSTRAINTS) | $(INSTALLED)
	@echo "Installing PyBaMM and thevenin into $(PEERS) (once; about a minute)."
	@if $(VENV_PYTHON) -m venv --clear $(PEERS) \
	    && $(PEERS_PYTHON) -m pip install -qq $(PEERS_CONSTRAINTS:%=-c %) pybamm thevenin; then \
	    touch $@; \
	else \
	    rm -rf $(PEERS); \
	    echo "PyBaMM and thevenin could not be installed apart: thevenin is left out, PyBaMM is that of $(VENV)." >&2; \
	fi
