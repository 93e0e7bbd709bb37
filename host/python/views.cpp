// Parts of a store: their shape and axes, their events, their dense numbers, and stores made of them.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <countem/provenance.hpp>
#include <countem/store_copy.hpp>

#include "host/engine/threads.hpp"
#include "host/python/advice.hpp"
#include "host/python/arrays.hpp"
#include "host/python/bindings.hpp"
#include "host/python/desk.hpp"
#include "host/python/memory_store.hpp"
#include "host/python/shared_store.hpp"
#include "host/python/views.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

/// Events of all frames at these positions.
std::uint64_t events_within(const event_store& store, const scan_window& window) {
  const scan_shape& scan = store.description().scan;
  validate(window, scan);
  std::uint64_t events = 0;
  for (std::uint64_t row = window.row; row < window.row + window.height; ++row) {
    const std::uint64_t first = (row * scan.width + window.column) * scan.frames_per_position;
    const std::uint64_t frames = std::uint64_t{window.width} * scan.frames_per_position;
    for (const std::uint32_t count : std::span(store.counts()).subspan(first, frames))
      events += count == not_written ? 0 : count;
  }
  return events;
}

/// Events of a part whose number is known only when they were read.
event_batch events_of(const event_store& store, const copy_plan& part, unsigned threads) {
  event_batch all;
  all.indices.reserve(events_within(store, part.scan));
  for_copied_batches(store, part, interruptible(threads), [&](const event_batch& batch) {
    const std::uint64_t before = all.indices.size();
    all.indices.insert(all.indices.end(), batch.indices.begin(), batch.indices.end());
    all.values.insert(all.values.end(), batch.values.begin(), batch.values.end());
    for (std::size_t f = 1; f < batch.indptr.size(); ++f) all.indptr.push_back(before + batch.indptr[f]);
    all.status.insert(all.status.end(), batch.status.begin(), batch.status.end());
  });
  return all;
}

/// Electrons per pixel, as the dense array of the store has them: cut at the largest number of the type.
template <class T>
buffer<T> dense_of(const event_store& store, const copy_plan& part, unsigned threads) {
  const result_axes made = axes_of_copy(store.description(), part);
  const std::uint64_t pixels = made.grid.pixels();
  buffer<T> dense(made.scan.frames() * pixels);
  std::uint64_t first = 0;
  for_copied_batches(store, part, interruptible(threads), [&](const event_batch& batch) {
    const auto fill = [&](std::size_t begin, std::size_t end) {
      for (std::size_t f = begin; f < end; ++f) {
        T* const frame = dense.data.get() + (first + f) * pixels;
        std::memset(frame, 0, pixels * sizeof(T));
        for (const std::uint32_t index : batch.events(f))
          frame[index] = static_cast<T>(frame[index] + (frame[index] < std::numeric_limits<T>::max() ? 1 : 0));
      }
    };
    if (batch.frames() == 1) {
      fill(0, 1);  // an arena would take longer than the frame
    } else {
      engine::run_with(threads, [&] {
        oneapi::tbb::parallel_for(oneapi::tbb::blocked_range<std::size_t>(0, batch.frames()),
                                  [&](const auto& range) { fill(range.begin(), range.end()); });
      });
    }
    first += batch.frames();
  });
  return dense;
}

template <class T>
nb::object dense_array(const shared_store& self, const copy_plan& part, unsigned threads) {
  buffer<T> dense;
  {
    const nb::gil_scoped_release released;
    dense = self.with([&](const event_store& store) { return dense_of<T>(store, part, threads); });
  }
  return nb::cast(to_numpy(std::move(dense)));
}

/// (first, step) of row and column of the scan, row and column; mrad of a pixel; nm of a step; where row 0 and column 0 of the
/// scan and of the detector lie.
auto axes_of(const store_geometry& geometry) {
  const auto pair = [](const axis_scale& axis) { return std::make_pair(axis.first, axis.step); };
  return std::make_tuple(pair(geometry.scan_row), pair(geometry.scan_column), pair(geometry.row), pair(geometry.column),
                         geometry.pixel_mrad, geometry.scan_step_nm,
                         std::make_pair(geometry.scan_origin_nm.row, geometry.scan_origin_nm.column),
                         std::make_pair(geometry.detector_origin_mrad.row, geometry.detector_origin_mrad.column));
}

