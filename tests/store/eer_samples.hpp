#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// EER files put together bit by bit and byte by byte.
namespace countem::test {

/// Numbers of so many bits each, from the lowest bit on.
inline std::string packed_bits(std::initializer_list<std::pair<std::uint32_t, unsigned>> numbers) {
  std::string bytes;
  unsigned at = 0;
  for (const auto& [number, bits] : numbers) {
    for (unsigned bit = 0; bit < bits; ++bit, ++at) {
      if (at % 8 == 0) bytes.push_back(0);
      bytes.back() = static_cast<char>(static_cast<unsigned char>(bytes.back()) | (number >> bit & 1U) << at % 8);
    }
  }
  return bytes;
}

struct tiff_directory {
  std::uint16_t compression = 65001;
  std::vector<std::string> strips{};
  std::uint32_t height = 2;
  std::uint32_t width = 4;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> numbers{};  ///< tags of the camera's maker
  std::string metadata{};                                          ///< tag 65001
  bool in_tiles = false;                                           ///< of the height and width of the frame
};

/// A classic TIFF.
inline std::string tiff_file(const std::vector<tiff_directory>& directories) {
  std::string file("II*\0\0\0\0\0", 8);
  const auto append = [&](auto number) { file.append(reinterpret_cast<const char*>(&number), sizeof number); };
  const auto here = [&] { return static_cast<std::uint32_t>(file.size()); };
  std::size_t link = 4;
  for (const tiff_directory& directory : directories) {
    std::vector<std::uint32_t> offsets;
    for (const std::string& strip : directory.strips) {
      offsets.push_back(here());
      file += strip;
    }
    const auto strips = static_cast<std::uint32_t>(offsets.size());
    const std::uint32_t lists = here();
    for (const std::uint32_t offset : offsets) append(offset);
    for (const std::string& strip : directory.strips) append(static_cast<std::uint32_t>(strip.size()));
    const std::uint32_t text = here();
    file += directory.metadata;
    const std::uint32_t begin = here();
    std::memcpy(file.data() + link, &begin, sizeof begin);

    constexpr std::uint16_t bytes = 1;
    constexpr std::uint16_t u16 = 3;
    constexpr std::uint16_t u32 = 4;
    const auto entry = [&](std::uint16_t tag, std::uint16_t type, std::uint32_t count, std::uint32_t value) {
      append(tag), append(type), append(count), append(value);
    };
    append(static_cast<std::uint16_t>((directory.in_tiles ? 9 : 7) + directory.numbers.size() +
                                      (directory.metadata.empty() ? 0 : 1)));
    entry(256, u32, 1, directory.width);
    entry(257, u32, 1, directory.height);
    entry(258, u16, 1, 1);
    entry(259, u16, 1, directory.compression);
    const std::uint32_t places = strips == 1 ? offsets[0] : lists;
    const std::uint32_t sizes = strips == 1 ? static_cast<std::uint32_t>(directory.strips[0].size()) : lists + 4 * strips;
    if (directory.in_tiles) {
      entry(278, u32, 1, 1);
      entry(322, u32, 1, directory.width);
      entry(323, u32, 1, directory.height);
      entry(324, u32, strips, places);
      entry(325, u32, strips, sizes);
    } else {
      entry(273, u32, strips, places);
      entry(278, u32, 1, strips == 0 ? 1 : (directory.height + strips - 1) / strips);
      entry(279, u32, strips, sizes);
    }
    if (!directory.metadata.empty()) entry(65001, bytes, static_cast<std::uint32_t>(directory.metadata.size()), text);
    for (const auto& [tag, number] : directory.numbers) entry(tag, u16, 1, number);
    link = file.size();
    append(std::uint32_t{0});
  }
  return file;
}

/// Of a frame of 2 x 4 pixels with runs of 7 bits: electrons at pixel 1, sub-pixel column 3 and row 0, and at pixel 6, column 0
/// and row 2. Places in a pixel are stored with their upper bit turned.
inline std::string two_electrons() {
  return packed_bits({{1, 7}, {1, 2}, {2, 2}, {4, 7}, {2, 2}, {0, 2}, {1, 7}});
}
/// The same with one run over all pixels.
inline std::string no_electrons() {
  return packed_bits({{8, 7}});
}

}  // namespace countem::test
