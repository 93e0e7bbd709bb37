#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include <countem/convert.hpp>
#include <countem/event_store.hpp>

// The forms of other programs, one file each, and the table that holds them.
namespace countem::io {

/// Events that a form could not hold as they are.
struct export_losses {
  std::uint64_t merged = 0;  ///< events that went into the entry of an earlier one at their pixel
  std::uint64_t cut = 0;     ///< events beyond what a count can hold
};

/// Writes all events to `path` and any files that belong to it; each gets its name when it is whole.
/// @throws io_error, format_error, invalid_argument
using export_function = export_losses (*)(const event_store& store, const std::filesystem::path& path,
                                          const output_rules& rules);

export_losses export_stempy(const event_store& store, const std::filesystem::path& path, const output_rules& rules);
export_losses export_csr(const event_store& store, const std::filesystem::path& path, const output_rules& rules);
export_losses export_raw_csr(const event_store& store, const std::filesystem::path& path, const output_rules& rules);
export_losses export_npz(const event_store& store, const std::filesystem::path& path, const output_rules& rules);
export_losses export_dense(const event_store& store, const std::filesystem::path& path, const output_rules& rules);

extern const output_kind stempy_output;
extern const output_kind csr_output;
extern const output_kind raw_csr_output;
extern const output_kind npz_output;
extern const output_kind dense_output;

}  // namespace countem::io
