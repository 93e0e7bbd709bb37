#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <countem/frame_source.hpp>

namespace countem {

/// Raw frames that are no file of a known format: an array in memory, or what another program reads.
struct array_frames {
  std::string name;  ///< in sentences about them, and in provenance
  /// Lengths of the axes: (frame, row, column), (scan row, scan column, row, column) or (scan row, scan column, repeat, row,
  /// column); (row, column) is one frame.
  std::vector<std::uint64_t> extent;
  std::string_view type;  ///< of a pixel: u8, i8, u16, i16, u32, i32, u64, i64, f32 or f64, in native byte order
  /// Puts frames [first, first + count) one after another at `to`, which has just room for them. Called from several threads at
  /// once.
  std::function<void(std::uint64_t first, std::size_t count, std::byte* to)> fill;
};

/// Opens them as open_source() does files. Pixels of types that frames do not have are converted as those of files are, exactly
/// or not at all (docs/formats.md). Of `options`, scan, keep_fractions and scale are used.
/// @throws invalid_argument, format_error; what `fill` throws is thrown where frames are read
[[nodiscard]] std::unique_ptr<frame_source> open_array(array_frames frames, const source_options& options);

}  // namespace countem
