// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/text.h"

#include <cstddef>
#include <cstdio>

namespace umcg::inline v0::internal {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

unsigned char byte_at(std::string_view text, std::size_t i) noexcept {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

// The length of the UTF-8 sequence at the beginning; 0 if there is none (RFC 3629, section 4).
std::size_t sequence_length(std::string_view text) noexcept {
  const unsigned char lead = byte_at(text, 0);
  const unsigned char second = byte_at(text, 1);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;   // not longer than needed
    if (lead == 0xed) high = 0x9f;  // no surrogates
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;  // nothing above U+10FFFF
  }
  if (length == 0 || second < low || second > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// `escape(to, c)`: appends what an ASCII character becomes.
template <class Escape>
std::string quoted(std::string_view text, Escape escape) {
  std::string to = "\"";
  while (!text.empty()) {
    const std::size_t n = sequence_length(text);
    if (n == 1) {
      escape(to, text.front());
    } else {
      to += n == 0 ? kReplacement : text.substr(0, n);
    }
    text.remove_prefix(n == 0 ? 1 : n);
  }
  return to += '"';
}

}  // namespace

std::string json_string(std::string_view text) {
  return quoted(text, [](std::string& to, char c) {
    if (c == '"' || c == '\\') {
      (to += '\\') += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
      to += code;
    } else {
      to += c;
    }
  });
}

std::string label_value(std::string_view text) {
  return quoted(text, [](std::string& to, char c) {
    if (c == '\n') {
      to += "\\n";
    } else {
      if (c == '"' || c == '\\') to += '\\';
      to += c;
    }
  });
}

}  // namespace umcg::inline v0::internal
