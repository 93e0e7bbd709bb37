#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/stop.hpp>

#include "io/store/chunk.hpp"
#include "io/store/chunk_decoder.hpp"
#include "io/store/difference.hpp"
#include "io/store/file.hpp"
#include "io/store/writer.hpp"

namespace countem {

namespace io {
namespace {

/// One of the stores that are merged.
class part {
 public:
  explicit part(const std::filesystem::path& path) : file_(path) {
    if (!file_.has_plain_chunks()) {
      throw format_error(path.string() + ": the chunks are not single deflated frames: another program rewrote the file");
    }
  }

  [[nodiscard]] const event_store_file& file() const { return file_; }
  [[nodiscard]] bool holds(std::uint64_t frame) const { return file_.counts()[frame] != not_written; }
  [[nodiscard]] frame_facts facts(std::uint64_t frame) const { return {frame, file_.xrays()[frame], file_.status()[frame]}; }

  /// Reads the chunk of a frame that it holds. @throws format_error
  [[nodiscard]] chunk_footer read(std::uint64_t frame, std::vector<std::uint8_t>& chunk) const {
    std::uint64_t size = 0;
    file_.chunk_sizes(frame, {&size, 1});
    chunk.clear();
    const bool deflated = size != 0 && file_.read_chunk(frame, size, chunk);
    const std::optional<chunk_footer> footer = deflated ? find_footer(chunk) : std::nullopt;
    if (!footer || !is_intact(chunk, *footer) || footer->facts.frame != frame || footer->events != file_.counts()[frame]) {
      throw format_error(file_.path().string() + ": frame " + std::to_string(frame) +
                         ": its chunk is damaged, or another program rewrote it; verify the file, or recover its other frames");
    }
    return *footer;
  }

 private:
  event_store_file file_;
};

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

std::vector<std::unique_ptr<part>> open_parts(const std::vector<std::filesystem::path>& paths) {
  if (paths.empty()) throw invalid_argument("a merge needs at least one part");
  std::vector<std::unique_ptr<part>> parts;
  for (const std::filesystem::path& path : paths) {
    parts.push_back(std::make_unique<part>(path));
    const auto facts = [](const part& of) {
      return counted_with{of.file().description(), of.file().frame_layout().element_bytes};
    };
    const std::vector<std::string> others = differences(facts(*parts.back()), facts(*parts.front()));
    if (!others.empty()) {
      throw invalid_argument(path.string() + ": was counted with " + list_of(others) + " than " + paths.front().string() +
                             "; parts of one scan share all of that");
    }
  }
  return parts;
}

/// That of the first part, and which files were merged.
store_description description_of(const std::vector<std::unique_ptr<part>>& parts) {
  store_description description = parts.front()->file().description();
  nlohmann::json files = nlohmann::json::array();
  for (const auto& merged : parts) files.push_back(merged->file().path().string());
  constexpr const char* merged_from = "merged_from";
  std::erase_if(description.provenance, [](const auto& entry) { return entry.first == merged_from; });
  description.provenance.emplace_back(merged_from, files.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return description;
}

/// Copies the chunks, in frame order.
merge_report copy_parts(const std::vector<std::unique_ptr<part>>& parts, hdf5_event_store_writer& to) {
  merge_report report;
  report.scan_frames = parts.front()->file().counts().size();
  content_comparison comparison(parts.front()->file().frame_layout());
  std::vector<std::uint8_t> chunk;
  std::vector<std::uint8_t> again;
  for (std::uint64_t frame = 0; frame < report.scan_frames; ++frame) {
    check_stop();
    const part* holder = nullptr;
    const part* marked = nullptr;  // knows something of a frame that has no chunk
    chunk_footer footer;
    bool shared = false;
    for (const auto& one : parts) {
      if (!one->holds(frame)) {
        const frame_facts facts = one->facts(frame);
        if (facts.status != 0 || facts.xrays != 0) marked = one.get();
        continue;
      }
      if (holder == nullptr) {
        footer = one->read(frame, chunk);
        comparison.require_sound(chunk, footer, *one);
        holder = one.get();
        continue;
      }
      shared = true;
      const chunk_footer other = one->read(frame, again);
      if (!comparison.is_same(chunk, footer, again, other)) {
        throw invalid_argument(one->file().path().string() + ": frame " + std::to_string(frame) + " is also in " +
                               holder->file().path().string() + ", with other content");
      }
    }
    if (holder != nullptr) {
      to.write_whole(footer, chunk);
      ++report.frames;
      report.events += footer.events;
      report.shared += shared ? 1 : 0;
    } else if (marked != nullptr) {
      to.write_missing(marked->facts(frame));
    }
  }
  return report;
}

}  // namespace
}  // namespace io

merge_report merge_event_stores(const std::vector<std::filesystem::path>& parts, const std::filesystem::path& output,
                                output_rules rules) {
  rules.inputs.insert(rules.inputs.end(), parts.begin(), parts.end());
  check_output(output, event_store_output, rules);
  const std::vector<std::unique_ptr<io::part>> opened = io::open_parts(parts);
  store_options options;
  options.wide_counts = opened.front()->file().frame_layout().element_bytes == 2;
  io::hdf5_event_store_writer writer({output, event_store_output, rules}, io::description_of(opened), options);
  merge_report report = io::copy_parts(opened, writer);
  for (const auto& part : opened) std::ranges::move(changed_inputs(part->file().opened()), std::back_inserter(report.issues));
  writer.finish({}, report.issues);
  return report;
}

}  // namespace countem
