#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/frame_source.hpp>

#include "io/simulated/raw_writer.hpp"
#include "io/sources/camera/format.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::testing_io {

using test::temporary_directory;

namespace fs = std::filesystem;

/// A pixel that encodes its frame, row and column; no two frames, rows or sectors look alike.
inline std::uint16_t pattern(std::uint64_t frame, std::uint64_t row, std::uint64_t column) {
  return static_cast<std::uint16_t>(frame * 7919 + row * 577 + column);
}

inline std::vector<std::uint16_t> pattern_frame(std::uint64_t frame, frame_shape shape) {
  std::vector<std::uint16_t> pixels;
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    for (std::uint32_t column = 0; column < shape.width; ++column) pixels.push_back(pattern(frame, row, column));
  }
  return pixels;
}

inline std::vector<fs::path> write_pattern(const fs::path& directory, const io::raw_scan& what) {
  io::raw_scan replacing = what;
  replacing.rules.existing = existing_file::replaced;
  std::vector<io::output_file> files = io::write_raw(directory, replacing, [&](std::uint64_t frame, std::uint16_t* pixels) {
    const std::vector<std::uint16_t> made = pattern_frame(frame, what.frame);
    std::memcpy(pixels, made.data(), made.size() * sizeof(std::uint16_t));
  });
  return io::finish_all(files);
}

/// The pixels of a frame through row(); rows of a missing band are zero.
template <class Pixel>
std::vector<Pixel> pixels_of(const frame_view& frame) {
  std::vector<Pixel> pixels(frame.shape.pixels());
  for (std::uint32_t y = 0; frame.present != 0 && y < frame.shape.height; ++y) {
    const std::byte* const row = frame.row(y);
    if (row != nullptr) std::memcpy(&pixels[std::size_t{y} * frame.shape.width], row, frame.shape.width * sizeof(Pixel));
  }
  return pixels;
}

/// The pixels of a frame of any type as whole numbers.
inline std::vector<std::uint16_t> numbers_of(const frame_view& frame) {
  const auto all = [](const auto& pixels) {
    std::vector<std::uint16_t> numbers;
    for (const auto pixel : pixels) numbers.push_back(static_cast<std::uint16_t>(pixel));
    return numbers;
  };
  switch (frame.type) {
    case pixel_type::u8: return all(pixels_of<std::uint8_t>(frame));
    case pixel_type::u16: return pixels_of<std::uint16_t>(frame);
    case pixel_type::u32: return all(pixels_of<std::uint32_t>(frame));
    case pixel_type::f32: return all(pixels_of<float>(frame));
  }
  return {};
}

/// The pattern as pixels of this type hold it.
inline std::vector<std::uint16_t> pattern_in(pixel_type type, std::uint64_t frame, frame_shape shape) {
  std::vector<std::uint16_t> pixels = pattern_frame(frame, shape);
  if (type == pixel_type::u8) {
    for (std::uint16_t& pixel : pixels) pixel = static_cast<std::uint8_t>(pixel);
  }
  return pixels;
}

/// Expects frames [0, count) of the source, read in batches of `batch`, to be whole pattern frames.
inline void expect_pattern(const frame_source& source, std::size_t batch_frames = 3) {
  const std::uint64_t frames = source.info().scan.frames();
  frame_batch batch;
  for (std::uint64_t first = 0; first < frames; first += batch_frames) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(batch_frames, frames - first));
    source.read(first, count, batch);
    ASSERT_EQ(batch.first_frame, first);
    ASSERT_EQ(batch.frames.size(), count);
    for (std::size_t at = 0; at < count; ++at) {
      ASSERT_EQ(batch.frames[at].present, all_sectors) << "frame " << first + at;
      ASSERT_FALSE(batch.frames[at].truncated);
      ASSERT_TRUE(numbers_of(batch.frames[at]) == pattern_in(source.info().type, first + at, source.info().shape))
          << "frame " << first + at;
    }
  }
}

inline source_options as(input_format format) {
  source_options options;
  options.format = format;
  return options;
}

inline const source_issue* find_issue(const source_info& info, const std::string& kind) {
  for (const source_issue& issue : info.issues) {
    if (issue.kind == kind) return &issue;
  }
  return nullptr;
}

/// Expects exactly one issue of a kind, with these words in its sentence.
inline void expect_issue(const source_info& info, const std::string& kind, std::uint64_t occurrences,
                         const std::vector<std::string>& words) {
  std::string all;
  for (const source_issue& issue : info.issues) all += "\n  " + issue.kind + ": " + issue.text;
  const source_issue* const found = find_issue(info, kind);
  ASSERT_NE(found, nullptr) << "no issue " << kind << " among:" << all;
  EXPECT_EQ(found->occurrences, occurrences) << all;
  for (const std::string& word : words) EXPECT_THAT(found->text, ::testing::HasSubstr(word));
}

/// One piece of advice, as an error carries it.
inline std::vector<advice> advised(advice_kind kind, const std::string& value = {}) {
  return {{kind, value}};
}

/// Expects an exception of the class whose sentence holds these words and names no option, with this advice where any is given.
template <class Error, class Action>
void expect_error(const Action& action, const std::vector<std::string>& words,
                  const std::optional<std::vector<advice>>& expected = std::nullopt) {
  try {
    action();
    FAIL() << "opened or showed what cannot be read";
  } catch (const Error& problem) {
    for (const std::string& word : words) EXPECT_THAT(problem.what(), ::testing::HasSubstr(word));
    EXPECT_THAT(problem.what(), ::testing::Not(::testing::HasSubstr("--")));
    EXPECT_TRUE(!expected || problem.advised() == *expected) << problem.what();
  }
}

template <class Error>
void expect_error(const std::vector<fs::path>& files, const source_options& options, const std::vector<std::string>& words,
                  const std::optional<std::vector<advice>>& expected = std::nullopt) {
  expect_error<Error>([&] { (void)open_source(files, options); }, words, expected);
}

inline std::vector<char> load(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void save(const fs::path& path, const std::vector<char>& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// Changes the header of one record in place.
template <class Change>
void edit_header(const fs::path& path, std::uint64_t record, input_format format, const Change& change) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto at = static_cast<std::streamoff>(record * io::layout_of(format).record_bytes());
  io::camera_header_image image{};
  file.seekg(at).read(reinterpret_cast<char*>(image.data()), image.size());
  io::camera_header header = io::decode(image);
  change(header);
  image = io::encode(header);
  file.seekp(at).write(reinterpret_cast<const char*>(image.data()), image.size());
  ASSERT_TRUE(file.good());
}

}  // namespace countem::testing_io
