#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/scan_share.hpp>

#include "io/files/file.hpp"
#include "io/files/file_lock.hpp"
#include "io/files/output_file.hpp"
#include "io/hdf5/file.hpp"
#include "io/store/difference.hpp"
#include "io/store/layout.hpp"
#include "io/store/scan.hpp"
#include "io/store/writer.hpp"

namespace countem {

namespace {

/// What an interrupted count found about inputs that changed; nothing where its writer was killed.
std::vector<source_issue> changes_recorded_in(const std::filesystem::path& part) {
  try {
    const auto lock = io::hdf5_lock();
    return io::naming(part, [&] { return changes_in(io::layout::read_issues(io::open_hdf5(part))); });
  } catch (const format_error&) {  // it was not closed
    return {};
  }
}

/// @throws invalid_argument
void require_same_share(const std::filesystem::path& part, const store_description& found, const store_description& wanted) {
  const auto words = [](const std::optional<scan_share>& share) { return share ? name_of(*share) : "the whole scan"; };
  const std::optional<scan_share> before = recorded_share(found);
  const std::optional<scan_share> now = recorded_share(wanted);
  if (before == now) return;
  throw invalid_argument(part.string() + ": was counted as " + words(before) + ", not as " + words(now) +
                             "; resume with the same inputs and options",
                         {{advice_kind::replace}});
}

/// @throws invalid_argument naming each difference
void require_same_description(const std::filesystem::path& part, const io::found_store& found,
                              const store_description& description, const store_options& options) {
  const std::vector<std::string> others =
      io::differences({found.description, found.frame.element_bytes}, {description, options.wide_counts ? 2U : 1U});
  require_same_share(part, found.description, description);
  if (!others.empty()) {
    throw invalid_argument(
        part.string() + ": was counted with " + io::list_of(others) + "; resume with the same inputs and options",
        {{advice_kind::replace}});
  }
}

}  // namespace

void require_same_count(const std::filesystem::path& store, const store_description& description,
                        const store_options& options) {
  require_same_description(store, io::scan_event_store(io::file_handle::open_read(store)), description, options);
}

resumed_event_store resume_event_store(const std::filesystem::path& path, const store_description& description,
                                       const store_options& options, const output_rules& rules) {
  const std::filesystem::path part = io::part_of(path);
  const std::optional<io::file_handle> opened = io::file_handle::try_open_write(part);
  if (!opened) return {create_event_store(path, description, options, rules), 0};
  const io::file_handle& unfinished = *opened;
  if (unfinished.size() == 0) return {create_event_store(path, description, options, rules), 0};
  if (io::lock_file(unfinished.descriptor()) == io::lock_state::taken) {
    throw io_error(part.string() + ": is being written by another process: wait for it, or name another output");
  }
  const io::found_store found = io::scan_event_store(unfinished);
  require_same_description(part, found, description, options);
  // A chunk that is there but damaged is counted again, and so is all after it.
  const auto is_before_damage = [&](const io::found_chunk& chunk) {
    return found.damaged.empty() || chunk.footer.facts.frame < found.damaged.front();
  };
  const auto safe_end = std::partition_point(found.chunks.begin(), found.chunks.end(), is_before_damage);
  const std::span safe(found.chunks.begin(), safe_end);
  auto writer = std::make_unique<io::hdf5_event_store_writer>(
      io::output_file(path, event_store_output, rules, io::temporary_name::next_part), description, options);
  io::copy_chunks(unfinished, safe, *writer);
  writer->add_issues(changes_recorded_in(part));
  writer->become_part();
  return {std::move(writer), safe.empty() ? 0 : safe.back().footer.facts.frame + 1};
}

}  // namespace countem
