// SPDX-License-Identifier: Apache-2.0
#include "runtime/unwind/symbols.h"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/fiber/fiber_core.h"
#include "runtime/scheduler/worker.h"
#include "runtime/stack/stack.h"

namespace umcg::inline v0::internal {
namespace {

const char* path_of(const LoadedObject& o) noexcept {
  return o.path != nullptr && *o.path != '\0' ? o.path : "/proc/self/exe";
}

// Whether the file is still the one that was loaded.
bool is_same_file(const std::uint8_t* file, std::size_t size, const LoadedObject& o) noexcept {
  return size >= sizeof(Elf64_Ehdr) && std::memcmp(file, ELFMAG, SELFMAG) == 0 &&
         file[EI_CLASS] == ELFCLASS64 &&
         std::memcmp(file, reinterpret_cast<const void*>(o.start), sizeof(Elf64_Ehdr)) == 0;
}

// The demangler's stack grows with the name: it must not overrun a small fiber's.
bool has_stack_for(std::size_t name_length) noexcept {
  constexpr std::size_t kBytesPerChar = 128;
  const FiberCore* const f = current_fiber();
  if (f == nullptr || f->stack == nullptr) return true;
  const char here = 0;
  const char* const low = f->stack->low;
  return &here > low && static_cast<std::size_t>(&here - low) > name_length * kBytesPerChar + 4096;
}

struct SymbolTable {
  const Elf64_Sym* first = nullptr;
  std::size_t count = 0;
  const char* names = nullptr;
  std::size_t names_size = 0;
};

// The full table where there is one, else that of exported symbols.
SymbolTable find_table(const std::uint8_t* file, std::size_t size) noexcept {
  SymbolTable found;
  Elf64_Ehdr header;
  std::memcpy(&header, file, sizeof header);
  const std::size_t count = header.e_shnum;
  if (header.e_shoff > size || count * sizeof(Elf64_Shdr) > size - header.e_shoff) return found;
  const auto* const sections = reinterpret_cast<const Elf64_Shdr*>(file + header.e_shoff);
  const auto inside = [&](const Elf64_Shdr& s) {
    return s.sh_offset <= size && s.sh_size <= size - s.sh_offset;
  };
  for (std::size_t i = 0; i < count; ++i) {
    const Elf64_Shdr& s = sections[i];
    const bool full = s.sh_type == SHT_SYMTAB;
    if (!full && (s.sh_type != SHT_DYNSYM || found.first != nullptr)) continue;
    if (s.sh_link >= count || !inside(s) || !inside(sections[s.sh_link])) continue;
    found = {reinterpret_cast<const Elf64_Sym*>(file + s.sh_offset), s.sh_size / sizeof(Elf64_Sym),
             reinterpret_cast<const char*>(file + sections[s.sh_link].sh_offset),
             sections[s.sh_link].sh_size};
    if (full) break;
  }
  return found;
}

}  // namespace

Symbols::~Symbols() {
  for (std::size_t i = 0; i < object_count_; ++i) {
    if (objects_[i].file != nullptr) {
      ::munmap(const_cast<std::uint8_t*>(objects_[i].file), objects_[i].size);
    }
  }
  if (demangled_ != nullptr) std::free(demangled_);
}

const char* Symbols::name_of(std::uint64_t address, bool at_instruction) noexcept {
  const std::uint64_t key = address << 1 | (at_instruction ? 1 : 0);
  Known& known = cache_[(key * 0x9e3779b97f4a7c15 >> 32) % kCached];
  if (known.key != key) {
    known.key = key;
    look_up(address, at_instruction, known.text);
  }
  return known.text;
}

Symbols::Object* Symbols::object_of(std::uint64_t address) noexcept {
  for (std::size_t i = 0; i < object_count_; ++i) {
    if (objects_[i].loaded.contains(address)) return &objects_[i];
  }
  LoadedObject loaded;
  if (object_count_ == kObjects || !find_object(address, loaded)) return nullptr;
  Object& o = objects_[object_count_++];
  o = {loaded, nullptr, 0};
  const int fd = ::open(path_of(loaded), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return &o;
  struct stat status {};
  if (::fstat(fd, &status) == 0 && status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* const file = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file != MAP_FAILED) {
      o.file = static_cast<const std::uint8_t*>(file);
      o.size = size;
      if (!is_same_file(o.file, size, loaded)) {
        ::munmap(file, size);
        o.file = nullptr;
      }
    }
  }
  ::close(fd);
  return &o;
}

void Symbols::look_up(std::uint64_t address, bool at_instruction, char (&text)[kText]) noexcept {
  const std::uint64_t inside = at_instruction ? address : address - 1;
  const Object* const o = object_of(inside);
  if (o == nullptr) {
    std::snprintf(text, sizeof text, "?");
    return;
  }
  const std::uint64_t in_file = inside - o->loaded.bias;
  const SymbolTable table = o->file != nullptr ? find_table(o->file, o->size) : SymbolTable();
  for (std::size_t i = 0; i < table.count; ++i) {
    const Elf64_Sym& s = table.first[i];
    if (ELF64_ST_TYPE(s.st_info) != STT_FUNC || in_file < s.st_value ||
        in_file - s.st_value >= s.st_size || s.st_name >= table.names_size) {
      continue;
    }
    write_name(table.names + s.st_name, address - o->loaded.bias - s.st_value, text);
    return;
  }
  const char* const path = path_of(o->loaded);
  const char* const slash = std::strrchr(path, '/');
  std::snprintf(text, sizeof text, "%s + 0x%llx", slash != nullptr ? slash + 1 : path,
                static_cast<unsigned long long>(address - o->loaded.bias));
}

void Symbols::write_name(const char* mangled, std::uint64_t offset, char (&text)[kText]) noexcept {
  const char* name = mangled;
  if (may_allocate_ && mangled[0] == '_' && mangled[1] == 'Z' &&
      has_stack_for(std::strlen(mangled))) {
    int status = 0;
    if (char* const plain = abi::__cxa_demangle(mangled, demangled_, &demangled_size_, &status)) {
      demangled_ = plain;
      name = plain;
    }
  }
  // Whole names of lambdas in templates fill pages; the offset must not be lost to them.
  constexpr int kMostOfName = kText - 24;
  const bool cut = std::strlen(name) > kMostOfName;
  std::snprintf(text, sizeof text, "%.*s%s + 0x%llx", kMostOfName, name, cut ? "..." : "",
                static_cast<unsigned long long>(offset));
}

}  // namespace umcg::inline v0::internal
