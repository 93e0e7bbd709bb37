#include "io/sources/other_formats.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "io/files/file.hpp"

namespace countem::io {

namespace {

using namespace std::string_view_literals;

/// The numbers of a TIFF, classic ("*") or big ("+"), of either byte order.
class tiff_reader {
 public:
  tiff_reader(const file_handle& file, bool big, bool big_endian) : file_(file), big_(big), big_endian_(big_endian) {}

  /// Compressions of the first directories.
  [[nodiscard]] bool has_compression(std::uint64_t first, std::uint64_t last) const {
    std::uint64_t directory = number(big_ ? 8 : 4, big_ ? 8 : 4);
    constexpr int most_directories = 4;  // a gain reference may come before the frames
    for (int seen = 0; seen < most_directories && directory != 0; ++seen) {
      const std::uint64_t entries = number(directory, big_ ? 8 : 2);
      const std::uint64_t entry_bytes = big_ ? 20 : 12;
      const std::uint64_t begin = directory + (big_ ? 8 : 2);
      constexpr std::uint64_t most_entries = 1024;
      for (std::uint64_t entry = 0; entry < std::min(entries, most_entries); ++entry) {
        const std::uint64_t at = begin + entry * entry_bytes;
        constexpr std::uint64_t compression = 259;
        if (number(at, 2) != compression) continue;
        const std::uint64_t value = number(at + (big_ ? 12 : 8), 2);
        if (value >= first && value <= last) return true;
      }
      if (entries > most_entries) return false;
      directory = number(begin + entries * entry_bytes, big_ ? 8 : 4);
    }
    return false;
  }

 private:
  /// 0 beyond the end of the file.
  [[nodiscard]] std::uint64_t number(std::uint64_t offset, std::size_t bytes) const {
    unsigned char raw[8]{};
    if (offset > std::uint64_t{1} << 62 || file_.read_at(offset, raw, bytes) != bytes) return 0;
    std::uint64_t value = 0;
    for (std::size_t byte = 0; byte < bytes; ++byte)
      value |= std::uint64_t{raw[byte]} << 8 * (big_endian_ ? bytes - 1 - byte : byte);
    return value;
  }

  const file_handle& file_;
  bool big_;
  bool big_endian_;
};

std::string tiff_sentence(const std::filesystem::path& file, std::string_view first_bytes) {
  const bool big_endian = first_bytes[0] == 'M';
  const file_handle opened = file_handle::open_read(file);
  const bool big = first_bytes[big_endian ? 3 : 2] == '+';
  if (tiff_reader(opened, big, big_endian).has_compression(65000, 65002)) {
    return "is an EER file: a list of electrons that a Falcon camera counted by itself, so there are no frames to count; sum "
           "it to images with its maker's "
           "program or RELION";
  }
  return "is a TIFF file, which is not read: save its frames as MRC, NPY or HDF5";
}

}  // namespace

std::string what_else_begins_so(const std::filesystem::path& file, std::string_view first_bytes) {
  for (const std::string_view tiff : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (first_bytes.starts_with(tiff)) return tiff_sentence(file, first_bytes);
  }
  if (first_bytes.starts_with("TPX3"sv)) {
    return "is a TPX3 file: pixels of a Timepix3 detector with their times, so there are no frames to count; turn it into "
           "frames or lists of "
           "electrons with its maker's program, as NPY or HDF5";
  }
  if (first_bytes.starts_with("\x89PNG"sv)) return "is a PNG picture, which is not read: save its pixels as NPY";
  return {};
}

}  // namespace countem::io
