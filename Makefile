# demo: install and open the studio · test: install and pass everything · lint · bench · train-lite
# PYTHON chooses the interpreter the virtual environment is made with (3.10 to 3.12).
PYTHON ?= $(shell for v in python3.11 python3.12 python3.10 python3; do command -v $$v && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Without an NVIDIA GPU, PyTorch's own CPU build where its index answers: 2.7 GB less to fetch. TORCH= takes PyPI's.
TORCH ?= $$("$(BIN)/python" tools/torch_index.py)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)

.PHONY: demo test lint bench train-lite clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.app
	$(BIN)/python app.py

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev
	$(BIN)/python -m bench

train-lite: $(VENV)/.dev
	$(BIN)/python -m moda.training $(ARGS)

$(VENV)/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 12) else \
	  f"MoDA Studio needs Python 3.10, 3.11 or 3.12; {sys.executable} is {sys.version.split()[0]}. \
	Install one and run: make PYTHON=python3.11")'
	"$(PYTHON)" -m venv $(VENV)

# The stamps make a second run start at once: nothing is asked of pip unless the requirements changed.
$(VENV)/.app: pyproject.toml | $(VENV)/bin/python
	$(PIP) -e ".[voices]"
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) -e ".[voices,test]"
	@touch $(VENV)/.app $@

clean:
	rm -rf $(VENV) runs outputs
