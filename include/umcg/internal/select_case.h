// SPDX-License-Identifier: Apache-2.0
// select_case.h - SelectCase: one thing that a select() may do, made by on_recv(), on_set() and the
// like.
//
// The object that makes a case says by SelectOps how it is tried, waited for and given up; those
// are in src/runtime/sync/select_ops.h. A user only hands cases on to select() (umcg/select.h).
#ifndef UMCG_INTERNAL_SELECT_CASE_H_
#define UMCG_INTERNAL_SELECT_CASE_H_

#include <cstdint>
#include <stop_token>

namespace umcg::inline v0 {
namespace internal {
struct ItemOps;
struct SelectOps;
}  // namespace internal

// Refers to its object, and to the values that it sends from or receives into: they must outlive
// the select.
struct SelectCase {
  const internal::SelectOps* ops = nullptr;
  void* object = nullptr;
  // Meaning is the object's.
  void* value = nullptr;
  bool* told = nullptr;
  const internal::ItemOps* items = nullptr;
  std::int64_t number = 0;
  std::stop_token stop = {};
};

}  // namespace umcg::inline v0

#endif  // UMCG_INTERNAL_SELECT_CASE_H_
