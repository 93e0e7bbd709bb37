#include "io/sources/camera/format.hpp"

#include <bit>
#include <charconv>
#include <string>

#include <countem/error.hpp>

namespace countem::io {

static_assert(std::endian::native == std::endian::little, "records are copied as they lie in the file");
static_assert(sizeof(camera_header) == camera_header_bytes);

camera_header decode(const camera_header_image& bytes) {
  return std::bit_cast<camera_header>(bytes);
}
camera_header_image encode(const camera_header& header) {
  return std::bit_cast<camera_header_image>(header);
}

camera_layout layout_of(const input_format& format) {
  constexpr std::uint32_t quarter = camera_frame.height / sectors_per_frame;
  if (format == camera::v3) return {format, sector_split::none, 1, camera_frame};
  if (format == camera::v4) return {format, sector_split::columns, sectors_per_frame, {camera_frame.height, quarter}};
  if (format == camera::v5) return {format, sector_split::rows, sectors_per_frame, {quarter, camera_frame.width}};
  throw invalid_argument("format " + std::string(to_string(format)) + " has no records of the 4D Camera's versions 3 to 5");
}

std::optional<std::uint32_t> module_in_name(const std::filesystem::path& path) {
  constexpr std::string_view word = "module";
  const std::string name = path.filename().string();
  if (!name.ends_with("data")) return std::nullopt;
  std::optional<std::uint32_t> module;
  for (std::size_t at = name.find(word); at != std::string::npos; at = name.find(word, at + 1)) {
    std::uint32_t number = 0;
    const char* digits = name.data() + at + word.size();
    if (std::from_chars(digits, name.data() + name.size(), number).ec == std::errc{}) module = number;
  }
  return module;
}

}  // namespace countem::io
