# Everything starts here: `make demo`, `make test`. Both set up .venv on first use and share it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
RUN ?= demo
MINUTES ?= 60

.PHONY: help setup demo test soak endurance long-tests red-team mutants tolerances check bench bench-build bench-simulator \
	results clock gpu-check ptx-coverage clean

help:
	@echo "make demo         the whole loop on this machine: teacher, SFT, GRPO, held-out table (at most 8 minutes)"
	@echo "make test         style, types and tests (about 12 minutes)"
	@echo "make soak         2,000 good, hostile and broken candidates while faults strike at random (at most MINUTES=60), then make red-team"
	@echo "make endurance    what one process uses up over 5,000 verdicts, into docs/integrity.md (at most MINUTES=60)"
	@echo "make long-tests   generated launches, compiled both ways, random kernels, run on the host too, and all of the teacher's (an hour)"
	@echo "make red-team     every attack on the grader and every honest kernel, counted in docs/integrity.md (15 minutes; half an hour as root, who is others too)"
	@echo "make mutants      what share of faulty kernels the checks of each spec notice, into docs/integrity.md (an hour)"
	@echo "make tolerances   what honest kernels and cheats reach of their bounds, into docs/integrity.md (a minute)"
	@echo "make bench        seconds per verdict by stage, cold and cached"
	@echo "make bench-build  seconds per build, against nvcc, over every source in the repository"
	@echo "make bench-simulator  speed of the simulated GPU, beside C and numpy"
	@echo "make results      what training brings, over three seeds and with a control, into docs/results.md (an hour)"
	@echo "make clock        the clock's predictions against published times, into docs/clock.md (15 minutes)"
	@echo "make gpu-check    verdicts and times on this machine's card against the simulated one, into docs/gpu.md"
	@echo "make ptx-coverage which instructions of compiled kernels are tested, and how each fares"
	@echo "make clean        remove .venv and what tools left behind (runs/ and the cache folder stay)"

# The pin in constraints.txt lets pip take a CPU wheel of torch where one lies at hand.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cudagym needs Python 3.11 or newer: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[gpu,train,claude,dev]'
	touch $@

setup: $(STAMP)

demo: $(STAMP)
	$(BIN)/cudagym demo --name $(RUN)

# By file, since a file's tests share what they build; in the order they are listed, since the last files are short.
test: $(STAMP) check
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

soak: $(STAMP)
	$(BIN)/python tests/faults/soak.py --minutes $(MINUTES)
	$(MAKE) red-team

endurance: $(STAMP)
	$(BIN)/python tests/faults/endurance.py --minutes $(MINUTES)

long-tests: $(STAMP)
	CUDAGYM_LONG_TESTS=1 $(BIN)/python -m pytest tests/build/test_equivalence.py tests/build/test_launch_syntax.py tests/simulator/test_random_kernels.py \
		tests/agents/test_scripted.py tests/cuda tests/redteam

red-team: $(STAMP)
	$(BIN)/python tests/redteam/suite.py

mutants: $(STAMP)
	$(BIN)/python tests/mutants/report.py

tolerances: $(STAMP)
	$(BIN)/python tests/specs/tolerances.py

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python benchmarks/verdicts.py

bench-simulator: $(STAMP)
	$(BIN)/python benchmarks/simulator.py

bench-build: $(STAMP)
	$(BIN)/python benchmarks/builds.py

results: $(STAMP)
	$(BIN)/python -m benchmarks.results

clock: $(STAMP)
	$(BIN)/python -m benchmarks.clock --jobs $$(nproc)

gpu-check: $(STAMP)
	$(BIN)/python -m benchmarks.gpu

ptx-coverage: $(STAMP)
	$(BIN)/python tests/simulator/opcodes/coverage.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
