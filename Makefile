# Everything runs in .venv inside this directory, with the versions of requirements.lock.
#   make demo PYTHON=python3.12   another interpreter (remove .venv first, `make clean`)
#   make demo CORES=4             fewer cores
#   make demo ARGS="--config …"   more arguments for Snakemake

PYTHON ?= python3
CORES ?= all
ARGS ?=
UPGRADE ?=

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo study families check test lint docs bench gpu wheels env lock clean
.NOTPARALLEL:

# An environment is ready for these contents of pyproject.toml and the lock, at this place (it does not survive a move).
KEY := $(shell { pwd; cat pyproject.toml setup.py requirements.lock; } 2>/dev/null | cksum | cut -d' ' -f1)

# Byte code is kept whatever the user's settings: without it each of the hundred short jobs compiles xinc anew.
define enter_env
export PATH="$$PWD/.venv/bin:$$PATH"; unset PYTHONHOME PYTHONDONTWRITEBYTECODE
endef

define check_python
command -v "$(PYTHON)" >/dev/null || { \
	echo "error: '$(PYTHON)' not found; xinc needs Python 3.11 or newer: make PYTHON=/path/to/python3" >&2; exit 1; }; \
"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "error: '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1); xinc needs Python 3.11 or newer:" \
		"make PYTHON=/path/to/python3" >&2; exit 1; }; \
"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "error: '$(PYTHON)' cannot make virtual environments; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
endef

# $(call install,EXTRAS)
define install
@if [ "$$(cat .venv/.place 2>/dev/null)" != "$$PWD" ]; then \
	$(check_python); \
	echo "Creating .venv with $$("$(PYTHON)" -V)"; \
	rm -rf .venv; "$(PYTHON)" -m venv .venv; pwd > .venv/.place; \
fi; \
rm -f .venv/.ready-*; \
echo "Installing xinc[$(1)] from requirements.lock into .venv: a minute or two, or what the downloads take"; \
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input); \
"$${pip[@]}" install -qq -c requirements.lock setuptools wheel; \
"$${pip[@]}" install -qq -c requirements.lock --no-build-isolation -e ".[$(1)]"; \
problems=$$("$${pip[@]}" check) || { echo "$$problems" >&2; exit 1; }
endef

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 14

.venv/.ready-workflow-$(KEY):
	$(call install,workflow)
	@touch '$@'

.venv/.ready-test-$(KEY):
	$(call install,workflow$(,)s3$(,)docs$(,)test)
	@touch '$@' '.venv/.ready-workflow-$(KEY)'

, := ,

demo: .venv/.ready-workflow-$(KEY) ## run the example from start to finish and write its report
	@$(enter_env); \
	echo "Look first at results/report.html, once it is there: it shows what neurons contribute to a frame, and what follows."; \
	python -m snakemake --cores "$(CORES)" $(ARGS); \
	echo; \
	if [ -e results/report.html ]; then echo "Report:  $$PWD/results/report.html (for any browser)"; fi; \
	last=; \
	for canvas in results/*/*/seed*/canvas.zarr; do \
		if [ -d "$$canvas" ]; then echo "Canvas:  $$canvas"; last=$$canvas; fi; \
	done; \
	if [ -n "$$last" ]; then \
		echo "Look into the networks: .venv/bin/xinc explore results --open"; \
		echo "Next, open the report, or a canvas in .venv/bin/python:"; \
		echo "    import xinc"; \
		echo "    canvas = xinc.open_canvas(\"$$last\")"; \
		echo "Your own video: docs/how-to/your-own-video.md"; \
	fi

# The page in docs is what the workflow wrote, copied.
study: .venv/.ready-workflow-$(KEY) ## train and analyse at the paper's size (hours), and renew docs/explanation/paper-claims.md
	@$(enter_env); \
	videos=config/study-clips.tsv; \
	if [ ! -e clips ]; then \
		echo "There is no folder 'clips': dogs_jump and tennis_flow of $$videos are left out."; \
		videos=config/study.tsv; \
	fi; \
	python -m snakemake --cores "$(CORES)" --configfile config/study.yaml --config "videos=$$videos" $(ARGS); \
	cp results/figures/paper_claims/project/paper-claims.{md,json,png} docs/explanation/

families: .venv/.ready-workflow-$(KEY) ## train one network of each family at equal size, and renew docs/explanation/families.md
	@$(enter_env); \
	python -m snakemake --cores "$(CORES)" --configfile config/families.yaml $(ARGS); \
	cp results/figures/families/project/families.{md,json,png} docs/explanation/

env: .venv/.ready-test-$(KEY) ## only make the environment, with what tests, linters and documentation need
	@echo "Ready: .venv"

# All at the same time; the words of one that finds something are shown when it has ended.
define lint
linters=("ruff check ." "ruff format --check ." "mypy" "lint-imports --no-cache" "snakefmt --check workflow" "codespell" \
	"python -m snakemake --lint"); \
running=(); found=0; \
for linter in "$${linters[@]}"; do \
	( said=$$($$linter 2>&1) || { printf '%s\n' "$$linter:" "$$said" "" >&2; exit 1; } ) & running+=($$!); \
done; \
for one in "$${running[@]}"; do wait "$$one" || found=1; done; \
if [ "$$found" = 0 ]; then echo "Linters: $${#linters[@]} found nothing"; fi
endef

lint: .venv/.ready-test-$(KEY) ## ruff, mypy, lint-imports, snakefmt, codespell and snakemake --lint
	@$(enter_env); $(lint); exit "$$found"

