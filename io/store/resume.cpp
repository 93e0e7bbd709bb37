#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "io/files/file.hpp"
#include "io/store/difference.hpp"
#include "io/store/scan.hpp"
#include "io/store/writer.hpp"

namespace countem {

resumed_event_store resume_event_store(const std::filesystem::path& path, const store_description& description,
                                       const store_options& options) {
  const std::filesystem::path part = io::part_name(path);
  if (!std::filesystem::exists(part)) return {create_event_store(path, description, options), 0};
  const io::file_handle unfinished = io::file_handle::open_read(part);
  const io::found_store found = io::scan_event_store(unfinished);
  const std::vector<std::string> others =
      io::differences({found.description, found.frame.element_bytes}, {description, options.wide_counts ? 2U : 1U});
  if (!others.empty()) {
    throw invalid_argument(part.string() + ": was counted with " + io::list_of(others) +
                           "; resume with the same inputs and options, or remove it to start over");
  }
  // A chunk that is there but damaged is counted again, and so is all after it.
  const auto is_before_damage = [&](const io::found_chunk& chunk) {
    return found.damaged.empty() || chunk.footer.facts.frame < found.damaged.front();
  };
  const auto safe_end = std::partition_point(found.chunks.begin(), found.chunks.end(), is_before_damage);
  const std::span safe(found.chunks.begin(), safe_end);
  std::filesystem::path copy = part;
  copy += ".resuming";
  auto writer = std::make_unique<io::hdf5_event_store_writer>(path, copy, description, options);
  io::copy_chunks(unfinished, safe, *writer);
  writer->take_part_name();
  return {std::move(writer), safe.empty() ? 0 : safe.back().footer.facts.frame + 1};
}

}  // namespace countem
