// SPDX-License-Identifier: Apache-2.0
// text.h - strings as other programs want to read them.
#ifndef UMCG_RUNTIME_BASE_TEXT_H_
#define UMCG_RUNTIME_BASE_TEXT_H_

#include <string>
#include <string_view>

namespace umcg::inline v0::internal {

// As a JSON string, with its quotes. Names come from users: what is not UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);
// As the value of a label in OpenMetrics, with its quotes. The same of what is not UTF-8.
std::string label_value(std::string_view text);

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_TEXT_H_
