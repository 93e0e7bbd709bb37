#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <countem/dense_type.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/scan_window.hpp>
#include <countem/store_batches.hpp>

#include "host/python/arrays.hpp"
#include "host/python/bindings.hpp"
#include "host/python/interrupts.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

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

  /// @throws invalid_argument when it was closed
  [[nodiscard]] const event_store& get() const {
    if (!store_) throw invalid_argument(path_.string() + ": is closed");
    return *store_;
  }
  /// What is being read is finished first. The GIL is not held.
  void close() {
    const std::lock_guard lock(reading_);
    const nb::gil_scoped_acquire held;  // facts of the store are read with the GIL and without the lock
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

  /// All events. @throws format_error, io_error, nanobind::python_error where a signal ends it
  [[nodiscard]] loaded_events load(unsigned threads) const {
    const std::lock_guard lock(reading_);
    const event_store& store = get();
    const buffer<std::uint64_t> begins = indptr();
    const std::uint64_t events = begins.data[begins.size - 1];
    const bool has_values = store.description().options.values != event_value::none;
    loaded_events loaded{buffer<std::uint32_t>(events), buffer<std::uint32_t>(has_values ? events : 0)};
    for_batches(store, whole(store.description().scan), {threads, nullptr, {}}, [&](const event_batch& batch) {
      const std::uint64_t at = begins.data[batch.first_frame];
      std::copy(batch.indices.begin(), batch.indices.end(), loaded.indices.data.get() + at);
      std::copy(batch.values.begin(), batch.values.end(), loaded.values.data.get() + (has_values ? at : 0));
      check_signals();
    });
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
  mutable std::mutex reading_;  // taken without the GIL, which its holder may ask for
};

/// indices, and values or None
template <class Values>
auto to_pair(Values&& indices, Values&& values, bool has_values) {
  auto first = to_numpy(std::forward<Values>(indices));
  std::optional<decltype(first)> second;
  if (has_values) second = to_numpy(std::forward<Values>(values));
  return std::make_tuple(std::move(first), std::move(second));
}

bool has_values(const shared_store& store) {
  return store.get().description().options.values != event_value::none;
}

}  // namespace

void bind_store(nb::module_& m) {
  nb::class_<shared_store>(m, "Store")
      .def(nb::init<const std::filesystem::path&>(), nb::arg("path"), nb::call_guard<nb::gil_scoped_release>())
      .def("close", &shared_store::close, nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("scan_shape",
                   [](const shared_store& self) {
                     const scan_shape& scan = self.get().description().scan;
                     return std::make_tuple(scan.height, scan.width, scan.frames_per_position);
                   })
      .def_prop_ro("frame_shape",
                   [](const shared_store& self) {
                     const frame_shape& shape = self.get().description().shape;
                     return std::make_tuple(shape.height, shape.width);
                   })
      .def_prop_ro("dense_type", [](const shared_store& self) { return to_string(dense_type(self.get())); })
      .def("indptr", [](const shared_store& self) { return to_numpy(self.indptr()); })
      .def(
          "load",
          [](const shared_store& self, unsigned threads) {
            loaded_events loaded;
            {
              const nb::gil_scoped_release released;
              loaded = self.load(threads);
            }
            return to_pair(std::move(loaded.indices), std::move(loaded.values), has_values(self));
          },
          nb::arg("threads"))
      .def(
          "read",
          [](const shared_store& self, std::uint64_t first, std::size_t count, unsigned threads) {
            event_batch events;
            {
              const nb::gil_scoped_release released;
              events = self.read(first, count, threads);
            }
            return to_pair(std::move(events.indices), std::move(events.values), has_values(self));
          },
          nb::arg("first"), nb::arg("count"), nb::arg("threads"));
}

}  // namespace countem::python
