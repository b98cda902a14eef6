# SPDX-License-Identifier: Apache-2.0
# The front door: `make demo` and `make test` on a machine that has git and make. Everything real
# is in CMakeLists.txt and CMakePresets.json.

PRESET ?= release
JOBS ?= $(shell nproc)
DEMO_DIR ?= /usr/include
BENCH_ARGS ?=
CLANG_FORMAT ?= $(shell command -v clang-format-14 || command -v clang-format)
CLANG_TIDY ?= $(shell command -v clang-tidy-14 || command -v clang-tidy)

build := build/$(PRESET)
find_code := find include src tests bench examples -name '*.h' -o -name '*.cc' -o -name '*.c'

.PHONY: help setup configure build demo test bench docs format format-check lint clean

help:
	@echo 'make demo          build, then hash the files under $(DEMO_DIR) on fibers and on a thread pool'
	@echo 'make test          build and run the tests'
	@echo 'make bench         build and run the benchmarks [BENCH_ARGS=--smoke]'
	@echo 'make docs          the API reference, in build/docs/html'
	@echo 'make build         build everything'
	@echo 'make format        format the code; format-check only looks'
	@echo 'make lint          clang-tidy and the rules of the tree'
	@echo 'make setup         install what a build needs and is missing; the others do it first'
	@echo 'make clean         remove build/'
	@echo
	@echo 'PRESET=release|debug|asan|tsan|ubsan, or one of them with -clang; or portable; now $(PRESET)'

setup:
	@bash tools/setup.sh build

$(build)/build.ninja: CMakePresets.json | setup
	cmake --preset $(PRESET)

configure: setup $(build)/build.ninja

build: configure
	cmake --build --preset $(PRESET) -j $(JOBS)

demo: configure
	cmake --build --preset $(PRESET) -j $(JOBS) --target tree_hash
	@echo '# reading the files once, so that both find them in the page cache'
	@find $(DEMO_DIR) -type f -exec cat {} + >/dev/null
	$(build)/examples/tree_hash $(DEMO_DIR) >$(build)/fibers.sha256
	$(build)/examples/tree_hash --pool $(DEMO_DIR) >$(build)/pool.sha256
	@cmp $(build)/fibers.sha256 $(build)/pool.sha256 && tail -n 3 $(build)/fibers.sha256

test: build
	ctest --preset $(PRESET) -j $(JOBS)

bench: build
	bash bench/run.sh $(BENCH_ARGS) $(build)

docs:
	@bash tools/setup.sh docs
	bash tests/docs/check_reference.sh . build/docs

format:
	$(find_code) | xargs $(CLANG_FORMAT) -i

# Not --dry-run: clang-format 14 reports `}  // namespace a::inline b` and would change nothing.
format-check:
	@for file in $$($(find_code)); do \
	  $(CLANG_FORMAT) $$file | diff -u --label $$file --label "$$file formatted" $$file - || bad=1; \
	done; exit $${bad:-0}

# Without precompiled headers: only the compiler that made one can read it.
lint: configure
	bash tools/check_tree.sh
	@mkdir -p $(build)/lint
	sed 's/-Winvalid-pch -include [^ ]*cmake_pch.hxx//' $(build)/compile_commands.json >$(build)/lint/compile_commands.json
	find src -name '*.cc' | sort | xargs -P $(JOBS) -n 1 $(CLANG_TIDY) --quiet -p $(build)/lint

clean:
	rm -rf build
