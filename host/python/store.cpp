#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <countem/dense_type.hpp>
#include <countem/event_store.hpp>
#include <countem/folded_store.hpp>
#include <countem/source_issue.hpp>

#include "host/python/arrays.hpp"
#include "host/python/bindings.hpp"
#include "host/python/shared_store.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

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

/// A store as another scan, and what it lacks and leaves over; `scan`: rows, columns, repeats.
std::tuple<std::unique_ptr<shared_store>, std::vector<std::string>> folded(
    const std::filesystem::path& path, const std::optional<std::vector<std::uint32_t>>& scan, std::int64_t skip,
    std::uint32_t flyback, bool snake) {
  folding wanted{{}, {skip, flyback, snake}};
  if (scan) wanted.scan = scan_shape{scan->at(0), scan->at(1), scan->at(2)};
  std::unique_ptr<event_store> store = open_event_store(path);
  std::vector<std::string> issues;
  for (const source_issue& issue : misfits(*store, wanted, path.string())) issues.push_back(sentence(issue));
  return {std::make_unique<shared_store>(fold(std::move(store), wanted), path.string()), std::move(issues)};
}

}  // namespace

nb::class_<shared_store> bind_store(nb::module_& m) {
  nb::class_<shared_store> store(m, "Store");
  store.def(nb::init<const std::filesystem::path&>(), nb::arg("path"), nb::call_guard<nb::gil_scoped_release>())
      .def_static("folded", &folded, nb::arg("path"), nb::arg("scan").none(), nb::arg("skip"), nb::arg("flyback"),
                  nb::arg("snake"), nb::call_guard<nb::gil_scoped_release>())
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
  return store;
}

}  // namespace countem::python