void save(const shared_store& self, const part_numbers& numbers, const std::filesystem::path& input,
          const std::filesystem::path& output, const std::string& how, bool overwrite, unsigned threads) {
  const auto copy = [&](const event_store& store) {
    const copy_plan part = plan_of(numbers);
    store_description description = describe_copy(store.description(), part);
    for (auto& [name, text] : describe_reduction(input, backend::cpu, how))
      description.provenance.emplace_back(name == "reduced_from" ? name : "reduce_" + name, text);
    output_rules rules;
    rules.existing = existing_for(overwrite);
    if (!input.empty()) rules.inputs.push_back(input);
    store_options options;
    options.keep_unfinished = false;  // what it is made from is still there
    const auto sink = create_event_store(output, description, options, rules);
    reading_options reading;
    reading.threads = threads;
    copy_frames(store, part, *sink, reading);
    sink->finish({}, lacking_in_copy(store, part, input.empty() ? "the scan" : input.string()));
  };
  call_stoppable([&] { self.with(copy); });
}

}  // namespace

void bind_views(nb::class_<shared_store>& store) {
  store
      .def("describe",
           [](const shared_store& self, const part_numbers& part) {
             const result_axes made = axes_of_copy(self.get().description(), plan_of(part));
             return std::make_tuple(std::make_tuple(made.scan.height, made.scan.width, made.scan.frames_per_position),
                                    std::make_tuple(made.grid.height, made.grid.width), axes_of(made.geometry));
           })
      .def("calibration",
           [](const shared_store& self, const part_numbers& part) {
             return describe_copy(self.get().description(), plan_of(part)).calibrated;
           })
      .def("method", [](const shared_store& self) { return std::string(word_of(self.get().description().options.method)); })
      .def("whole_bins",
           [](const shared_store&, const part_numbers& part) {
             const copy_plan whole = whole_bins(plan_of(part));
             return part_numbers{
                 whole.scan.row,     whole.scan.column,     whole.scan.height,           whole.scan.width,
                 whole.detector.row, whole.detector.column, whole.detector.shape.height, whole.detector.shape.width,
                 whole.bin,          whole.scan_bin};
           })
      .def("lacking", [](const shared_store& self, const part_numbers& part,
                         const std::string& name) { return sentences(lacking_in_copy(self.get(), plan_of(part), name)); })
      .def("load_part",
           [](const shared_store& self, const part_numbers& part, unsigned threads) {
             event_batch events;
             {
               const nb::gil_scoped_release released;
               events = self.with([&](const event_store& of) { return events_of(of, plan_of(part), threads); });
             }
             std::optional<read_only_array<std::uint32_t>> values;
             if (self.get().description().options.values != event_value::none) values = to_numpy(std::move(events.values));
             return std::make_tuple(to_numpy(std::move(events.indptr)), to_numpy(std::move(events.indices)), std::move(values));
           })
      .def(
          "in_memory",
          [](const shared_store& self, const part_numbers& part, const std::string& name, unsigned threads) {
            return self.with([&](const event_store& of) {
              const copy_plan plan = plan_of(part);
              auto made = std::make_unique<memory_store>(describe_copy(of.description(), plan));
              made->reserve(events_within(of, plan.scan));
              for_copied_batches(of, plan, interruptible(threads), [&](const event_batch& batch) { made->add(batch); });
              made->finish();
              return std::make_unique<shared_store>(std::move(made), name);
            });
          },
          nb::call_guard<nb::gil_scoped_release>())
      .def("dense",
           [](const shared_store& self, const part_numbers& part, const std::string& type, unsigned threads) {
             if (type == "u8") return dense_array<std::uint8_t>(self, plan_of(part), threads);
             if (type == "u16") return dense_array<std::uint16_t>(self, plan_of(part), threads);
             return dense_array<std::uint32_t>(self, plan_of(part), threads);
           })
      .def("save", &save)
      .def("status", [](const shared_store& self) { return to_numpy(std::vector<std::uint8_t>(self.get().status())); })
      .def("counts", [](const shared_store& self) { return to_numpy(std::vector<std::uint32_t>(self.get().counts())); })
      .def("xrays", [](const shared_store& self) { return to_numpy(std::vector<std::uint32_t>(self.get().xrays())); })
      .def("provenance", [](const shared_store& self) { return self.get().description().provenance; });
}

}  // namespace countem::python
