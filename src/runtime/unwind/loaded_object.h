// SPDX-License-Identifier: Apache-2.0
// loaded_object.h - LoadedObject: the program or library in which an address lies.
#ifndef UMCG_RUNTIME_UNWIND_LOADED_OBJECT_H_
#define UMCG_RUNTIME_UNWIND_LOADED_OBJECT_H_

#include <cstdint>

namespace umcg::inline v0::internal {

struct LoadedObject {
  std::uint64_t start = 0;  // of its mapping; the ELF header is there
  std::uint64_t end = 0;
  std::uint64_t bias = 0;                     // run-time address - address in the file
  const char* path = nullptr;                 // "" for the program itself
  const std::uint8_t* frame_index = nullptr;  // its .eh_frame_hdr

  bool contains(std::uint64_t address) const noexcept { return address >= start && address < end; }
};

// False if no object holds code there. With glibc from 2.35 on it takes no lock and is safe in a
// signal handler; before, it takes the dynamic linker's.
bool find_object(std::uint64_t address, LoadedObject& object) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_UNWIND_LOADED_OBJECT_H_
