// SPDX-License-Identifier: Apache-2.0
#include "runtime/unwind/loaded_object.h"

#include <dlfcn.h>
#include <link.h>

namespace umcg::inline v0::internal {

#if defined(DLFO_STRUCT_HAS_EH_DBASE)

bool find_object(std::uint64_t address, LoadedObject& object) noexcept {
  dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return false;
  object.start = reinterpret_cast<std::uint64_t>(found.dlfo_map_start);
  object.end = reinterpret_cast<std::uint64_t>(found.dlfo_map_end);
  object.bias = found.dlfo_link_map->l_addr;
  object.path = found.dlfo_link_map->l_name;
  object.frame_index = static_cast<const std::uint8_t*>(found.dlfo_eh_frame);
  return true;
}

#else

namespace {

struct Search {
  std::uint64_t address;
  LoadedObject& object;
};

int visit(dl_phdr_info* info, std::size_t, void* data) noexcept {
  auto& search = *static_cast<Search*>(data);
  LoadedObject o;
  o.bias = info->dlpi_addr;
  o.path = info->dlpi_name;
  bool holds = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& p = info->dlpi_phdr[i];
    const std::uint64_t start = o.bias + p.p_vaddr;
    if (p.p_type == PT_GNU_EH_FRAME) o.frame_index = reinterpret_cast<const std::uint8_t*>(start);
    if (p.p_type != PT_LOAD) continue;
    if (o.end == 0) o.start = start;
    o.end = start + p.p_memsz;
    holds = holds || (search.address >= start && search.address < o.end);
  }
  if (!holds) return 0;
  search.object = o;
  return 1;
}

}  // namespace

bool find_object(std::uint64_t address, LoadedObject& object) noexcept {
  Search search{address, object};
  return dl_iterate_phdr(visit, &search) != 0;
}

#endif

}  // namespace umcg::inline v0::internal
