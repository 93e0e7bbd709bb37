#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <countem/frame_source.hpp>

#include "io/files/file.hpp"

namespace countem::io {

/// Where in the files the parts of each frame lie: memory grows with what arrived, not with what a header claims.
/// A part is a whole frame, or one sector of it; its place is 8 bytes: file number (16 bits) and offset of its pixels (48
/// bits).
struct frame_index {
  static constexpr std::uint64_t missing = ~std::uint64_t{0};
  static constexpr std::uint64_t max_files = 0xffff;
  static constexpr std::uint64_t max_offset = (std::uint64_t{1} << 48) - 1;

  static constexpr std::uint64_t place(std::size_t file, std::uint64_t offset) { return std::uint64_t{file} << 48 | offset; }
  static constexpr std::size_t file_of(std::uint64_t place) { return static_cast<std::size_t>(place >> 48); }
  static constexpr std::uint64_t offset_of(std::uint64_t place) { return place & max_offset; }

  std::vector<std::uint32_t> frames;     ///< ascending: the frames of which any part was found, whole or cut short
  std::vector<std::uint64_t> parts;      ///< parts per frame for each of them, `missing` where one did not arrive whole
  std::vector<std::uint32_t> truncated;  ///< ascending: frames that lack a part because it is cut short in its file
};

/// Source over whole frames or sectors at known places of several files; every pixel type is u16 as the camera writes it.
/// `in_place`: as source_options has it.
[[nodiscard]] std::unique_ptr<frame_source> make_indexed_source(source_info info, std::vector<file_handle> files,
                                                                frame_index index, bool in_place);

/// @throws invalid_argument when [first, first + count) is not within the scan.
void check_range(const source_info& info, std::uint64_t first, std::size_t count);

}  // namespace countem::io
