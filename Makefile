# chromatin in three commands: `make serve`, `make demo` and `make test`. Each does everything needed on a bare Debian 12 machine.

JOBS ?= $(shell nproc)

.PHONY: help install-packages serve program demo packaged install deb test asan tsan ubsan mutants fuzz clean

help:
	@echo "make serve  build the server alone, and serve the embedded model: open the address that it prints in a browser"
	@echo "make program   build all commands: build/release/apps/chromatin"
	@echo "make demo   build, play real conversations with and without reuse, restart a server: build/demo/replay.html"
	@echo "make install   build, and install below PREFIX (/usr/local), in DESTDIR if that is given; make deb: packages in build/deb"
	@echo "make test   build and run every test"
	@echo "make asan   the tests under AddressSanitizer; make tsan: under ThreadSanitizer; make ubsan: undefined behaviour"
	@echo "make mutants  plant faults, one at a time, and tell which of them no test notices"
	@echo "make fuzz   every fuzzer for SECONDS (60), with clang's libFuzzer; make test feeds them the kept inputs and changes of them"
	@echo "make install-packages   only install what is missing of packages.txt (the others do it too)"

install-packages:
	@./packages.sh

# configure PRESET: quiet unless it fails.
configure = mkdir -p build && { cmake --preset $(1) > build/configure.log 2>&1 || { cat build/configure.log; exit 1; }; }

serve: install-packages
	@$(call configure,release)
	@cmake --build --preset release -j $(JOBS) --target chromatin_serve
	@exec build/release/apps/chromatin-serve serve --disk build/serve $(FLAGS)

program: install-packages
	@$(call configure,release)
	@cmake --build --preset release -j $(JOBS) --target chromatin

demo: install-packages
	@$(call configure,release)
	@cmake --build --preset release -j $(JOBS) --target chromatin
	@apps/demo/run.sh build/release/apps/chromatin build/demo
	@apps/demo/dna.sh build/release/apps/chromatin
	@apps/demo/archive.sh build/release/apps/chromatin

PREFIX ?= /usr/local
install deb: packaged
packaged: install-packages
	@$(call configure,release)
	@cmake --build --preset release -j $(JOBS) --target packaged

install:
	@DESTDIR='$(DESTDIR)' cmake --install build/release --prefix '$(PREFIX)' --strip > build/install.log || { cat build/install.log; exit 1; }
	@echo "installed below $(DESTDIR)$(PREFIX); build/install.log lists it"

deb:
	@./packages.sh packaging/packages.txt
	@packaging/deb.sh build/release build/deb

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

# FUZZERS="registry reads": these. What one finds is kept in build/fuzz/found.
SECONDS ?= 60
FUZZERS ?= $(filter-out rpc,$(notdir $(wildcard tests/fuzz/corpus/*)))
fuzz: install-packages
	@./packages.sh tests/fuzz/packages.txt
	@$(call configure,fuzz)
	@cmake --build --preset fuzz -j $(JOBS)
	@mkdir -p build/fuzz/found
	@for name in $(FUZZERS); do \
	  mkdir -p build/fuzz/corpus/$$name; \
	  build/fuzz/tests/fuzz/fuzz_$$name -max_total_time=$(SECONDS) -timeout=30 -rss_limit_mb=4096 -print_final_stats=1 \
	    -artifact_prefix=build/fuzz/found/$$name- build/fuzz/corpus/$$name tests/fuzz/corpus/$$name || exit 1; \
	done

clean:
	@rm -rf build
