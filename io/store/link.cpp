#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/stop.hpp>

#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/output.hpp"
#include "io/hdf5/storage.hpp"
#include "io/store/layout.hpp"
#include "io/store/parts.hpp"
#include "io/store/shared_frames.hpp"
#include "io/store/writer.hpp"

namespace countem {

namespace io {
namespace {

namespace fs = std::filesystem;

/// Bytes of other files are read from a store's own folder alone, and HDF5 takes % in a name for a pattern.
void require_beside(const part_list& parts, const fs::path& output) {
  const fs::path folder = fs::weakly_canonical(fs::absolute(resolve_links(output)).parent_path());
  for (const known_part& one : parts.parts()) {
    const std::string name = one.file.path.string();
    if (fs::weakly_canonical(fs::absolute(one.file.path)).parent_path() != folder)
      throw invalid_argument(name + ": is not in the folder of " + output.string() + ", which leads to its parts by name");
    if (one.file.path.filename().string().find('%') != std::string::npos)
      throw invalid_argument(name + ": HDF5 takes the % in its name for a pattern; give it another name");
  }
}

/// What a store keeps beside the events, of all frames.
struct kept_facts {
  explicit kept_facts(std::uint64_t frames) : counts(frames, not_written), status(frames), xrays(frames) {}

  void take(const frame_facts& facts, std::uint32_t events) {
    counts[facts.frame] = events;
    status[facts.frame] = facts.status;
    xrays[facts.frame] = facts.xrays;
  }

  std::vector<std::uint32_t> counts;
  std::vector<std::uint8_t> status;
  std::vector<std::uint32_t> xrays;
};

/// Opens one part after another, and reads the frames of it that another part holds, too.
class part_links {
 public:
  explicit part_links(const part_list& parts) : parts_(parts), facts_(parts.holders().size()), shared_(parts) {
    for (std::uint32_t index = 0; index < parts.parts().size(); ++index) take(index);
    for (const auto& [frame, facts] : parts.marks()) {
      if (parts.holders()[frame] == part_list::nobody) facts_.take(facts, not_written);
    }
    report_.scan_frames = parts.holders().size();
    report_.shared = shared_.number();
  }

  /// Frames that nobody holds may lie among those of a part: it holds none of them either.
  [[nodiscard]] std::vector<frames_elsewhere> frames() const {
    std::vector<frames_elsewhere> found;
    std::uint32_t last = part_list::nobody;
    for (std::uint64_t frame = 0; frame < parts_.holders().size(); ++frame) {
      const std::uint32_t holder = parts_.holders()[frame];
      if (holder == part_list::nobody) continue;
      if (holder != last) found.push_back({parts_.parts()[holder].file.path.filename().string(), frame, frame});
      found.back().end = frame + 1;
      last = holder;
    }
    return found;
  }

  [[nodiscard]] const kept_facts& facts() const { return facts_; }
  [[nodiscard]] const merge_report& report() const { return report_; }

 private:
  void take(std::uint32_t index) {
    const known_part& known = parts_.parts()[index];
    part opened(known.file.path);
    const std::vector<std::uint32_t>& counts = opened.file().counts();
    if (counts.size() != parts_.holders().size()) throw_changed(known);
    for (std::uint64_t frame = 0; frame < counts.size(); ++frame) {
      const bool is_holder = parts_.holders()[frame] == index;
      if (!opened.holds(frame)) {
        if (is_holder) throw_changed(known);
      } else if (is_holder) {
        facts_.take(opened.facts(frame), counts[frame]);
        ++report_.frames;
        report_.events += counts[frame];
      } else {
        const chunk_footer footer = opened.read(frame, chunk_);
        shared_.require_same(known, chunk_, footer);
        check_stop();
      }
    }
  }

  const part_list& parts_;
  kept_facts facts_;
  shared_frames shared_;
  merge_report report_;
  std::vector<std::uint8_t> chunk_;
};

template <class T>
void fill(hid_t file, const char* path, const std::vector<T>& values) {
  write_slab<T>(open_dataset(file, path), {{0}, {values.size()}}, values, path);
}

}  // namespace
}  // namespace io

merge_report link_event_stores(const std::vector<std::filesystem::path>& parts, const std::filesystem::path& output,
                               output_rules rules) try {
  rules.inputs.insert(rules.inputs.end(), parts.begin(), parts.end());
  check_output(output, event_store_output, rules);
  const io::part_list list(parts);
  io::require_beside(list, output);
  const io::part_links links(list);
  io::output_file made(output, event_store_output, rules);
  const std::vector<io::frames_elsewhere> elsewhere = links.frames();
  io::lay_out(made, list.description(), {list.frame_layout().element_bytes == 2, {}, elsewhere});
  merge_report report = links.report();
  report.issues = list.issues();
  std::ranges::move(list.changes(), std::back_inserter(report.issues));
  {
    const auto lock = io::hdf5_lock();
    io::hdf5_handle file = io::open_again(made);
    io::fill(file, io::layout::counts, links.facts().counts);
    io::fill(file, io::layout::status, links.facts().status);
    io::fill(file, io::layout::xrays, links.facts().xrays);
    if (!report.issues.empty()) io::layout::add_issues(file, report.issues);
    io::close_hdf5(file, output.string());
  }
  made.finish();
  return report;
} catch (const io::hdf5_refusal& reason) {
  io::throw_unwritten(reason);
}

}  // namespace countem
