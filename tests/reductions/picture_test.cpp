#include "host/engine/picture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>

#include <countem/error.hpp>

#include "host/engine/figure.hpp"
#include "host/engine/image_figure.hpp"
#include "host/engine/line_plot.hpp"
#include "host/engine/stroke_font.hpp"

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

/// A pixel without a value is not taken for one with a value.
TEST(no_value_colour, is_far_from_every_colour_of_a_value) {
  const auto distance = [](const rgb& colour) {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) sum += (colour[i] - no_value_colour[i]) * (colour[i] - no_value_colour[i]);
    return std::sqrt(sum);
  };
  for (int i = 0; i <= 255; ++i) {
    for (const colour_map map : {colour_map::perceptual, colour_map::diverging})
      EXPECT_GT(distance(colour_of(map, i / 255.0)), 50) << static_cast<int>(map) << " at " << i;
    for (int hue = 0; hue < 72; ++hue) EXPECT_GT(distance(direction_colour(hue * std::numbers::pi / 36, i / 255.0)), 30) << i;
  }
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

TEST(colour_map, diverging_is_bright_at_0_and_equally_dark_at_both_ends) {
  EXPECT_GT(lightness(colour_of(colour_map::diverging, 0.5)), 94);
  for (const double side : {0.1, 0.25, 0.5}) {
    const rgb below = colour_of(colour_map::diverging, 0.5 - side);
    const rgb above = colour_of(colour_map::diverging, 0.5 + side);
    EXPECT_NEAR(lightness(below), lightness(above), 6) << side;
    EXPECT_GT(below[2], below[0]);
    EXPECT_GT(above[0], above[2]);
  }
}

TEST(value_scale, of_signed_values_is_centred_at_0) {
  picture_options options;
  options.map = colour_map::diverging;
  options.high_share = 0;
  const value_scale scale(std::vector<double>{-1, 0, 4}, options);
  EXPECT_EQ(scale.low(), -4);
  EXPECT_EQ(scale.high(), 4);
  EXPECT_EQ(scale.position(0), 0.5);
  EXPECT_EQ(scale.position(-1), 0.375);
  EXPECT_EQ(value_scale(std::vector<double>{0, 0}, options).position(0), 0.5);
}

TEST(value_scale, logarithm_is_undone) {
  const value_scale scale(std::vector<double>{0, 2, 6, 14}, {colour_map::gray, true, 0, 0, {}, {}});
  EXPECT_EQ(scale.low(), 0);
  EXPECT_NEAR(scale.high(), 14, 1e-9);
  for (const double value : {0.0, 2.0, 6.0, 14.0}) EXPECT_NEAR(scale.value_at(scale.position(value)), value, 1e-9);
}

TEST(options_for, follow_what_an_image_shows) {
  const std::vector<double> positive{0, 1, 2};
  const std::vector<double> with_signs{-1, std::numeric_limits<double>::quiet_NaN(), 2};
  EXPECT_TRUE(options_for("sum", positive).logarithmic);
  EXPECT_TRUE(options_for("maximum", positive).logarithmic);
  EXPECT_FALSE(options_for("counts", positive).logarithmic);
  EXPECT_EQ(options_for("com_row", positive).map, colour_map::perceptual);
  EXPECT_EQ(options_for("com_row", with_signs).map, colour_map::diverging);
  EXPECT_EQ(options_for("phase", with_signs).map, colour_map::diverging);
}

std::size_t dark_pixels(const picture& drawn, std::uint32_t top, std::uint32_t bottom, std::uint32_t left,
                        std::uint32_t right) {
  std::size_t dark = 0;
  for (std::uint32_t row = top; row < bottom; ++row) {
    for (std::uint32_t column = left; column < right; ++column)
      dark += drawn.pixels[3 * (std::size_t{row} * drawn.width + column)] < 100;
  }
  return dark;
}

