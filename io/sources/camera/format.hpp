#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include <countem/frame.hpp>
#include <countem/frame_source.hpp>
#include <countem/types.hpp>

// Records of the NCEM 4D Camera, versions 3 to 5: records back to back, no file header, no trailer, little-endian.
//
//   byte 0   u32 scan number        byte 8   u16 scan width       byte 12  u16 x (column of the scan position)
//   byte 4   u32 frame number       byte 10  u16 scan height      byte 14  u16 y (row of the scan position)
//   byte 16  u16 pixels, row-major: the whole frame (v3), columns [144 m, 144 m + 144) (v4), rows [144 m, 144 m + 144) (v5)
//
// m is the readout module; only the file's name holds it.
namespace countem::io {

namespace camera {
inline constexpr input_format v1{"v1"};
inline constexpr input_format v2{"v2"};
inline constexpr input_format v3{"v3"};
inline constexpr input_format v4{"v4"};
inline constexpr input_format v5{"v5"};
}  // namespace camera

inline constexpr frame_shape camera_frame{576, 576};

struct camera_header {
  std::uint32_t scan_number = 0;
  std::uint32_t frame_number = 0;
  std::uint16_t scan_width = 0;
  std::uint16_t scan_height = 0;
  std::uint16_t x = 0;
  std::uint16_t y = 0;

  friend bool operator==(const camera_header&, const camera_header&) = default;
};
inline constexpr std::size_t camera_header_bytes = 16;

using camera_header_image = std::array<std::byte, camera_header_bytes>;
[[nodiscard]] camera_header decode(const camera_header_image& bytes);
[[nodiscard]] camera_header_image encode(const camera_header& header);

/// What one record holds in each version.
struct camera_layout {
  input_format format = camera::v5;
  sector_split split = sector_split::rows;
  std::uint32_t sectors = sectors_per_frame;  ///< records that make a frame
  frame_shape sector{};                       ///< pixels of one record

  [[nodiscard]] std::size_t payload_bytes() const { return sector.pixels() * sizeof(std::uint16_t); }
  [[nodiscard]] std::size_t record_bytes() const { return camera_header_bytes + payload_bytes(); }
};

/// `format` is v3, v4 or v5. @throws invalid_argument
[[nodiscard]] camera_layout layout_of(const input_format& format);

/// The module number in a file's name, "...module<digits>...data", the last match; nothing where the name holds none.
[[nodiscard]] std::optional<std::uint32_t> module_in_name(const std::filesystem::path& path);

}  // namespace countem::io
