#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/io/instrument_files.hpp"
#include "tests/io/source_fixture.hpp"

// Files put together byte by byte.
namespace countem::testing_io {

inline void append_frames(std::vector<char>& to, std::uint64_t frames, frame_shape shape) {
  for (std::uint64_t frame = 0; frame < frames; ++frame) append(to, pattern_frame(frame, shape));
}

/// A file in a folder that is made if absent.
inline fs::path put(const fs::path& directory, const std::string& name, const std::vector<char>& bytes) {
  fs::create_directories(directory);
  save(directory / name, bytes);
  return directory / name;
}

/// Pixels of all frames, one after another, as the frames' own type.
template <class Pixel>
std::vector<Pixel> all_pixels(const frame_source& source) {
  frame_batch batch;
  source.read(0, static_cast<std::size_t>(source.info().scan.frames()), batch);
  std::vector<Pixel> all;
  for (const frame_view& frame : batch.frames) {
    const auto pixels = pixels_of<Pixel>(frame);
    all.insert(all.end(), pixels.begin(), pixels.end());
  }
  return all;
}

/// A file that an instrument wrote, kept outside the project; see docs/formats.md.
inline fs::path real_file(const std::string& name) {
  return fs::path(COUNTEM_REAL_DATA) / name;
}

/// ASCII in the forms in which editors save it: UTF-8 with its mark, UTF-16 of both orders with and without theirs.
inline std::vector<std::string> encoded(const std::string& text) {
  std::string little;
  std::string big;
  for (const char letter : text) {
    little += {letter, '\0'};
    big += {'\0', letter};
  }
  return {"\xef\xbb\xbf" + text, "\xff\xfe" + little, "\xfe\xff" + big, little, big};
}

inline void put_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace countem::testing_io
