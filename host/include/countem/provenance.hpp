#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <countem/counting.hpp>
#include <countem/event_store.hpp>
#include <countem/frame_source.hpp>
#include <countem/types.hpp>

namespace countem {

/// What the store of a count holds besides the events: shapes, setup, and where they come from (program, command line, backend,
/// input files, faults of the input, thresholds, seed). `command_line`: how the user asked for it, in whatever way.
[[nodiscard]] store_description describe_count(const source_info& frames, const counting_setup& setup, backend used,
                                               const std::string& command_line);

/// Where reductions of a store come from, as text attributes: program, command_line, reduced_from, backend.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> describe_reduction(const std::filesystem::path& store,
                                                                                  backend used,
                                                                                  const std::string& command_line);

}  // namespace countem
