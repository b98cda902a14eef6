// SPDX-License-Identifier: Apache-2.0
#ifndef UMCG_TESTS_HEADERS_MIXED_EXCEPTIONS_H_
#define UMCG_TESTS_HEADERS_MIXED_EXCEPTIONS_H_

#include "umcg/runtime.h"
#include "umcg/scope.h"

namespace umcg_test {

int spawn_without(int (*f)(int), int argument);
int scope_without(int (*f)(int), int argument);

}  // namespace umcg_test

#endif  // UMCG_TESTS_HEADERS_MIXED_EXCEPTIONS_H_
