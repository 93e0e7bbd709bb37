#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include <countem/types.hpp>

#include "io/files/file.hpp"
#include "io/sources/mib/merlin_header.hpp"
#include "io/sources/source_issues.hpp"

// The files of one scan: .mib files, and the description of the acquisition that may lie beside them.
namespace countem::io {

/// Text of lines "KEY:<tab>VALUE" that begins with "HDR,".
inline constexpr std::string_view merlin_description_magic = "HDR,";

struct merlin_inputs {
  std::vector<std::filesystem::path> frames;
  std::optional<std::filesystem::path> description;
};

/// Of what was given, which may be a description alone: then its frames are found by its name. A
/// file that has the name of a description and is none becomes an issue. @throws format_error
[[nodiscard]] merlin_inputs merlin_inputs_of(const std::vector<std::filesystem::path>& given, issue_list& issues);

/// A frame whose header was found.
struct merlin_frame {
  std::uint64_t number = 0;  ///< from 1
  std::size_t file = 0;
  std::uint64_t offset_bytes = 0;  ///< of its pixels
  bool cut_short = false;
  std::optional<std::uint64_t> microsecond{};
};

/// The frames of a file by their headers. What is damaged becomes an issue. @throws format_error when the first header is none
[[nodiscard]] std::vector<merlin_frame> find_merlin_frames(const file_handle& file, std::size_t number_of_file,
                                                           const merlin_layout& layout, std::uint64_t frame_bytes,
                                                           issue_list& issues);

/// The size of the scan as a description has it, or its rows as the times of the frames show them, which is an issue.
/// `frames`: ascending. Empty: neither is so.
[[nodiscard]] std::optional<scan_shape> merlin_scan(const std::optional<std::filesystem::path>& description,
                                                    const std::vector<merlin_frame>& frames, const std::filesystem::path& file,
                                                    issue_list& issues);

}  // namespace countem::io