TEST(draw_figure, has_words_around_the_image) {
  const std::vector<double> values{0, 1, 2, 3, 4, 5};
  const picture plain = draw_image_plain({"counts", "electrons", ""}, values, 2, 3);
  EXPECT_EQ(plain.width * 2, plain.height * 3);
  const picture figure = draw_image_figure({"counts", "electrons", ""}, values, 2, 3);
  EXPECT_EQ(figure.channels, 3U);
  EXPECT_GT(figure.width, plain.width);
  EXPECT_GT(figure.height, plain.height);
  EXPECT_GT(dark_pixels(figure, 0, 38, 60, figure.width), 100U) << "title";
  EXPECT_GT(dark_pixels(figure, 50, figure.height, 0, 40), 50U) << "row axis";
  EXPECT_GT(dark_pixels(figure, figure.height - 40, figure.height, 60, figure.width), 50U) << "column axis";
  EXPECT_GT(dark_pixels(figure, 40, figure.height - 50, figure.width - 45, figure.width), 50U) << "numbers and unit of the bar";
  // The other title is all that differs.
  const picture other = draw_image_figure({"dark_field", "electrons", ""}, values, 2, 3);
  EXPECT_NE(figure.pixels, other.pixels);
  EXPECT_THROW(static_cast<void>(draw_image_figure({"sum", "", ""}, values, 3, 3)), invalid_argument);
}

/// Titles of images about other images; two figures are equal where their titles are.
TEST(draw_figure, names_errors_and_completeness) {
  const std::vector<double> values{0, 0.5, 1, 0.25};
  const auto titled = [&](std::string_view name, std::string_view meaning) {
    return draw_image_figure({name, "1", meaning}, values, 2, 2);
  };
  const auto plain = [&](std::string_view title, bool of_detector = false, bool is_share = false) {
    figure_labels labels;
    labels.title = title;
    labels.values = is_share ? "share that arrived" : "1";
    labels.axis = of_detector ? "pixels" : "positions";
    picture_options options;
    if (is_share) {
      options.low = 0;
      options.high = 1;
    }
    return draw_figure(values, 2, 2, options, labels).pixels;
  };
  EXPECT_EQ(titled("virtual_3", "disk:30").pixels, plain("Virtual detector disk:30"));
  EXPECT_EQ(titled("virtual_3_corrected", "disk:30, corrected").pixels, plain("Virtual detector disk:30, corrected"));
  EXPECT_EQ(titled("virtual_3_error", "standard error of virtual_3").pixels, plain("Standard error of virtual detector 3"));
  EXPECT_EQ(titled("weighted_0_error", "").pixels, plain("Standard error of weighted image 0"));
  EXPECT_EQ(titled("com_row_error", "").pixels, plain("Standard error of centre of mass: row"));
  EXPECT_EQ(titled("variance_row", "").pixels, plain("Variance of the electrons' rows"));
  EXPECT_EQ(titled("covariance", "").pixels, plain("Covariance of the electrons' rows and columns"));
  EXPECT_EQ(titled("phase_error", "").pixels, plain("Standard error of integrated centre of mass (phase)"));
  EXPECT_EQ(titled("com_completeness", "").pixels, plain("Completeness: centre of mass", false, true));
  EXPECT_EQ(titled("sum_completeness", "").pixels, plain("Completeness: sum of all frames", true, true));
  EXPECT_EQ(titled("virtual_0_completeness", "").pixels, plain("Completeness: virtual detector 0", false, true));
  EXPECT_EQ(titled("counts_corrected", "electrons, corrected").pixels,
            plain("Electrons at each position, corrected for coincidence loss"));
}

TEST(draw_figure, a_thousand_is_written_with_its_digits) {
  // The widest number of the colour bar decides how wide the figure is.
  picture_options options;
  options.high_share = 0;
  const auto width_up_to = [&](double high) { return draw_figure(std::vector<double>{0, high}, 1, 2, options, {}).width; };
  ASSERT_EQ(engine::text_width("1000", 11), engine::text_width("1004", 11));
  EXPECT_EQ(width_up_to(1000), width_up_to(1004));
  EXPECT_LT(width_up_to(1000), width_up_to(1e6)) << "1e+06";
}

TEST(draw_figure, every_size_and_no_number_at_all) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const std::uint32_t height : {1U, 2U, 7U, 300U}) {
    for (const std::uint32_t width : {1U, 3U, 900U}) {
      const picture figure = draw_image_figure({"phase", "pixels * steps", ""},
                                               std::vector<double>(std::size_t{height} * width, nan), height, width);
      EXPECT_EQ(figure.pixels.size(), std::size_t{3} * figure.height * figure.width);
    }
  }
}

std::size_t pixels_of(const picture& drawn, rgb colour, std::uint32_t top, std::uint32_t bottom, std::uint32_t left,
                      std::uint32_t right) {
  std::size_t count = 0;
  for (std::uint32_t row = top; row < bottom; ++row) {
    for (std::uint32_t column = left; column < right; ++column) {
      const std::uint8_t* at = drawn.pixels.data() + (std::size_t{row} * drawn.width + column) * 3;
      count += std::equal(colour.begin(), colour.end(), at);
    }
  }
  return count;
}

