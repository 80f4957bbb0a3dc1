# Every target prepares the environment by itself, says what it does and how long it took, and can be called again.
# The plain commands behind each target stand in README.md.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
OPEN   := _build/html/index.html

# TensorFlow reports its start in several lines; keep them for errors. Level 0 shows everything.
export TF_CPP_MIN_LOG_LEVEL ?= 3

# $(call timed,what is done,command): print it, run it, print the seconds.
define timed
	@echo "→ $(1)"; start=$$(date +%s); { $(2); } && echo "✓ $(1): $$(( $$(date +%s) - start )) s"
endef

.PHONY: help book serve test lint check-unit check-notebooks check-browser notebooks claims bench lab lock clean
.DEFAULT_GOAL := help

help:
	@echo "make book       set everything up and build the book; prints the file to open"
	@echo "make test       set everything up and check everything"
	@echo "make serve      build the book and open it on localhost"
	@echo "make lab        JupyterLab in the book's folder, to play"
	@echo "make notebooks  run every notebook again and store its outputs (ONE=path for one)"
	@echo "make claims     run the experiments behind the verdicts, judge all claims (CLAIM=CL-10 or SECTION=11.1 for some)"
	@echo "make lint       check the style of the code"
	@echo "make bench      time our layers against Keras' own; rewrites the benchmark page"
	@echo "make lock       resolve the exact versions again (needs the network)"
	@echo "make clean      remove what was built; keeps the environment and finished runs"

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else "handson11 needs Python 3.10 to 3.13, this is %d.%d. Name another one: make PYTHON=python3.12 ..." % v)'
	$(call timed,creating the environment in $(VENV),$(PYTHON) -m venv $(VENV))
	$(call timed,installing the locked versions (about 2.5 GB the first time),$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt)
	$(call timed,installing handson11 itself,$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .)
	@touch $(READY)

book: $(READY)
	$(call timed,building the book from the stored outputs,$(BIN)/jupyter-book build . --all -W -n --keep-going -q)
	@echo "Open $(CURDIR)/$(OPEN)"

serve: book
	@echo "Serving the book on http://localhost:8000 - stop with Ctrl-C"
	@$(BIN)/python -m webbrowser -t http://localhost:8000 >/dev/null 2>&1 || true
	@$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html || true

lint: $(READY)
	$(call timed,checking the style,$(BIN)/ruff check . && $(BIN)/ruff format --check .)

check-unit: book
	$(call timed,unit$(COMMA) property and conformance tests$(COMMA) doctests$(COMMA) coverage,HANDSON11_BOOK=_build/html $(BIN)/pytest -m "not browser" --cov --cov-report=term:skip-covered -n auto --dist loadfile)

# On the data that is at hand; without any, on the stand-in.
check-notebooks: $(READY)
	@if $(BIN)/python -m handson11.datasets; then $(MAKE) --no-print-directory check-notebooks-real; \
	else echo "The real data is not at hand."; $(MAKE) --no-print-directory check-notebooks-stand-in; fi

.PHONY: check-notebooks-real check-notebooks-stand-in
check-notebooks-real: $(READY)
	$(call timed,the notebooks on the real Fashion-MNIST,$(BIN)/pytest --nbval book -n auto --dist loadscope)

check-notebooks-stand-in: $(READY)
	$(call timed,the notebooks on the stand-in data without network,env -u HANDSON11_DATA HANDSON11_CACHE=$(CURDIR)/_build/no-data $(BIN)/python tests/no_network.py $(BIN)/pytest --nbval book -n auto --dist loadscope)

check-browser: book
	$(call timed,every page in a browser without network,HANDSON11_BOOK=_build/html $(BIN)/pytest -m browser tests/book -rs)

test: lint book check-unit check-notebooks check-browser
	@echo "Everything passed."

notebooks: $(READY)
	$(call timed,running the notebooks,$(BIN)/python book/_tools/run_notebooks.py $(ONE))

claims: $(READY)
	$(call timed,running the experiments behind the claims,$(BIN)/python -m handson11.claims $(if $(CLAIM),--claim $(CLAIM)) $(if $(SECTION),--section $(SECTION)))

bench: $(READY)
	$(call timed,timing our layers against Keras' own,$(BIN)/python book/_tools/bench.py)

lab: $(READY)
	@$(BIN)/jupyter lab --notebook-dir=book

lock:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call timed,resolving the exact versions,$(BIN)/python -m pip install --quiet uv && $(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.10 --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file requirements.txt)

clean:
	rm -rf _build build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .coverage

COMMA := ,
