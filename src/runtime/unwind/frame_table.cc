// SPDX-License-Identifier: Apache-2.0
#include "runtime/unwind/frame_table.h"

#include "runtime/unwind/loaded_object.h"

namespace umcg::inline v0::internal {
namespace {

// Of DW_EH_PE_...
constexpr std::uint8_t kOmitted = 0xff;
constexpr std::uint8_t kFormat = 0x0f;
constexpr std::uint8_t kRelativeTo = 0x70;
constexpr std::uint8_t kToItself = 0x10;
constexpr std::uint8_t kToData = 0x30;
constexpr std::uint8_t kIndirect = 0x80;
// The one form of the index that linkers write: pairs of 32 bits, counted from the index.
constexpr std::uint8_t kSortedPairs = 0x3b;

// The common part to which an entry refers.
bool read_common(const std::uint8_t* at, FrameEntry& entry, bool& has_data) noexcept {
  ByteReader in(at, at + 4);
  const auto length = in.take<std::uint32_t>();
  if (length == 0 || length == 0xffffffff) return false;
  const std::uint8_t* const end = in.at() + length;
  in.skip(4);  // its id, 0
  const auto version = in.take<std::uint8_t>();
  const char* augmentation = reinterpret_cast<const char*>(in.at());
  while (in.take<char>() != '\0') {
  }
  entry.code_factor = in.take_uleb();
  entry.data_factor = in.take_sleb();
  entry.return_register =
      version == 1 ? in.take<std::uint8_t>() : static_cast<unsigned>(in.take_uleb());
  if (*augmentation == 'z') {
    has_data = true;
    const std::uint64_t size = in.take_uleb();
    ByteReader data(in.at(), in.at() + size);
    in.skip(size);
    while (*++augmentation != '\0') {
      switch (*augmentation) {
        case 'R':
          entry.address_encoding = data.take<std::uint8_t>();
          break;
        case 'L':
          data.skip(1);
          break;
        case 'P': {
          const auto encoding = data.take<std::uint8_t>();
          (void)data.take_address(encoding & static_cast<std::uint8_t>(~kIndirect), 0);
          break;
        }
        case 'S':
          entry.is_signal_frame = true;
          break;
        default:
          break;
      }
    }
  }
  entry.common = {in.at(), end};
  return true;
}

bool read_entry(const std::uint8_t* at, std::uint64_t pc, FrameEntry& entry) noexcept {
  ByteReader in(at, at + 4);
  const auto length = in.take<std::uint32_t>();
  if (length == 0 || length == 0xffffffff) return false;
  const std::uint8_t* const end = in.at() + length;
  const std::uint8_t* const link = in.at();
  bool has_data = false;
  if (!read_common(link - in.take<std::uint32_t>(), entry, has_data)) return false;
  entry.start = in.take_address(entry.address_encoding, 0);
  const std::uint64_t size = in.take_address(entry.address_encoding & kFormat, 0);
  if (pc < entry.start || pc - entry.start >= size) return false;
  if (has_data) in.skip(in.take_uleb());
  entry.own = {in.at(), end};
  return true;
}

}  // namespace

std::uint64_t ByteReader::take_uleb() noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = take<std::uint8_t>();
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
}

std::int64_t ByteReader::take_sleb() noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0;;) {
    const auto byte = take<std::uint8_t>();
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    shift += 7;
    if ((byte & 0x80) != 0) continue;
    if (shift < 64 && (byte & 0x40) != 0) value |= ~std::uint64_t{0} << shift;
    return static_cast<std::int64_t>(value);
  }
}

std::uint64_t ByteReader::take_address(std::uint8_t encoding, std::uint64_t data_base) noexcept {
  if (encoding == kOmitted) return 0;
  const auto here = reinterpret_cast<std::uint64_t>(at_);
  std::uint64_t value = 0;
  switch (encoding & kFormat) {
    case 0x01:
      value = take_uleb();
      break;
    case 0x02:
      value = take<std::uint16_t>();
      break;
    case 0x03:
      value = take<std::uint32_t>();
      break;
    case 0x09:
      value = static_cast<std::uint64_t>(take_sleb());
      break;
    case 0x0a:
      value = static_cast<std::uint64_t>(take<std::int16_t>());
      break;
    case 0x0b:
      value = static_cast<std::uint64_t>(take<std::int32_t>());
      break;
    default:
      value = take<std::uint64_t>();
      break;
  }
  if ((encoding & kRelativeTo) == kToItself) value += here;
  if ((encoding & kRelativeTo) == kToData) value += data_base;
  return value;
}

bool find_frame_entry(std::uint64_t pc, FrameEntry& entry) noexcept {
  LoadedObject object;
  if (!find_object(pc, object) || object.frame_index == nullptr) return false;
  const auto base = reinterpret_cast<std::uint64_t>(object.frame_index);
  ByteReader in(object.frame_index, object.frame_index + 4);
  const auto version = in.take<std::uint8_t>();
  const auto frames_encoding = in.take<std::uint8_t>();
  const auto count_encoding = in.take<std::uint8_t>();
  const auto table_encoding = in.take<std::uint8_t>();
  if (version != 1 || table_encoding != kSortedPairs || count_encoding == kOmitted) return false;
  (void)in.take_address(frames_encoding, base);
  const std::uint64_t count = in.take_address(count_encoding, base);
  struct Pair {
    std::int32_t start;
    std::int32_t entry;
  };
  const std::uint8_t* const table = in.at();
  const auto pair_at = [&](std::uint64_t i) {
    Pair pair;
    __builtin_memcpy(&pair, table + i * sizeof(Pair), sizeof pair);
    return pair;
  };
  const auto wanted = static_cast<std::int64_t>(pc - base);
  std::uint64_t low = 0;
  std::uint64_t high = count;  // the last entry that starts at or before pc is in [low, high)
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (pair_at(middle).start <= wanted ? low : high) = middle;
  }
  if (count == 0 || pair_at(low).start > wanted) return false;
  return read_entry(object.frame_index + pair_at(low).entry, pc, entry);
}

}  // namespace umcg::inline v0::internal
