#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <countem/frame_source.hpp>
#include <countem/record_headers.hpp>

#include "io/sources/source_issues.hpp"

namespace countem::io {

/// All that open_source() knows of one format. Each folder beside this file defines the entries of its formats, formats.cpp
/// lists them.
struct source_format {
  /// How many bytes of a file begins() is shown; fewer where the file is shorter.
  static constexpr std::size_t shown_bytes = 256;

  input_format_facts facts;
  /// Taken for files with one of the suffixes that nothing recognises.
  bool assumed_by_suffix = false;
  /// Whether a file that begins with these bytes is of this format, whatever its name. Null: the first bytes do not show it.
  bool (*begins)(std::string_view first_bytes) = nullptr;
  /// Whether a file that begins otherwise is of this format all the same, whatever its name. Null: it cannot be.
  bool (*begins_later)(const std::filesystem::path& file) = nullptr;
  /// Whether the contents of files, the first of which has one of the suffixes, fit. Null: not looked into.
  bool (*fits)(const std::vector<std::filesystem::path>& files) = nullptr;
  /// Whether a file with one of the suffixes is a result that countem made of frames, or a simulation's truth, and no
  /// recording. Null: such files are of other formats.
  bool (*is_result)(const std::filesystem::path& file) = nullptr;
  /// Opens existing, regular, non-empty files, none of them twice; one file where `several_files` is false. `issues` holds
  /// what was found so far. @throws as countem::open_source()
  std::unique_ptr<frame_source> (*open)(const std::vector<std::filesystem::path>& files, const source_options& options,
                                        issue_list issues) = nullptr;
  /// As countem::save_record_headers(), of files as open() gets them. Null: it has no headers of records.
  kept_headers (*save_headers)(const std::vector<std::filesystem::path>& files, const source_options& options,
                               issue_list issues, const std::filesystem::path& output, const output_rules& rules) = nullptr;
};

/// The table of formats (formats.cpp), in the order of input_formats().
[[nodiscard]] std::span<const source_format* const> source_formats();

/// The entry of a format. @throws invalid_argument listing the known names.
[[nodiscard]] const source_format& entry_of(std::string_view name);

}  // namespace countem::io
