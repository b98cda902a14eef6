#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, by apt; does nothing if all is there.
#
#     bash tools/setup.sh [build|bench|docs|gate]
#
# build (the default): for the library, tests, examples and benchmarks.
# bench: also the rivals that the benchmarks compare with.
# docs:  for the API reference, alone.
# gate:  also all that .ci/run needs.
set -euo pipefail

# Groups; Debian's package (any one of a|b will do, the first is installed); how to see that it is
# there: a command, a C++ header, or a sanitizer's runtime of clang.
packages() {
  cat <<'LIST'
build,bench,gate  g++                                             command c++
build,bench,gate  cmake                                           command cmake
build,bench,gate  ninja-build                                     command ninja
build,bench,gate  pkg-config                                      command pkg-config
build,bench,gate  libboost-context-dev|libboost-context1.81-dev   header boost/context/detail/fcontext.hpp
build,bench,gate  libabsl-dev                                     header absl/flags/flag.h
build,bench,gate  libgtest-dev                                    header gtest/gtest.h
build,bench,gate  libbenchmark-dev                                header benchmark/benchmark.h
build,bench,gate  libssl-dev                                      header openssl/evp.h
build,bench,gate  libsqlite3-dev                                  header sqlite3.h
bench,gate        libboost-dev|libboost1.81-dev                   header boost/asio.hpp
bench,gate        libboost-fiber-dev|libboost-fiber1.81-dev       header boost/fiber/fiber.hpp
bench,gate        libtbb-dev                                      header tbb/task_group.h
bench,gate        libst-dev                                       header st.h
bench,gate        libcpp-httplib-dev                              header httplib.h
bench,gate        curl                                            command curl
bench,gate        wrk                                             command wrk
bench             golang-go                                       command go
gate              clang                                           command clang++
gate              libclang-rt-dev|libclang-rt-14-dev              runtime tsan
gate              clang-format                                    command clang-format
gate              clang-tidy                                      command clang-tidy
gate              valgrind                                        command valgrind
docs,gate         doxygen                                         command doxygen
build,docs,gate   python3                                         command python3
gate              gdb                                             command gdb
gate              spin                                            command spin
gate              strace                                          command strace
gate              libcurl4-openssl-dev                            header curl/curl.h
gate              libpq-dev                                       header postgresql/libpq-fe.h
gate              postgresql-15|postgresql                        command initdb
LIST
}

die() {
  echo "setup: $*" >&2
  exit 1
}

has_header() {
  printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$1" | c++ -E -x c++ - >/dev/null 2>&1
}

has_clang_runtime() {
  [[ -e $(clang --print-file-name="libclang_rt.$1-$(uname -m).a" 2>/dev/null) ]]
}

is_there() {
  case $1 in
    command) command -v "$2" >/dev/null ;;
    header) has_header "$2" ;;
    runtime) has_clang_runtime "$2" ;;
  esac
}

# Asked as well because a header cannot be looked for while there is no compiler.
is_installed() {
  local package
  for package in ${1//|/ }; do
    [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == 'install ok installed' ]] && return
  done
  return 1
}

group=${1:-build}
[[ $group =~ ^(build|bench|docs|gate)$ ]] || die "unknown group '$group'; one of: build bench docs gate"

missing=()
while read -r groups package kind what; do
  [[ ,$groups, == *,$group,* ]] || continue
  is_there "$kind" "$what" || is_installed "$package" || missing+=("${package%%|*}")
done < <(packages)

((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
  die "this needs, by their Debian names: ${missing[*]}
setup: there is no apt-get here. Install them in your distribution's way and try again."
fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || die "not root and no sudo; as root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

echo "setup: installing ${missing[*]}"
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null
}
apt update || echo 'setup: cannot update the lists of packages; trying with those there are' >&2
apt install -y --no-install-recommends "${missing[@]}"
