# The front door. Each target works alone on a fresh Debian 12 machine: what is missing is installed first.
# The work itself is in scripts/ and in CMakePresets.json.

.DEFAULT_GOAL := help
.PHONY: help setup build demo test bench bench-compiler bench-parallel compat ray joblib conformance conformance-on-disk test-on-disk references races stdlib packages \
	lint format tidy asan tsan fuzz clean

VENV_PYTHON := .venv/bin/python
JOBS := $(shell nproc)
READY := .venv/.setup-stamp
# ThreadSanitizer wants its own address layout; some containers do not let us ask for one, and then it mostly works.
FIXED_LAYOUT := $(shell setarch -R true 2>/dev/null && echo setarch -R)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: ## install what is missing: Debian packages, .venv (in every other target)
	scripts/setup.sh

$(READY): pyproject.toml scripts/setup.sh scripts/apt_install.sh
	scripts/setup.sh

build: $(READY) ## compile, and install the package into .venv
	scripts/build.sh

demo: build ## start a cluster on this machine and use it; compile programs and race them
	$(VENV_PYTHON) demo/demo.py

test: build ## every test of C++ and Python
	ctest --preset release -j $(JOBS)
	$(VENV_PYTHON) -m pytest

bench: build ## measure, beside stock ipyparallel, Cython, Numba and OpenMP
	$(VENV_PYTHON) bench/run.py
	$(VENV_PYTHON) bench/run_compiler.py
	$(VENV_PYTHON) bench/run_parallel.py

bench-compiler: build ## measure the compiler alone
	$(VENV_PYTHON) bench/run_compiler.py

bench-parallel: build ## measure loops on threads alone
	$(VENV_PYTHON) bench/run_parallel.py

compat: build ## ipyparallel's test suite on our controller, engines and client, and every mixture of both
	$(VENV_PYTHON) scripts/compat.py

ray: build ## engines in actors of a real Ray, which is installed for it (250 MB, into build/ray)
	test -d build/ray/ray || $(VENV_PYTHON) -m pip install --quiet --target build/ray ray
	PYTHONPATH=$(CURDIR)/build/ray $(VENV_PYTHON) -m pytest -q tests/test_engines_on_ray.py

joblib: build ## joblib's and scikit-learn's own tests of parallel work on engines, beside loky (into build/joblib)
	$(VENV_PYTHON) scripts/joblib_tests.py

conformance: build ## run Cython's own tests through our compiler
	$(VENV_PYTHON) scripts/conformance.py

conformance-on-disk: build ## the same, built by g++ and imported, compared with what it does in the process
	$(VENV_PYTHON) scripts/conformance.py --on-disk

test-on-disk: build ## the compiler's tests with modules on disk, built by g++
	$(VENV_PYTHON) -m pytest -q --on-disk g++ tests/test_compile*.py

races: build ## parallel loops by the thousand: the compiler's verdict against ThreadSanitizer's
	$(VENV_PYTHON) scripts/race_verdicts.py --loops 3000

stdlib: build ## run CPython's tests of its own modules, compiled by us
	$(VENV_PYTHON) scripts/stdlib_conformance.py

packages: build ## compile files of SciPy, scikit-image and others, and run their own tests
	$(VENV_PYTHON) scripts/real_packages.py

references: conformance ## reference counts of compiled code, with Python's debug build
	$(VENV_PYTHON) scripts/check_references.py

lint: $(READY) ## format, style, spelling and the layers of src/
	scripts/lint.sh

format: $(READY) ## rewrite the sources as lint wants them
	scripts/format.sh

tidy: $(READY) ## clang-tidy on the C++ sources (slow)
	scripts/tidy.sh

asan: $(READY) ## unit tests with AddressSanitizer and UndefinedBehaviorSanitizer
	cmake --preset asan && cmake --build --preset asan -j $(JOBS)
	ctest --preset asan -j $(JOBS)

tsan: $(READY) ## unit tests with ThreadSanitizer
	cmake --preset tsan && cmake --build --preset tsan -j $(JOBS)
	$(FIXED_LAYOUT) ctest --preset tsan -j $(JOBS)

fuzz: $(READY) ## every fuzz target for FUZZ_SECONDS=30
	scripts/fuzz.sh

clean: ## remove what was built; .venv stays
	rm -rf build