TEST(draw_figure, names_the_colour_of_what_has_no_value) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> whole{0, 1, 2, 3};
  const std::vector<double> with_gap{0, nan, 2, 3};
  const picture without = draw_image_figure({"counts", "electrons", ""}, whole, 2, 2);
  const picture with = draw_image_figure({"counts", "electrons", ""}, with_gap, 2, 2);
  ASSERT_EQ(with.height, without.height);
  EXPECT_EQ(pixels_of(without, no_value_colour, 0, without.height, 480, without.width), 0U);
  EXPECT_GT(pixels_of(with, no_value_colour, with.height - 50, with.height, 480, with.width), 150U) << "below the colour bar";
  EXPECT_GT(dark_pixels(with, with.height - 38, with.height - 18, 520, with.width), 40U) << "its words";
  EXPECT_EQ(dark_pixels(without, with.height - 38, with.height - 18, 520, without.width), 0U);
}

TEST(draw_line_plot, curves_lie_where_their_values_are) {
  constexpr rgb blue{0, 0, 200};
  constexpr rgb red{200, 0, 0};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const plot_line lines[] = {{"high", {0, 1}, {1, 1}, blue}, {"low", {0, 0.25, 0.5, 0.75, 1}, {0.5, 0.5, nan, 0.5, 0.5}, red}};
  const picture plot = draw_line_plot(lines, {"title", "x", "y"});
  ASSERT_EQ(plot.channels, 3U);
  ASSERT_EQ(plot.pixels.size(), std::size_t{3} * plot.width * plot.height);
  // The plot lies between rows 72 (1) and 362 (0), columns 72 (0) and 578 (1); the legend above it.
  EXPECT_GT(pixels_of(plot, blue, 71, 74, 72, 578), 400U);
  EXPECT_EQ(pixels_of(plot, blue, 80, plot.height, 0, plot.width), 0U);
  EXPECT_GT(pixels_of(plot, red, 215, 220, 72, 578), 200U);
  EXPECT_EQ(pixels_of(plot, red, 215, 220, 210, 440), 0U) << "no line through what is not a number";
  for (const rgb colour : {blue, red}) EXPECT_GT(pixels_of(plot, colour, 40, 60, 0, plot.width), 10U) << "legend";
  EXPECT_GT(dark_pixels(plot, 10, 30, 60, 200), 20U) << "title";
  EXPECT_GT(dark_pixels(plot, 366, 400, 60, 590), 60U) << "numbers of the horizontal axis";
  EXPECT_GT(dark_pixels(plot, 60, 370, 40, 70), 60U) << "numbers of the vertical axis";
}

TEST(draw_line_plot, nothing_finite_and_contradicting_lengths) {
  const double infinity = std::numeric_limits<double>::infinity();
  const plot_line nothing[] = {{"none", {0, infinity}, {infinity, 1}, {}}};
  EXPECT_EQ(draw_line_plot(nothing, {}).channels, 3U);
  EXPECT_EQ(draw_line_plot({}, {}).channels, 3U);
  const plot_line wrong[] = {{"wrong", {0, 1}, {1}, {}}};
  EXPECT_THROW(static_cast<void>(draw_line_plot(wrong, {})), invalid_argument);
}

TEST(stroke_font, widths_add_up_and_every_character_leaves_ink) {
  using engine::text_width;
  EXPECT_EQ(text_width("", 12), 0);
  EXPECT_GT(text_width("ab", 12), text_width("a", 12) + text_width("b", 12));
  EXPECT_DOUBLE_EQ(text_width("AB", 24), 2 * text_width("AB", 12));
  for (char c = '!'; c <= '~'; ++c) {
    picture sheet{30, 30, 3, std::vector<std::uint8_t>(2700, 255)};
    engine::ink pen(30, 30);
    pen.text(std::string(1, c), {8, 22, 12});
    pen.onto(sheet, {0, 0, 0});
    EXPECT_GT(dark_pixels(sheet, 0, 30, 0, 30), 0U) << c;
  }
  picture sheet{30, 30, 3, std::vector<std::uint8_t>(2700, 255)};
  engine::ink pen(30, 30);
  pen.text("\xff\xc3", {8, 22, 12});  // bytes that are no UTF-8
  pen.onto(sheet, {0, 0, 0});
  EXPECT_GT(dark_pixels(sheet, 0, 30, 0, 30), 0U);
}

}  // namespace
