#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/frame_range.hpp>
#include <countem/output.hpp>
#include <countem/saved_image.hpp>

// Stores that the ranks of one count write, each its own, beside the output that is made of them: OUT.rank0003.part. They are
// written as every store is, abandoned rather than finished, and removed when the output has its name. What a count leaves
// that did not come so far is found by the next.
namespace countem {

/// What create_event_store() is given for a rank's store: OUT.rank0003. The file is that with ".part".
[[nodiscard]] std::filesystem::path rank_store(const std::filesystem::path& output, unsigned number);

/// A description as bytes that another process makes the same description of.
[[nodiscard]] std::string to_bytes(const store_description& description, const store_options& options);
/// What to_bytes() was given. @throws format_error
[[nodiscard]] store_description description_from(const std::string& bytes);

/// Whether there are unfinished stores of ranks beside an output; never throws for a folder that cannot be read.
[[nodiscard]] bool has_rank_stores(const std::filesystem::path& output);

/// Unfinished stores beside an output.
struct left_stores {
  std::vector<std::filesystem::path> files;  ///< OUT.part of a count by one process, and those of ranks
  unsigned next_number = 0;                  ///< greater than that of any of them
};

/// The unfinished stores of an output. Those without frames are removed.
[[nodiscard]] left_stores find_left_stores(const std::filesystem::path& output);

/// Removes unfinished stores, and what was never worth anything beside them. @throws io_error also where a process writes one
void remove_left_stores(const std::filesystem::path& output, std::span<const std::filesystem::path> files);

/// A store that an earlier count left, whole.
struct mended_store {
  std::filesystem::path file;     ///< the store
  std::vector<frame_range> held;  ///< frames that it holds, in order
};

/// Makes an unfinished store whole: as it is where it was closed; else every frame that reached it is copied into the store of
/// this name (as of rank_store()), and the broken one is removed. Nothing where it holds no frame.
/// @throws invalid_argument naming each difference when it was counted with another description; io_error, also when another
/// process writes it; format_error
[[nodiscard]] std::optional<mended_store> mend_left_store(const std::filesystem::path& left, const std::filesystem::path& as,
                                                          const store_description& description, const store_options& options,
                                                          const output_rules& rules);

/// Makes the output of the stores of all ranks, as one process would have written it: with this description, these reductions
/// and issues. The stores are only read. @throws as merge_event_stores()
merge_report merge_rank_stores(const std::vector<std::filesystem::path>& stores, const std::filesystem::path& output,
                               const store_description& description, std::span<const saved_image> reductions,
                               std::vector<source_issue> issues, output_rules rules);

}  // namespace countem
