// Frames that are no file: open_array().
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <countem/array_frames.hpp>
#include <countem/error.hpp>

namespace countem {
namespace {

/// An array of these values, which are frames of 2 x 3 pixels.
template <class T>
array_frames array_of(const std::vector<T>& values, std::string_view type, std::vector<std::uint64_t> extent) {
  return {"array", std::move(extent), type, [values](std::uint64_t first, std::size_t count, std::byte* to) {
            std::memcpy(to, values.data() + first * 6, count * 6 * sizeof(T));
          }};
}

template <class T>
T pixel(const frame_view& frame, std::uint32_t row, std::uint32_t column) {
  T value;
  std::memcpy(&value, frame.row(row) + column * sizeof(T), sizeof(T));
  return value;
}

TEST(ArraySource, GivesFramesAndWhatIsMissing) {
  const auto array = array_of<std::uint16_t>({0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15}, "u16", {2, 2, 3});
  source_options options;
  options.scan = scan_shape{1, 3, 1};
  const auto source = open_array(array, options);
  EXPECT_EQ(source->info().shape, (frame_shape{2, 3}));
  EXPECT_EQ(source->info().missing_frames, 1U);
  ASSERT_EQ(source->info().issues.size(), 1U);
  EXPECT_EQ(source->info().issues[0].text,
            "array: holds 2 whole frames, the scan of 3 x 1 positions (width x height) takes 3; the last ones are missing");
  frame_batch batch;
  source->read(1, 2, batch);
  ASSERT_EQ(batch.frames.size(), 2U);
  EXPECT_EQ(pixel<std::uint16_t>(batch.frames[0], 1, 2), 15U);
  EXPECT_EQ(batch.frames[1].present, 0U);
  EXPECT_THROW(source->read(2, 2, batch), invalid_argument);
}

TEST(ArraySource, ConvertsOrRefuses) {
  frame_batch batch;
  const auto source = open_array(array_of<double>({-1, 0.04, 0, 0, 0, std::nan("")}, "f64", {2, 3}), {});
  source->read(0, 1, batch);
  EXPECT_EQ(batch.frames[0].type, pixel_type::f32);
  EXPECT_EQ(pixel<float>(batch.frames[0], 0, 0), -1.0F);
  EXPECT_EQ(pixel<float>(batch.frames[0], 0, 1), 0.0625F);  // the nearest 1/16
  EXPECT_TRUE(std::isnan(pixel<float>(batch.frames[0], 1, 2)));
  const auto large = open_array(array_of<std::int32_t>({0, 0, 0, 0, (1 << 24) + 1, 0}, "i32", {1, 1, 2, 3}), {});
  try {
    large->read(0, 1, batch);
    ADD_FAILURE();
  } catch (const format_error& refused) {
    EXPECT_NE(std::string(refused.what()).find("array: frame 0, row 1, column 1 is 16777217 (i32)"), std::string::npos);
  }
}

TEST(ArraySource, KeepsFractionsWhereTheyAreAskedForAndScales) {
  source_options options;
  options.keep_fractions = true;
  frame_batch batch;
  open_array(array_of<double>({0.04, 0, 0, 0, 0, 0}, "f64", {2, 3}), options)->read(0, 1, batch);
  EXPECT_EQ(pixel<float>(batch.frames[0], 0, 0), 0.04F);
  options = {};
  options.scale = 0.5;
  open_array(array_of<std::uint8_t>({3, 0, 0, 0, 0, 0}, "u8", {2, 3}), options)->read(0, 1, batch);
  EXPECT_EQ(pixel<float>(batch.frames[0], 0, 0), 1.5F);
}

TEST(ArraySource, RefusesWhatIsNoScan) {
  const auto open = [](std::string_view type, std::vector<std::uint64_t> extent, double scale = 1) {
    source_options options;
    options.scale = scale;
    return open_array({"array", std::move(extent), type, {}}, options);
  };
  EXPECT_THROW(open("c64", {2, 3}), format_error);
  EXPECT_THROW(open("u8", {3}), format_error);
  EXPECT_THROW(open("u8", {0, 2, 3}), format_error);
  EXPECT_THROW(open("u8", {1, 1, 1, 1, 2, 3}), format_error);
  EXPECT_THROW(open("u8", {2, 3}, 0), invalid_argument);
  EXPECT_THROW(open("u8", {2, 3}, std::numeric_limits<double>::infinity()), invalid_argument);
}

TEST(ArraySource, LetsExceptionsThrough) {
  frame_batch batch;
  const auto source = open_array({"array", {1, 2, 3}, "u8", [](auto, auto, auto*) { throw std::runtime_error("tape"); }}, {});
  EXPECT_THROW(source->read(0, 1, batch), std::runtime_error);
}

}  // namespace
}  // namespace countem
