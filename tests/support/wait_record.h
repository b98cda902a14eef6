// SPDX-License-Identifier: Apache-2.0
#ifndef UMCG_TESTS_SUPPORT_WAIT_RECORD_H_
#define UMCG_TESTS_SUPPORT_WAIT_RECORD_H_

#include <atomic>
#include <cstdint>

namespace umcg_test {

// What the calling fiber or thread shows of its waits: a WaitRecord.
const std::atomic<std::uint64_t>& own_wait_record();

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_WAIT_RECORD_H_
