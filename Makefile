.DEFAULT_GOAL := help
.PHONY: help install test check lint types demo demo-reset screenshots bench audit soak

# The demo's two servers: make demo PORT=8001 SANDBOX_PORT=8011 (without: 8000 and 8010)
export PORT SANDBOX_PORT

PYTHON := .venv/bin/python
INSTALLED := .venv/.installed

# The sizes of make bench, where its table and plot go, and the server of its second half
SIZES := 1000 10000
OUT := benchmarks/results
POSTGRES_URL ?= postgres://postgres@127.0.0.1:5432/postgres

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv with what uv.lock names (by uv, or by python3 alone)

$(INSTALLED): pyproject.toml uv.lock tools/install
	@sh tools/install
	@touch $@

test: $(INSTALLED) ## Every check and test that this machine can run
	@$(PYTHON) tools/stages.py

check: $(INSTALLED) ## The quick checks: style, types, import layers, migrations
	@$(PYTHON) tools/stages.py lint types layers migrations

lint: $(INSTALLED) ## Style of Python and templates
	@$(PYTHON) tools/stages.py lint

types: $(INSTALLED) ## Types, by mypy
	@$(PYTHON) tools/stages.py types

demo: $(INSTALLED) ## An accounting firm's site beside a QuickBooks company, on this machine
	@$(PYTHON) example_project/demo.py

demo-reset: $(INSTALLED) ## Forget the demo's data; the next `make demo` starts over
	@$(PYTHON) example_project/demo.py --reset

screenshots: $(INSTALLED) ## A picture of each screen (light, dark, narrow) in screenshots/
	@$(PYTHON) tools/screenshots.py

soak: $(INSTALLED) ## What random tests find in long runs: make soak MINUTES=30 (without: 10)
	@SOAK_MINUTES=$(or $(MINUTES),10) $(PYTHON) tools/stages.py soak

bench: $(INSTALLED) ## Times and costs beside the floor and the naive way (SIZES="1000 100000")
	@$(PYTHON) benchmarks/suite.py --out $(OUT) --sizes $(SIZES)
	@$(PYTHON) benchmarks/suite.py --out $(OUT) --sizes $(SIZES) --database-url $(POSTGRES_URL)
	@for each in suggest sweep drafts undo; do $(PYTHON) benchmarks/$$each.py || exit 1; done
	@$(PYTHON) benchmarks/scale_out.py --database-url $(POSTGRES_URL)

audit: $(INSTALLED) ## Known weaknesses of what uv.lock names, by pip-audit (asks PyPI)
	@$(PYTHON) tools/audit.py
