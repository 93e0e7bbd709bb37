#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/notices.hpp>

#include "host/python/advice.hpp"
#include "host/python/bindings.hpp"
#include "host/python/desk.hpp"
#include "host/python/views.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

/// What was merged: frames, events, frames in several parts, frames of the scan, and sentences of warning.
nb::tuple merge(const std::vector<std::filesystem::path>& parts, const std::filesystem::path& output, bool overwrite,
                bool linked) {
  const output_rules rules{existing_for(overwrite), {}};
  const auto merge = linked ? link_event_stores : merge_event_stores;
  const merge_report report = call_stoppable([&] { return merge(parts, output, rules); });
  std::vector<std::string> warnings;
  for (const source_issue& issue : report.issues) warnings.push_back(sentence(issue));
  return nb::make_tuple(report.frames, report.events, report.shared, report.scan_frames, warnings);
}

/// Frames up to the last one that is there, frames of the scan, and events.
std::tuple<std::uint64_t, std::uint64_t, std::uint64_t> state_of(const std::filesystem::path& path, bool running) {
  const std::unique_ptr<event_store> store = running ? open_running_event_store(path) : open_event_store(path);
  std::uint64_t done = running ? 0 : store->frames();
  std::uint64_t events = 0;
  for (std::uint64_t frame = 0; frame < store->frames(); ++frame) {
    if (store->counts()[frame] == not_written) continue;
    events += store->counts()[frame];
    if (running) done = frame + 1;
  }
  return {done, store->frames(), events};
}

}  // namespace

void bind_parts(nb::module_& m) {
  m.def("merge", &merge, nb::arg("parts"), nb::arg("output"), nb::arg("overwrite"), nb::arg("linked"));
  m.def(
      "state_of",
      [](const std::filesystem::path& path, bool running) {
        std::tuple<std::uint64_t, std::uint64_t, std::uint64_t> state;
        {
          const nb::gil_scoped_release released;
          state = state_of(path, running);
        }
        return nb::make_tuple(std::get<0>(state), std::get<1>(state), std::get<2>(state));
      },
      nb::arg("path"), nb::arg("running"));
  m.def("take_notices", &take_notices);
}

}  // namespace countem::python
