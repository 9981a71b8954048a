# Every target works with Python 3.11 or 3.12 and make alone: .venv is made when it is missing or
# older than what it is made from. `make PYTHON=/path/to/python3.12 TARGET` chooses the Python.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check coverage bench golden

venv := .venv
run := $(venv)/bin/python -m
# Two processes share the test files; `make WORKERS=8 test` where there are more cores.
WORKERS := 2
tests := $(run) pytest -n $(WORKERS) --dist loadfile
stamp := $(venv)/.made
benches := $(filter-out benchmarks/__init__.py benchmarks/harness.py,$(wildcard benchmarks/*.py))

help:
	@echo 'make demo    the whole federation on this machine'
	@echo 'make test    every test'
	@echo 'make check   style, types, import contracts, dependencies, generated files, fast tests'
	@echo 'make coverage  every test, and how much of domain and steps they cover'
	@echo 'make bench   every file of benchmarks/; rows in benchmarks/out'
	@echo 'make golden  writes the generated files anew'

$(stamp): pyproject.toml constraints.txt tools/make_venv.sh
	@PYTHON='$(PYTHON)' tools/make_venv.sh
	@touch $@

demo: $(stamp)
	@$(venv)/bin/securefed demo --report audits/out/demo

test: $(stamp)
	@$(tests)

coverage: $(stamp)
	@$(tests) -q --cov --cov-report=term

check: $(stamp)
	@echo '== 1/8 lint'
	@$(run) ruff check .
	@echo '== 2/8 format'
	@$(run) ruff format --check .
	@echo '== 3/8 types'
	@$(run) mypy
	@echo '== 4/8 import contracts'
	@$(venv)/bin/lint-imports
	@echo '== 5/8 dependencies'
	@$(run) deptry securefed
	@echo '== 6/8 installed versions agree'
	@$(run) pip check
	@echo '== 7/8 generated files'
	@$(run) tools.generate --check
	@echo '== 8/8 fast tests'
	@# Importing PySyft alone takes eight seconds.
	@$(tests) -q -m 'not slow' --ignore=tests/adapters/syft_site --ignore=tests/site

bench: $(stamp)
	@mkdir -p benchmarks/out
	@for file in $(benches); do \
	    name=$$(basename $$file .py); echo "== $$name"; \
	    $(run) benchmarks.$$name --json benchmarks/out/$$name.json || [ $$? = 4 ] || exit 1; \
	done
	@echo '$(words $(benches)) benchmark files ran; rows are in benchmarks/out'

golden: $(stamp)
	@$(run) tools.generate
