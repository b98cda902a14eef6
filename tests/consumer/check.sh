#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs umcg to a scratch prefix; builds and runs a small program against it in one of the ways
# that users have. CXX is the compiler.
#
#     check.sh WAY SOURCE_DIR BUILD_DIR SCRATCH_DIR
set -euo pipefail

way=$1
source=$2
build=$3
scratch=$4

project=$source/tests/consumer/project
prefix=$scratch/prefix
work=$scratch/$way

rm -rf "$work"
mkdir -p "$work"

# with_cmake FLAG...: configures, builds and runs the project.
with_cmake() {
  cmake -S "$project" -B "$work" -G Ninja -DCMAKE_BUILD_TYPE=Release "$@"
  cmake --build "$work"
  "$work/consumer"
  [[ ! -e $work/consumer_rpc ]] || "$work/consumer_rpc"
}

# compile SOURCE PACKAGE PKG_CONFIG_FLAG LINK_FLAG...: by the pkg-config file, and runs it.
compile() {
  local flags program=$work/$1
  flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name umcg.pc)") \
    pkg-config --cflags --libs $3 "$2")
  # shellcheck disable=SC2086  # flags are words
  "$CXX" -std=c++20 "$project/$1.cc" -o "$program" $flags "${@:4}"
  "$program"
}

# with_pkg_config PKG_CONFIG_FLAG LINK_FLAG...
with_pkg_config() {
  compile main umcg "$@"
  [[ -z $(find "$prefix" -name umcg-rpc.pc) ]] || compile rpc umcg-rpc "$@"
}

# The shared library must not show anything but its API: two copies may live in one process. What
# the compiler itself shares between libraries (templates of the standard library) is weak.
check_exports() {
  local symbols foreign
  symbols=$(nm -D --defined-only --demangle "$prefix"/lib*/libumcg.so)
  grep -q ' T umcg::' <<<"$symbols"
  foreign=$(grep -vE ' [VWu] | [A-Z] (umcg::|[a-z]+ for umcg::|umcg_[a-z_]+$)' <<<"$symbols" || true)
  [[ -z $foreign ]] || {
    echo "exported, and not API:"
    echo "$foreign"
    return 1
  }
}

case $way in
  install)
    rm -rf "$prefix"
    cmake --install "$build" --prefix "$prefix"
    ;;
  exports) check_exports ;;
  find_package) with_cmake -DCMAKE_PREFIX_PATH="$prefix" ;;
  find_package_shared) with_cmake -DCMAKE_PREFIX_PATH="$prefix" -DUMCG_SHARED=ON ;;
  pkg_config) with_pkg_config "" -Wl,-rpath,"$(dirname "$(echo "$prefix"/lib*/libumcg.so)")" ;;
  pkg_config_static) with_pkg_config --static -static ;;
  # The library is built once more: with all that saves time, and not optimised; and as by a tree
  # that wants unity builds for what is its own.
  subdirectory)
    with_cmake -DUMCG_SOURCE_TREE="$source" -DUMCG_PRECOMPILE=ON -DCMAKE_BUILD_TYPE=Debug \
      -DCMAKE_UNITY_BUILD=ON
    ;;
  *) echo "unknown way: $way" && exit 2 ;;
esac
