#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/output.hpp>
#include <countem/scan_path.hpp>
#include <countem/source_issue.hpp>
#include <countem/types.hpp>

// A scan whose size or path was not known when it was counted: the same frames as another scan.
namespace countem {

/// Records in a store's provenance (`scan_path`; docs/event_store.md) how the recorded frames lie in its scan; a plain path
/// leaves no record. It replaces an earlier record.
void record_path(store_description& description, const scan_path& path);

/// What record_path() put there; plain where nothing is, or where the store is a copy with another scan.
[[nodiscard]] scan_path recorded_path(const store_description& description);

/// How a store becomes another scan.
struct folding {
  std::optional<scan_shape> scan;  ///< as along() takes it; unset: the store's
  scan_path path{};                ///< of the store's frames in the order in which they were recorded
};

/// A store as another scan: the same events under other frame numbers, in no new file. Its frames are taken in the order of
/// the recording, which is that of their numbers unless the store's own path is a snake.
/// @throws invalid_argument where the store holds merged positions or a part of a scan, or no frame of it is in the scan
[[nodiscard]] std::unique_ptr<event_store> fold(std::unique_ptr<event_store> store, const folding& wanted);

/// What a folding lacks and leaves over; the store's name begins each sentence.
[[nodiscard]] std::vector<source_issue> misfits(const event_store& store, const folding& wanted, const std::string& name);

/// What fold_event_store() wrote.
struct folding_report {
  std::uint64_t frames = 0;          ///< that were copied
  std::uint64_t events = 0;          ///< in them
  std::vector<source_issue> issues;  ///< what does not fit, and whether the store changed while it was read
};

/// Writes the store that fold() shows. Chunks are copied as they are, but for the frame number that each holds; the store's
/// reductions, which are of another scan, are not copied.
/// @throws as fold(); io_error, format_error naming a damaged frame, invalid_argument as check_output()
folding_report fold_event_store(const std::filesystem::path& store, const std::filesystem::path& output, const folding& wanted,
                                const std::string& command_line, output_rules rules = {});

}  // namespace countem
