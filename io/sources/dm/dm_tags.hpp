#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/files/file.hpp"

// DM3 and DM4: a tree of tags. Sizes and counts are big-endian, of 4 bytes in version 3 and 8 in version 4; values are of the
// byte order that the header names.
//
//   u32 version (3 or 4), size of the file, u32 1 where values are little-endian, then the root: a group without name
//   group   u8 sorted, u8 open, count; then that many tags
//   tag     u8 20: a group, 21: a value; u16 length of its name; name; in version 4: bytes that follow; then the group, or
//   value   "%%%%", length of its description, description, bytes
//           description: type | 15, names, fields, (name, type)... | 18, characters | 20, type of an element (or its
//           description), elements
namespace countem::io {

/// Where the values of an array lie.
struct dm_array {
  std::uint64_t type = 0;  ///< 2 i16, 3 i32, 4 u16, 5 u32, 6 f32, 7 f64, 8 bool, 9 i8, 10 u8, 11 i64, 12 u64
  std::uint64_t elements = 0;
  std::uint64_t offset_bytes = 0;
};

/// What an image needs of the tags below ImageList.
struct dm_image {
  std::optional<dm_array> data{};
  std::vector<std::uint64_t> dimensions{};  ///< the fastest first
  std::optional<std::uint64_t> type{};      ///< DataType
  std::string format{};                     ///< ImageTags / Meta Data / Format
  std::optional<bool> order_swapped{};      ///< ImageTags / Meta Data / Data Order Swapped
  /// ImageData / Calibrations / Dimension, an axis each: index i lies at (i - origin) * scale.
  struct calibration {
    double origin = 0;
    double scale = 0;
    std::string units{};
  };
  std::vector<calibration> calibrations{};  ///< the fastest first
  double voltage_v = 0;                     ///< ImageTags / Microscope Info / Voltage
};

struct dm_contents {
  std::uint32_t version = 0;
  bool big_endian = false;
  std::map<std::uint64_t, dm_image> images{};  ///< by place in ImageList
  std::vector<std::uint64_t> thumbnails{};     ///< their places
};

/// @throws format_error naming the file and the byte where the tags are damaged
[[nodiscard]] dm_contents read_dm_tags(const file_handle& file);

}  // namespace countem::io
