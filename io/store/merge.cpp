#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/large_output.hpp>
#include <countem/rank_stores.hpp>
#include <countem/scan_share.hpp>
#include <countem/stop.hpp>
#include <countem/work.hpp>

#include "io/store/chunk_copy.hpp"
#include "io/store/parts.hpp"
#include "io/store/shared_frames.hpp"
#include "io/store/writer.hpp"

namespace countem {

namespace io {
namespace {

/// Copies the chunks part by part, in the order of their first frames. At most two parts are open: the one that is copied, and
/// one that holds a frame of it, too.
class part_copy {
 public:
  part_copy(const part_list& parts, hdf5_event_store_writer& to)
      : parts_(parts), to_(to), writing_(to), merging_("merging", "frames", parts.held()), shared_(parts) {}

  merge_report run() {
    report_.scan_frames = parts_.holders().size();
    std::vector<std::uint32_t> order(parts_.parts().size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::stable_sort(order, {}, [&](std::uint32_t index) { return parts_.parts()[index].first_held; });
    for (const std::uint32_t index : order) copy(index);
    writing_.finish();
    for (const auto& [frame, facts] : parts_.marks()) {
      if (parts_.holders()[frame] == part_list::nobody) to_.write_missing(facts);
    }
    report_.shared = shared_.number();
    return report_;
  }

 private:
  void copy(std::uint32_t index) {
    const known_part& known = parts_.parts()[index];
    if (known.first_held == report_.scan_frames) return;
    part opened(known.file.path);
    if (opened.file().counts().size() != report_.scan_frames) throw_changed(known);
    for (std::uint64_t frame = known.first_held; frame < report_.scan_frames; ++frame) {
      if (!opened.holds(frame)) {
        if (parts_.holders()[frame] == index) throw_changed(known);
        continue;
      }
      const chunk_footer footer = opened.read(frame, chunk_);
      if (parts_.holders()[frame] == index) {
        shared_.require_room(chunk_, footer, known);
        writing_.put(footer, chunk_);
        ++report_.frames;
        report_.events += footer.events;
        merging_.advance();
      } else {
        shared_.require_same(known, chunk_, footer);
        check_stop();
      }
    }
  }

  const part_list& parts_;
  hdf5_event_store_writer& to_;
  chunk_copy writing_;
  work merging_;
  shared_frames shared_;
  merge_report report_;
  std::vector<std::uint8_t> chunk_;
};

/// The parts hold little more than what is copied of them, unless they share frames.
void expect_parts(const std::vector<std::filesystem::path>& parts, const std::filesystem::path& output) {
  std::uint64_t bytes = 0;
  for (const std::filesystem::path& part : parts) bytes += file_handle::open_read(part).size();
  expect_output(output, "the frames of " + std::to_string(parts.size()) + (parts.size() == 1 ? " part" : " parts"), bytes,
                size_is::estimated);
}

}  // namespace
}  // namespace io

merge_report merge_event_stores(const std::vector<std::filesystem::path>& parts, const std::filesystem::path& output,
                                output_rules rules) {
  rules.inputs.insert(rules.inputs.end(), parts.begin(), parts.end());
  check_output(output, event_store_output, rules);
  const io::part_list list(parts);
  io::expect_parts(parts, output);
  store_options options;
  options.wide_counts = list.frame_layout().element_bytes == 2;
  io::hdf5_event_store_writer writer({output, event_store_output, rules}, list.description(), options);
  merge_report report = io::part_copy(list, writer).run();
  report.issues = list.issues();
  std::ranges::move(list.changes(), std::back_inserter(report.issues));
  writer.finish({}, report.issues);
  return report;
}

merge_report merge_rank_stores(const std::vector<std::filesystem::path>& stores, const std::filesystem::path& output,
                               const store_description& description, std::span<const saved_image> reductions,
                               std::vector<source_issue> issues, output_rules rules) {
  rules.inputs.insert(rules.inputs.end(), stores.begin(), stores.end());
  check_output(output, event_store_output, rules);
  const io::part_list list(stores);
  io::expect_parts(stores, output);
  store_options options;
  options.wide_counts = list.frame_layout().element_bytes == 2;
  io::hdf5_event_store_writer writer({output, event_store_output, rules}, description, options, reductions);
  merge_report report = io::part_copy(list, writer).run();
  report.issues = std::move(issues);
  std::ranges::move(list.changes(), std::back_inserter(report.issues));
  writer.finish(reductions, report.issues);
  return report;
}

}  // namespace countem
