# Everything a newcomer needs: make demo, make test. Both install into .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Otherwise every process would compile all modules that it imports.
unexport PYTHONDONTWRITEBYTECODE
# Three processes: one begins with the tests on Ray, which run one after another and mostly wait.
PYTEST := $(BIN)/pytest --numprocesses 3 --dist loadgroup --no-loadscope-reorder

.PHONY: demo test test-exhaustive lint format docs docs-serve bench rivals scale soak chaos slurm-test compose-test ppu-test clean

# Learning to learn on the emulated chip, on all cores, in one to two minutes.
demo: $(VENV)/.installed
	$(BIN)/spikeloop run examples/mdp_evolution.toml --out runs/demo-$$(date +%Y%m%d-%H%M%S)

test: $(VENV)/.installed-dev
	$(PYTEST)

# Every variant of what `make test` samples: hours.
test-exhaustive: $(VENV)/.installed-dev
	$(PYTEST) -m exhaustive

# The search on the chip's plasticity processor, in C under an emulator of PowerPC, against its reference: every bit.
# Needs gcc-powerpc-linux-gnu and qemu-user. PPU="-m exhaustive": 20 seeds of 50 generations of every program.
PPU ?=
ppu-test: $(VENV)/.installed-dev
	$(BIN)/pytest $(PPU) tests/workers/chip/ppu/test_search_program.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The documentation site, in build/site: a broken link, a missing docstring of a public name or a
# notebook that fails is an error. Notebooks run once for their text and the sources of the package,
# in full in some minutes; SPIKELOOP_TUTORIALS=short runs their short versions.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs
docs: $(VENV)/.installed-dev
	$(MKDOCS) build --strict

# The site while one writes pages, on http://127.0.0.1:8000; start it anew to see what is made from code.
docs-serve: $(VENV)/.installed-dev
	SPIKELOOP_TUTORIALS=short $(MKDOCS) serve

# Tables of docs/results/performance.md and of others without runs of their own; run it on an otherwise idle machine.
BENCHMARKS := chip/emulator chip/emulator_and_brian brian/brian_episodes pool/dispatch strategies/ask_and_tell \
	strategies/competence studies/bounds
bench: $(VENV)/.installed
	for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py || exit 1; done

# Other people's pools beside ours; those that are not installed are left out.
rivals: $(VENV)/.installed
	$(BIN)/python benchmarks/pool/rivals.py

# Costs of the pool, measured points and the model's tables of docs/results/scaling.md, in half an hour.
scale: $(VENV)/.installed
	$(BIN)/python benchmarks/scale/scale.py

# Whether 10,000 generations make anything grow, in five minutes.
soak: $(VENV)/.installed
	$(BIN)/python benchmarks/pool/soak.py

# Real runs on real Ray, disturbed at seeded moments: RUNS=50 SEED=1. As root it can do most.
RUNS ?= 50
SEED ?= 1
chaos: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m chaos --runs $(RUNS) --seed $(SEED) --json runs/chaos.json --kept runs/chaos

# Jobs on a real SLURM of two nodes, made of namespaces, in a quarter of an hour. As root.
slurm-test: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m deploy.slurm

# The compose cluster for real, on a Docker engine of its own, in five to ten minutes. Needs root, docker.io,
# docker-buildx, docker-compose and mmdebstrap; BASES=folder keeps the base images for the next time.
compose-test: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m deploy.compose $(if $(BASES),--bases $(BASES))

clean:
	rm -rf $(VENV) build dist *.egg-info

# uv installs what pip would, from the same index, in a fraction of the time.
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --editable

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv

$(VENV)/.installed: $(BIN)/uv pyproject.toml
	$(INSTALL) .
	@touch $@

$(VENV)/.installed-dev: $(BIN)/uv pyproject.toml
	$(INSTALL) '.[dev]'
	@touch $@ $(VENV)/.installed
