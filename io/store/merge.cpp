#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/scan_share.hpp>
#include <countem/stop.hpp>
#include <countem/work.hpp>

#include "io/store/chunk.hpp"
#include "io/store/chunk_decoder.hpp"
#include "io/store/parts.hpp"
#include "io/store/writer.hpp"

namespace countem {

namespace io {
namespace {

/// Decodes chunks: whether each holds events at all, and whether two hold the same frame. Their bytes may differ where the
/// codes were trained on other frames.
class content_comparison {
 public:
  explicit content_comparison(const dense_layout& frame) : frame_(frame), decoder_(frame) {}

  /// @throws format_error naming the frame when the chunk contradicts itself
  void require_sound(std::span<const std::uint8_t> chunk, const chunk_footer& footer, const part& holder) {
    try {
      (void)decoded(chunk, footer);
    } catch (const format_error& reason) {
      throw format_error(holder.file().path().string() + ": " + reason.what());
    }
  }

  [[nodiscard]] bool is_same(std::span<const std::uint8_t> one, const chunk_footer& first, std::span<const std::uint8_t> two,
                             const chunk_footer& second) {
    if (std::ranges::equal(one, two)) return true;
    const bool same_facts =
        first.events == second.events && first.facts.xrays == second.facts.xrays && first.facts.status == second.facts.status;
    return same_facts && decoded(one, first) == decoded(two, second);
  }

 private:
  /// Events, then values.
  std::vector<std::uint32_t> decoded(std::span<const std::uint8_t> chunk, const chunk_footer& footer) {
    const auto refuse = [&](const std::string& fault) {
      throw format_error("frame " + std::to_string(footer.facts.frame) + ": " + fault);
    };
    if (footer.events > most_events(chunk.size(), frame_)) refuse("the chunk is too short for its events");
    const bool has_values = (footer.flags & chunk_footer::has_values) != 0;
    std::vector<std::uint32_t> content(std::size_t{footer.events} * (has_values ? 2 : 1));
    const std::span all(content);
    chunk_decoding job{chunk, footer, all.first(footer.events), all.subspan(footer.events), {}};
    decoder_.decode({&job, 1});
    if (!job.fault.empty()) refuse(job.fault);
    return content;
  }

  dense_layout frame_;
  chunk_decoder decoder_;
};

/// That of the parts, and which files were merged.
store_description description_of(const part_list& parts) {
  store_description description = parts.description();
  nlohmann::json files = nlohmann::json::array();
  for (const known_part& merged : parts.parts()) files.push_back(merged.file.path.string());
  constexpr const char* merged_from = "merged_from";
  std::erase_if(description.provenance, [](const auto& entry) { return entry.first == merged_from; });
  description.provenance.emplace_back(merged_from, files.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return description;
}

/// Copies the chunks part by part, in the order of their first frames. At most two parts are open: the one that is copied, and
/// one that holds a frame of it, too.
class part_copy {
 public:
  part_copy(const part_list& parts, hdf5_event_store_writer& to)
      : parts_(parts), to_(to), merging_("merging", "frames", parts.held()), comparison_(parts.frame_layout()) {}

  merge_report run() {
    report_.scan_frames = parts_.holders().size();
    std::vector<std::uint32_t> order(parts_.parts().size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::stable_sort(order, {}, [&](std::uint32_t index) { return parts_.parts()[index].first_held; });
    shared_.assign(parts_.parts().size() > 1 ? report_.scan_frames : 0, false);
    for (const std::uint32_t index : order) copy(index);
    for (const auto& [frame, facts] : parts_.marks()) {
      if (parts_.holders()[frame] == part_list::nobody) to_.write_missing(facts);
    }
    return report_;
  }

 private:
  void copy(std::uint32_t index) {
    const known_part& known = parts_.parts()[index];
    if (known.first_held == report_.scan_frames) return;
    const part opened(known.file.path);
    if (opened.file().counts().size() != report_.scan_frames) throw_changed(known);
    for (std::uint64_t frame = known.first_held; frame < report_.scan_frames; ++frame) {
      if (!opened.holds(frame)) {
        if (parts_.holders()[frame] == index) throw_changed(known);
        continue;
      }
      const chunk_footer footer = opened.read(frame, chunk_);
      if (parts_.holders()[frame] == index) {
        comparison_.require_sound(chunk_, footer, opened);
        keep(footer);
        ++report_.frames;
        report_.events += footer.events;
        merging_.advance();
      } else {
        require_same(known, footer);
        check_stop();
      }
    }
    write_kept();
  }

  /// Puts the chunk with those before it, which are written together.
  void keep(const chunk_footer& footer) {
    constexpr std::size_t most_frames = 64;
    constexpr std::size_t most_bytes = std::size_t{4} << 20U;
    const bool follows = kept_.empty() || footer.facts.frame == kept_.back().facts.frame + 1;
    if (!follows || kept_.size() == most_frames || kept_bytes_.size() >= most_bytes) write_kept();
    kept_.push_back(footer);
    kept_bytes_.insert(kept_bytes_.end(), chunk_.begin(), chunk_.end());
  }

  void write_kept() {
    to_.write_whole(kept_, kept_bytes_);
    kept_.clear();
    kept_bytes_.clear();
  }

  /// The frame of chunk_ is another part's, too, and must be the same there.
  void require_same(const known_part& known, const chunk_footer& footer) {
    const std::uint64_t frame = footer.facts.frame;
    const std::uint32_t index = parts_.holders()[frame];
    if (index == part_list::nobody) throw_changed(known);
    if (!other_ || other_index_ != index) {
      other_ = std::make_unique<part>(parts_.parts()[index].file.path);
      other_index_ = index;
    }
    if (frame >= other_->file().counts().size() || !other_->holds(frame)) throw_changed(parts_.parts()[index]);
    const chunk_footer held = other_->read(frame, again_);
    if (!comparison_.is_same(again_, held, chunk_, footer)) {
      throw invalid_argument(known.file.path.string() + ": frame " + std::to_string(frame) + " is also in " +
                             other_->file().path().string() + ", with other content");
    }
    if (!shared_[frame]) ++report_.shared;
    shared_[frame] = true;
  }

  [[noreturn]] static void throw_changed(const known_part& known) {
    throw io_error(known.file.path.string() + ": changed while it was read; is it still being written?");
  }

  const part_list& parts_;
  hdf5_event_store_writer& to_;
  work merging_;
  content_comparison comparison_;
  merge_report report_;
  std::vector<bool> shared_;
  std::vector<chunk_footer> kept_;  ///< of frames that follow one another and are not written yet
  std::vector<std::uint8_t> kept_bytes_;
  std::vector<std::uint8_t> chunk_;
  std::vector<std::uint8_t> again_;
  std::unique_ptr<part> other_;
  std::uint32_t other_index_ = part_list::nobody;
};

}  // namespace
}  // namespace io

merge_report merge_event_stores(const std::vector<std::filesystem::path>& parts, const std::filesystem::path& output,
                                output_rules rules) {
  rules.inputs.insert(rules.inputs.end(), parts.begin(), parts.end());
  check_output(output, event_store_output, rules);
  const io::part_list list(parts);
  store_options options;
  options.wide_counts = list.frame_layout().element_bytes == 2;
  io::hdf5_event_store_writer writer({output, event_store_output, rules}, io::description_of(list), options);
  merge_report report = io::part_copy(list, writer).run();
  report.issues = list.issues();
  std::ranges::move(list.changes(), std::back_inserter(report.issues));
  writer.finish({}, report.issues);
  return report;
}

}  // namespace countem
