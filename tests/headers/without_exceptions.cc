// SPDX-License-Identifier: Apache-2.0
// Compiled without exceptions, and linked before mixed_exceptions.cc: of the inline functions that
// both use, the program has the ones compiled here.
#include "headers/mixed_exceptions.h"

namespace umcg_test {

int spawn_without(int (*f)(int), int argument) { return umcg::spawn(f, argument).join(); }

int scope_without(int (*f)(int), int argument) {
  umcg::Scope scope;
  auto result = scope.spawn(f, argument);
  scope.join();
  return result.get();
}

}  // namespace umcg_test
