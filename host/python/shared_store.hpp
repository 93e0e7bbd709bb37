#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/found_beam.hpp>
#include <countem/read_events.hpp>

#include "host/python/arrays.hpp"
#include "host/python/interrupts.hpp"

namespace countem::python {

/// Events of frames that follow one another, in memory that numpy takes over.
struct loaded_events {
  buffer<std::uint32_t> indices;
  buffer<std::uint32_t> values;  ///< empty where the store holds none
};

/// An event store that any number of Python threads may use.
class shared_store {
 public:
  /// @throws io_error, format_error
  explicit shared_store(const std::filesystem::path& path) : path_(path), store_(open_event_store(path)) {}
  /// A store that is no file, with a name for errors.
  shared_store(std::unique_ptr<event_store> store, std::string name) : path_(std::move(name)), store_(std::move(store)) {}

  /// @throws invalid_argument when it was closed
  [[nodiscard]] const event_store& get() const {
    if (!store_) throw invalid_argument(path_.string() + ": is closed");
    return *store_;
  }
  /// What is being read is finished first. The GIL is not held.
  void close() {
    const std::lock_guard lock(reading_);
    const nanobind::gil_scoped_acquire held;  // facts of the store are read with the GIL and without the lock
    store_.reset();
  }

  /// Where the events of each frame begin among all events, and where the last end.
  [[nodiscard]] buffer<std::uint64_t> indptr() const {
    const auto& counts = get().counts();
    buffer<std::uint64_t> begins(counts.size() + 1);
    std::uint64_t events = 0;
    for (std::size_t frame = 0; frame < counts.size(); ++frame) {
      begins.data[frame] = events;
      events += counts[frame] == not_written ? 0 : counts[frame];
    }
    begins.data[counts.size()] = events;
    return begins;
  }

  /// Calls `use` with the store, which no other thread reads or closes meanwhile. The GIL is not held.
  template <class Use>
  auto with(const Use& use) const {
    const std::lock_guard lock(reading_);
    return use(get());
  }

  /// What was found on the frames of a part before, by the part and what else it depends on; nothing where that is new. Within
  /// with(): a finished store does not change, and to find its beam takes longer than most reductions.
  [[nodiscard]] std::optional<found_beam>& beam_of(const std::vector<std::uint64_t>& part) const { return beams_[part]; }

  /// All events. @throws format_error, io_error, nanobind::python_error where a signal ends it
  [[nodiscard]] loaded_events load(unsigned threads) const {
    const std::lock_guard lock(reading_);
    const event_store& store = get();
    const buffer<std::uint64_t> begins = indptr();
    const std::uint64_t events = begins.data[begins.size - 1];
    const bool has_values = store.description().options.values != event_value::none;
    loaded_events loaded{buffer<std::uint32_t>(events), buffer<std::uint32_t>(has_values ? events : 0)};
    constexpr std::uint64_t frames_at_a_time = 4096;  // after which a signal ends it
    for (std::uint64_t first = 0; first < store.frames(); first += frames_at_a_time) {
      const std::uint64_t end = std::min(first + frames_at_a_time, store.frames());
      const std::uint64_t at = begins.data[first];
      const std::size_t number = begins.data[end] - at;
      const std::span<std::uint32_t> indices(loaded.indices.data.get() + at, number);
      const std::span<std::uint32_t> values(loaded.values.data.get() + (has_values ? at : 0), has_values ? number : 0);
      read_events(store, first, static_cast<std::size_t>(end - first), indices, values, threads);
      check_signals();
    }
    return loaded;
  }

  /// The events of frames [first, first + count). @throws as event_store::read()
  [[nodiscard]] event_batch read(std::uint64_t first, std::size_t count, unsigned threads) const {
    const std::lock_guard lock(reading_);
    event_batch events;
    get().read(first, count, events, threads);
    return events;
  }

 private:
  std::filesystem::path path_;
  std::unique_ptr<event_store> store_;
  mutable std::map<std::vector<std::uint64_t>, std::optional<found_beam>> beams_;
  mutable std::mutex reading_;  // taken without the GIL, which its holder may ask for
};

}  // namespace countem::python
