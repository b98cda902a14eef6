// SPDX-License-Identifier: Apache-2.0
// item_queue.h - ItemQueue: the buffer of a channel, a queue of items whose type it does not know.
//
// Items stand in blocks of cells. A bounded queue has one block, made at the start, which follows
// itself; an unbounded one adds blocks at its end and frees them at its front, and keeps one spare.
// Not synchronised; but anybody may ask for the size.
#ifndef UMCG_INTERNAL_ITEM_QUEUE_H_
#define UMCG_INTERNAL_ITEM_QUEUE_H_

#include <atomic>
#include <cstddef>

namespace umcg::inline v0::internal {

// What may be done with an item; only the template knows its type. `into` is a std::optional<T>*.
struct ItemOps {
  std::size_t size;
  std::size_t align;
  void (*put)(void* cell, void* item);   // makes an item in an empty cell, by a move
  void (*take)(void* into, void* item);  // moves an item out
  void (*clear)(void* into) noexcept;
  void (*destroy)(void* cell) noexcept;
};

class ItemQueue {
 public:
  // capacity: SIZE_MAX for no bound. Throws std::bad_alloc.
  ItemQueue(const ItemOps& ops, std::size_t capacity);
  ItemQueue(const ItemQueue&) = delete;
  ItemQueue& operator=(const ItemQueue&) = delete;
  ~ItemQueue();

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  bool is_empty() const noexcept { return size() == 0; }
  bool is_full() const noexcept { return size() == capacity_; }

  // If it is not full. Throws what the move throws, or std::bad_alloc if it is unbounded; then
  // nothing has changed.
  void push(void* item);
  // If it is not empty. Throws what the move throws; then nothing has changed.
  void pop(void* into);

  // The same by hand, for who knows the type and makes the move himself: the cell for the next
  // item, and the first item. Null where it takes more than that: then push() or pop() will do.
  void* next_cell() const noexcept {
    return is_full() || back_index_ == cells_ ? nullptr : cell(back_, back_index_);
  }
  void* first_item() const noexcept {
    return is_empty() || front_index_ == cells_ ? nullptr : cell(front_, front_index_);
  }
  // The cell has been filled; the first item has been moved out and destroyed.
  void note_pushed() noexcept {
    ++back_index_;
    size_.store(size() + 1, std::memory_order_relaxed);
  }
  void note_popped() noexcept {
    ++front_index_;
    size_.store(size() - 1, std::memory_order_relaxed);
    if (is_empty() && front_ == back_) front_index_ = back_index_ = 0;  // warm cells first
  }

 private:
  struct Block {
    Block* next;
  };

  void* front() noexcept;
  void drop(void* front) noexcept;
  void* cell(Block* block, std::size_t index) const noexcept {
    return reinterpret_cast<std::byte*>(block) + first_at_ + index * ops_.size;
  }
  Block* make_block() const;
  void free_block(Block* block) const noexcept;
  void add_block();

  const ItemOps& ops_;
  const std::size_t capacity_;
  const std::size_t cells_;     // of a block
  const std::size_t first_at_;  // in a block, bytes
  std::atomic<std::size_t> size_{0};
  // The next item to come out, and the next cell to be filled. An index of cells_ means the first
  // cell of the block that follows.
  Block* front_ = nullptr;
  std::size_t front_index_ = 0;
  Block* back_ = nullptr;
  std::size_t back_index_ = 0;
  Block* spare_ = nullptr;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_INTERNAL_ITEM_QUEUE_H_
