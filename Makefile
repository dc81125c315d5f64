.DEFAULT_GOAL := help
.PHONY: help install test check versions lint types layers migrations docs messages demo demo-reset shell screenshots pictures bench audit soak

# The demo's two servers: make demo PORT=8001 SANDBOX_PORT=8011 (without: 8000 and 8010)
export PORT SANDBOX_PORT

PYTHON := .venv/bin/python
INSTALLED := .venv/.installed

# Two checks at a time, each with its words together (where make can: not macOS's)
SYNCED := $(if $(filter output-sync,$(.FEATURES)),--output-sync)

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
	@$(MAKE) --no-print-directory --jobs=2 --keep-going $(SYNCED) lint types layers migrations

versions: $(INSTALLED) ## Every supported Python, Django, Wagtail and database (hours; nox --list)
	@.venv/bin/nox

lint: $(INSTALLED) ## Style of Python and templates
	@$(PYTHON) tools/stages.py lint

types: $(INSTALLED) ## Types, by mypy
	@$(PYTHON) tools/stages.py types

layers: $(INSTALLED) ## What may import what
	@$(PYTHON) tools/stages.py layers

migrations: $(INSTALLED) ## Whether the models have their migrations
	@$(PYTHON) tools/stages.py migrations

docs: $(INSTALLED) ## The docs as pages in build/docs, warnings as errors
	@$(PYTHON) tools/stages.py docs

messages: $(INSTALLED) ## The texts to translate, for translators, as the code says them now
	@mkdir -p wagtail_qbo_sync/locale
	@cd wagtail_qbo_sync && ../$(PYTHON) -m django makemessages --locale=en --no-location --no-obsolete

demo: $(INSTALLED) ## An accounting firm's site beside a QuickBooks company, on this machine
	@$(PYTHON) example_project/demo.py

demo-reset: $(INSTALLED) ## Forget the demo's data; the next `make demo` starts over
	@$(PYTHON) example_project/demo.py --reset

shell: $(INSTALLED) ## Django's shell on the demo's site, connected; beside a running demo or alone
	@$(PYTHON) example_project/demo.py --shell

screenshots: $(INSTALLED) ## A picture of each screen (light, dark, narrow) in screenshots/
	@$(PYTHON) tools/screenshots.py

pictures: $(INSTALLED) ## The README's pictures, taken of the demo, in docs/pictures/
	@$(PYTHON) tools/pictures.py

soak: $(INSTALLED) ## What random tests and kills find in long runs: make soak MINUTES=30 (each; without: 10)
	@SOAK_MINUTES=$(or $(MINUTES),10) $(PYTHON) tools/stages.py soak kills

bench: $(INSTALLED) ## Times and costs beside the floor and the naive way (SIZES="1000 100000")
	@$(PYTHON) benchmarks/suite.py --out $(OUT) --sizes $(SIZES)
	@$(PYTHON) benchmarks/suite.py --out $(OUT) --sizes $(SIZES) --database-url $(POSTGRES_URL)
	@for each in suggest sweep drafts undo; do $(PYTHON) benchmarks/$$each.py || exit 1; done
	@$(PYTHON) benchmarks/scale_out.py --database-url $(POSTGRES_URL)

audit: $(INSTALLED) ## Known weaknesses of what uv.lock names, by pip-audit (asks PyPI)
	@$(PYTHON) tools/audit.py
