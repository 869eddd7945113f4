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

LOST := --set bms.use=unprotected --set "thermal.coolant.flow=0 kg/s"
SHEET := {between: cells, material: aerogel, thickness: 1 mm, area: 10 cm^2, contact_conductance: 500 W/m^2/K}

demo: $(INSTALLED)  ## a cell that shorts, and three futures from the first alarm on: demo.html
	@echo "A module of 96 cells drives; from minute 2 one of them has an internal short. As built:"
	$(BIN)/twin run runaway_whatif -o demo.h5 --force --quiet
	@echo "From the first alarm on: the coolant is lost, and nobody minds the alarm."
	$(BIN)/twin fork demo.h5 --at alarm $(LOST) -o demo-ignored.h5 --force --quiet
	@echo "The same, with 1 mm of aerogel around each cell."
	$(BIN)/twin fork demo.h5 --at alarm $(LOST) --set "module.barrier=$(SHEET)" -o demo-barrier.h5 --force --quiet
	$(BIN)/twin report demo.h5 demo-ignored.h5 demo-barrier.h5 -o demo.html --force
	@echo "Open demo.html in a browser; demo.h5 and its forks hold the whole runs: twin report demo.h5"

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
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis demo*.h5 demo.html bench.json bench-peers.json
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
