#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// Files of instruments, put together byte by byte from docs/formats.md, for tests and fuzzers.
namespace countem::testing_io {

using file_bytes = std::vector<char>;

/// Words as they lie in memory, or with their bytes reversed.
template <class Word>
void append(file_bytes& to, const std::vector<Word>& words, bool reversed = false) {
  for (Word word : words) {
    auto* const bytes = reinterpret_cast<char*>(&word);
    if (reversed) std::reverse(bytes, bytes + sizeof(Word));
    to.insert(to.end(), bytes, bytes + sizeof(Word));
  }
}

inline void append_text(file_bytes& to, const std::string& text) {
  to.insert(to.end(), text.begin(), text.end());
}

template <class Word>
void put_word(file_bytes& bytes, std::size_t at, Word word) {
  std::copy_n(reinterpret_cast<const char*>(&word), sizeof(Word), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

/// A header of a MIB file.
[[nodiscard]] std::string merlin_header_text(std::uint64_t number, const std::string& pixels, std::uint64_t width,
                                             std::uint64_t height, const std::string& time = "2021-05-07 18:56:59.151103",
                                             int chips = 1, const std::string& layout = "1x1", int bits = 12);

/// A DM file of one image behind a thumbnail, its tags in the order of their names, as the program writes them.
struct dm_recipe {
  int version = 4;
  bool big_endian = false;
  std::vector<std::uint32_t> dimensions{};
  std::uint32_t data_type = 10;    ///< u16
  std::uint64_t element_type = 4;  ///< u16
  file_bytes pixels{};             ///< in the file's byte order
  std::uint64_t elements = 0;
  std::optional<bool> order_swapped{};
  std::string format = "Diffraction image";
  bool thumbnail = true;
};
[[nodiscard]] file_bytes dm_file(const dm_recipe& recipe);

/// The header of the first part of a TVIPS series, and that of each frame.
[[nodiscard]] file_bytes tvips_header(std::uint32_t version, std::uint32_t width, std::uint32_t height, std::uint32_t bits,
                                      std::uint32_t frame_header_bytes = 60);
[[nodiscard]] file_bytes tvips_frame_header(std::uint32_t position, std::size_t bytes = 60);

/// A block file up to its first pattern, and the header of a pattern.
[[nodiscard]] file_bytes blo_header(std::uint16_t side, std::uint16_t scan_width, std::uint16_t scan_height,
                                    const std::string& note = {});
[[nodiscard]] file_bytes blo_pattern_header(std::uint32_t number);

/// A SER file: version 0x210 or 0x220, axes, and pixels of each image, the bottom row first, of a type of SER.
struct ser_recipe {
  std::uint16_t version = 0x220;
  std::uint32_t elements = 0;  ///< of which images.size() are there
  std::vector<std::uint32_t> axes{};
  std::uint16_t type = 2;  ///< u16
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<file_bytes> images{};
};
[[nodiscard]] file_bytes ser_file(const ser_recipe& recipe);

/// The header of a SEQ file, up to the first frame.
[[nodiscard]] file_bytes seq_header(std::uint32_t version, std::uint32_t width, std::uint32_t height, std::uint32_t bits,
                                    std::uint32_t frames, std::uint32_t distance);

}  // namespace countem::testing_io
