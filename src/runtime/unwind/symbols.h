// SPDX-License-Identifier: Apache-2.0
// symbols.h - Symbols: the function in which an address lies, from the symbol tables of the files
// on disk.
//
// Not dladdr(): it takes the dynamic linker's lock, which may be what everybody is stuck on, and it
// knows only what is exported, which a program's own functions are not. Files are mapped, and
// looked through; each address only once, since thousands of fibers wait at the same few places.
// Lines of source are left to gdb and addr2line, for which a file and an address in it are printed
// where there is no name.
#ifndef UMCG_RUNTIME_UNWIND_SYMBOLS_H_
#define UMCG_RUNTIME_UNWIND_SYMBOLS_H_

#include <cstddef>
#include <cstdint>

#include "runtime/unwind/loaded_object.h"

namespace umcg::inline v0::internal {

class Symbols {
 public:
  // `may_allocate`: C++ names are shown as in the source. Not in a signal handler.
  explicit Symbols(bool may_allocate) noexcept : may_allocate_(may_allocate) {}
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  // "umcg::Mutex::lock() + 0x2c" or "libc.so.6 + 0x1234". Good until the next call.
  // `at_instruction`: whether the address is not the one after a call.
  const char* name_of(std::uint64_t address, bool at_instruction) noexcept;

 private:
  static constexpr std::size_t kText = 248;
  static constexpr std::size_t kCached = 1024;
  static constexpr std::size_t kObjects = 32;

  struct Known {
    std::uint64_t key = 0;
    char text[kText];
  };
  struct Object {
    LoadedObject loaded;
    const std::uint8_t* file = nullptr;  // null: cannot be had
    std::size_t size = 0;
  };

  void look_up(std::uint64_t address, bool at_instruction, char (&text)[kText]) noexcept;
  Object* object_of(std::uint64_t address) noexcept;
  void write_name(const char* mangled, std::uint64_t offset, char (&text)[kText]) noexcept;

  const bool may_allocate_;
  std::size_t object_count_ = 0;
  Object objects_[kObjects];
  char* demangled_ = nullptr;  // from malloc
  std::size_t demangled_size_ = 0;
  Known cache_[kCached] = {};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_UNWIND_SYMBOLS_H_
