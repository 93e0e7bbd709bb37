#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include <countem/event_store.hpp>

// The events of a store in bounded memory, as the exports take them.
namespace countem::io {

using hdf5_lock_type = std::unique_lock<std::recursive_mutex>;

/// Gives a lock up for as long as it lives.
class unlocked {
 public:
  explicit unlocked(hdf5_lock_type& lock) : lock_(lock) { lock_.unlock(); }
  unlocked(const unlocked&) = delete;
  unlocked& operator=(const unlocked&) = delete;
  ~unlocked() { lock_.lock(); }

 private:
  hdf5_lock_type& lock_;
};

/// Visits all frames of the store in order, a block at a time. `lock` is hdf5_lock(): it is held while a block is visited, but
/// not while it is read, since the store's threads need it.
void for_each_block(const event_store& store, hdf5_lock_type& lock, const std::function<void(const event_batch&)>& visit);

/// The same for a visitor that does not touch HDF5.
void for_each_block(const event_store& store, const std::function<void(const event_batch&)>& visit);

/// Events of all frames.
[[nodiscard]] std::uint64_t total_events(const event_store& store);

/// A block of frames as CSR in which a pixel comes once per frame, with its multiplicity.
struct merged_block {
  std::vector<std::uint64_t> row_ends;  ///< within the block
  std::vector<std::uint32_t> indices;
  std::vector<std::uint32_t> counts;
  std::uint64_t merged = 0;  ///< events that went into the entry of an earlier one

  explicit merged_block(const event_batch& block);
};

}  // namespace countem::io
