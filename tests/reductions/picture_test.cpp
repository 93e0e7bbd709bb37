#include "host/engine/picture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include <countem/error.hpp>

namespace {

using namespace countem;

double lightness(const rgb& colour) {
  const auto linear = [](std::uint8_t level) {
    const double c = level / 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  const double luminance = 0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2]);
  return luminance > 0.008856 ? 116 * std::cbrt(luminance) - 16 : 903.3 * luminance;
}

TEST(colour_map, lightness_rises_evenly) {
  // CIE L* may stray from a straight line by a few units of 100, but never falls.
  const double first = lightness(colour_of(colour_map::perceptual, 0));
  const double last = lightness(colour_of(colour_map::perceptual, 1));
  EXPECT_LT(first, 15);
  EXPECT_GT(last, 85);
  double before = -1;
  for (int i = 0; i <= 64; ++i) {
    const double t = i / 64.0;
    const double here = lightness(colour_of(colour_map::perceptual, t));
    EXPECT_GT(here, before);
    EXPECT_NEAR(here, first + t * (last - first), 6) << t;
    before = here;
  }
}

TEST(colour_map, directions_of_one_strength_look_equally_bright) {
  const double wanted = lightness(direction_colour(0, 0.8));
  for (int i = 0; i < 24; ++i) EXPECT_NEAR(lightness(direction_colour(i * 0.2618, 0.8)), wanted, 8);
}

TEST(draw, robust_limits_ignore_one_hot_pixel) {
  std::vector<double> values(10000, 0);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 100);
  values[5] = 1e9;
  picture_options options;
  options.map = colour_map::gray;
  const picture drawn = draw(values, 100, 100, options);
  EXPECT_EQ(drawn.channels, 1U);
  EXPECT_EQ(drawn.pixels[5], 255);
  EXPECT_EQ(drawn.pixels[99], 255);
  EXPECT_EQ(drawn.pixels[100], 0);
  EXPECT_NEAR(drawn.pixels[50], 128, 2);
}

TEST(draw, logarithm_keeps_zero_at_the_bottom) {
  picture_options options{colour_map::gray, true, 0, 0, {}, {}};
  const picture drawn = draw(std::vector<double>{0, 1, 3, 7, 15, 31}, 1, 6, options);
  // log(1 + v / 1) = 0, 1, 2, 3, 4, 5 binary orders.
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(drawn.pixels[i], 51 * static_cast<int>(i), 1);
}

TEST(draw, what_is_no_number_and_what_is_constant) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const picture drawn = draw(std::vector<double>{nan, 1, 2, 3}, 2, 2, {});
  EXPECT_EQ((rgb{drawn.pixels[0], drawn.pixels[1], drawn.pixels[2]}), (rgb{128, 128, 128}));
  EXPECT_EQ(draw(std::vector<double>(4, nan), 2, 2, {}).pixels, std::vector<std::uint8_t>(12, 128));
  picture_options gray;
  gray.map = colour_map::gray;
  EXPECT_EQ(draw(std::vector<double>(4, 7.0), 2, 2, gray).pixels, std::vector<std::uint8_t>(4, 0));
  EXPECT_THROW(static_cast<void>(draw(std::vector<double>(3), 2, 2, {})), invalid_argument);
  EXPECT_THROW(static_cast<void>(draw({}, 0, 0, {})), invalid_argument);
}

TEST(write_png, is_read_back_by_libpng) {
  const auto path = std::filesystem::path(testing::TempDir()) / "countem_picture.png";
  const picture drawn = draw(std::vector<double>{0, 1, 2, 3, 4, 5}, 2, 3, {});
  write_png(path, drawn);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  ASSERT_NE(png_image_begin_read_from_file(&image, path.c_str()), 0);
  EXPECT_EQ(image.width, 3U);
  EXPECT_EQ(image.height, 2U);
  image.format = PNG_FORMAT_RGB;
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(image));
  ASSERT_NE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr), 0);
  EXPECT_EQ(pixels, drawn.pixels);
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
  std::filesystem::remove(path);
  EXPECT_THROW(write_png("/nonexistent/countem.png", drawn), io_error);
}

}  // namespace
