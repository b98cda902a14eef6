// SPDX-License-Identifier: Apache-2.0
#include "umcg/internal/item_queue.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

namespace umcg::inline v0::internal {
namespace {

constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kBlockBytes = 4096;

}  // namespace

inline void* ItemQueue::front() noexcept {
  if (front_index_ == cells_) {
    Block* const used = std::exchange(front_, front_->next);
    front_index_ = 0;
    if (used != front_) {
      if (spare_ != nullptr) free_block(spare_);
      spare_ = used;
    }
  }
  return cell(front_, front_index_);
}

inline void ItemQueue::drop(void* front) noexcept {
  ops_.destroy(front);
  note_popped();
}

ItemQueue::ItemQueue(const ItemOps& ops, std::size_t capacity)
    : ops_(ops),
      capacity_(capacity),
      cells_(capacity == kUnbounded ? std::clamp<std::size_t>(kBlockBytes / ops.size, 4, 512)
                                    : capacity),
      first_at_((sizeof(Block) + ops.align - 1) / ops.align * ops.align) {
  back_index_ = cells_;
  if (capacity == kUnbounded || capacity == 0) return;
  front_ = make_block();
  front_->next = front_;
  back_ = front_;
}

ItemQueue::~ItemQueue() {
  while (!is_empty()) drop(front());
  if (front_ != nullptr) free_block(front_);
  if (spare_ != nullptr) free_block(spare_);
}

void ItemQueue::push(void* item) {
  if (back_index_ == cells_) add_block();
  ops_.put(cell(back_, back_index_), item);
  note_pushed();
}

void ItemQueue::pop(void* into) {
  void* const item = front();
  ops_.take(into, item);
  drop(item);
}

ItemQueue::Block* ItemQueue::make_block() const {
  const std::size_t align = std::max(ops_.align, alignof(Block));
  if (cells_ > (kUnbounded / 2 - align) / ops_.size) throw std::bad_array_new_length();
  void* const memory = ::operator new (align + cells_ * ops_.size, std::align_val_t{align});
  return ::new (memory) Block{nullptr};
}

void ItemQueue::free_block(Block* block) const noexcept {
  ::operator delete (block, std::align_val_t{std::max(ops_.align, alignof(Block))});
}

void ItemQueue::add_block() {
  if (back_ == nullptr) {
    front_ = back_ = make_block();
  } else {
    if (back_->next == nullptr) {
      back_->next = spare_ != nullptr ? std::exchange(spare_, nullptr) : make_block();
      back_->next->next = nullptr;
    }
    back_ = back_->next;
  }
  back_index_ = 0;
}

}  // namespace umcg::inline v0::internal