# $(call tests,ARGUMENTS): tests in parallel, beside the linters. Short ones stay together, for what they share; long ones
# are handed out one by one, so that no worker is left with several at the end.
define tests
@$(enter_env); \
export OMP_NUM_THREADS="$${OMP_NUM_THREADS:-1}"; \
( $(lint); exit "$$found" ) & beside=$$!; \
failed=0; \
python -m pytest -n auto --maxprocesses=8 $(1) || failed=$$?; \
wait "$$beside" || { failed=1; echo "Linters found something: see above, or run \`make lint\`." >&2; }; \
exit "$$failed"
endef

check: .venv/.ready-test-$(KEY) ## linters, and the tests that are not slow, in parallel
	$(call tests,--dist worksteal -m "not slow")

test: .venv/.ready-test-$(KEY) ## linters, and all tests, in parallel (XINC_EXHAUSTIVE=1: everything that CI runs)
	$(call tests,--dist load --maxschedchunk 2)

# Warnings are errors, broken links among them; no file of the site refers to the network.
docs: .venv/.ready-test-$(KEY) ## build the documentation into docs/_build (notebooks are executed)
	@$(enter_env); \
	rm -rf docs/reference/generated; \
	python -m sphinx -b html -d docs/_build/doctrees -W --keep-going -q docs docs/_build/html; \
	echo "Documentation:  $$PWD/docs/_build/html/index.html"

# BENCH: which of the benchmarks, canvas, training, plan (a quarter of an hour), reads and explorer; ARGS goes to each.
BENCH ?= canvas training

bench: .venv/.ready-workflow-$(KEY) ## measure speed and memory (an hour; BENCH=training, ARGS="--quick", "--only sum")
	@$(enter_env); \
	for name in $(BENCH); do python -m "benchmarks.$$name" $(ARGS); done

# On a machine without network: PYTHON is one with PyTorch, and .wheels holds what else it needs.
gpu: ## every test and benchmark that needs a GPU, in eight minutes (PYTHON=…, ARGS="--only nerv")
	@python="$(PYTHON)"; \
	if [ -e .venv/.ready-test-$(KEY) ]; then python=.venv/bin/python; fi; \
	if compgen -G '.wheels/*.whl' >/dev/null; then \
		"$$python" -m pip install -q --no-index --no-deps --no-compile --upgrade --target .wheels/site .wheels/*.whl; \
		export PYTHONPATH="$$PWD/.wheels/site"; \
	fi; \
	"$$python" -m benchmarks.gpu $(ARGS)

# What images with PyTorch lack of what `make gpu` needs, for the Python that is there.
WHEELS ?= annotated-types donfig google-crc32c hypothesis numcodecs pydantic pydantic-core sortedcontainers tqdm \
	typing-extensions typing-inspection xarray zarr
FOR ?= 3.12

wheels: ## packages for `make gpu` on a machine without network, into .wheels (FOR=3.12, WHEELS="zarr pydantic")
	@$(check_python); \
	rm -rf .wheels; mkdir .wheels; \
	"$(PYTHON)" -m pip download -q --no-deps -c requirements.lock --only-binary=:all: --python-version "$(FOR)" \
		--implementation cp $(foreach one,28 27 17 5,--platform manylinux_2_$(one)_x86_64) --platform manylinux2014_x86_64 \
		-d .wheels $(WHEELS); \
	du -sh .wheels

# CUDA packages and Triton stay out of the lock: torch itself names their exact versions, and a CPU build has none.
# Local version labels (+cpu) go too, so that one file serves every build of torch.
lock: ## renew requirements.lock and environment.yml after a change of pyproject.toml (UPGRADE="zarr dask" or all)
	@$(check_python); \
	work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	touch requirements.lock; \
	cp requirements.lock "$$work/kept.txt"; \
	for name in $(UPGRADE); do \
		if [ "$$name" = all ]; then : > "$$work/kept.txt"; fi; \
		sed -i -E "/^$$name==/Id" "$$work/kept.txt"; \
	done; \
	echo "Resolving in a fresh environment"; \
	"$(PYTHON)" -m venv "$$work/venv"; \
	pip=("$$work/venv/bin/python" -m pip --disable-pip-version-check --no-input); \
	"$${pip[@]}" install -qq -c "$$work/kept.txt" setuptools wheel; \
	"$${pip[@]}" install -qq -c "$$work/kept.txt" --no-build-isolation -e ".[workflow,s3,docs,test]"; \
	"$${pip[@]}" check; \
	{ \
		echo "# Exact versions of everything that xinc[workflow,s3,docs,test] installs, for Python 3.11 and newer on Linux."; \
		echo "# Written by \`make lock\`; used as constraints: pip install -c requirements.lock -e \".[workflow]\""; \
		"$${pip[@]}" freeze --all --exclude pip --exclude-editable \
			| grep -viE '^(nvidia-|cuda-|triton)' | sed -E 's/\+[a-z0-9.]+$$//' | LC_ALL=C sort -f; \
	} > "$$work/new.txt"; \
	cp "$$work/new.txt" requirements.lock; \
	for file in environment.yml workflow/envs/xinc.yaml; do \
		awk -F'==' 'function key(name) { gsub("_", "-", name); return tolower(name) } \
			NR == FNR { version[key($$1)] = $$2; next } \
			NF == 2 { name = $$1; sub(/^ *- /, "", name); print $$1 "==" version[key(name)]; next } { print }' \
			requirements.lock "$$file" > "$$work/new.yml"; \
		cp "$$work/new.yml" "$$file"; \
	done; \
	echo "requirements.lock: $$(grep -c == requirements.lock) packages"

clean: ## remove the environment, caches and build files; results and the report stay
	rm -rf .venv build dist docs/_build docs/reference/generated ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
