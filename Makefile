# chromatin in two commands: `make demo` and `make test`. Each does everything needed on a bare Debian 12 machine.

JOBS ?= $(shell nproc)

.PHONY: help install-packages demo test asan tsan ubsan mutants clean

help:
	@echo "make demo   build, play real conversations with and without reuse, restart a server: build/demo/replay.html"
	@echo "make test   build and run every test"
	@echo "make asan   the tests under AddressSanitizer; make tsan: under ThreadSanitizer; make ubsan: undefined behaviour"
	@echo "make mutants  plant faults, one at a time, and tell which of them no test notices"
	@echo "make install-packages   only install what is missing of packages.txt (the others do it too)"

install-packages:
	@./packages.sh

# configure PRESET: quiet unless it fails.
configure = mkdir -p build && { cmake --preset $(1) > build/configure.log 2>&1 || { cat build/configure.log; exit 1; }; }

demo: install-packages
	@$(call configure,release)
	@cmake --build --preset release -j $(JOBS) --target chromatin
	@apps/demo/run.sh build/release/apps/chromatin build/demo
	@apps/demo/dna.sh build/release/apps/chromatin

test: install-packages
	@$(call configure,release)
	@cmake --build --preset release -j $(JOBS)
	@ctest --preset release

asan tsan ubsan: install-packages
	@$(call configure,$@)
	@cmake --build --preset $@ -j $(JOBS)
	@ctest --preset $@

# FLAGS="--only NAME" or "--again": see tests/mutants/run.py.
mutants: install-packages
	@tests/mutants/run.py $(FLAGS)

clean:
	@rm -rf build
