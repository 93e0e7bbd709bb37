#include "host/engine/figure.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "host/engine/axis_numbers.hpp"
#include "host/engine/stroke_font.hpp"

namespace countem {

namespace {

using engine::black;
using engine::ink;
using engine::letter;
using engine::number_text;
using engine::round_below;
using engine::text_width;
using engine::tick;
using engine::title_letter;

/// Small images are drawn with square blocks of pixels until their longer side has about this length.
constexpr std::uint32_t least_image_side = 320;
constexpr std::uint32_t figure_side = 400;
constexpr std::uint32_t margin = 14;
constexpr std::uint32_t left_of_image = 76;
constexpr std::uint32_t above_image = 42;
constexpr std::uint32_t below_image = 50;
constexpr std::uint32_t bar_gap = 20;
constexpr std::uint32_t bar_width = 16;
constexpr std::uint32_t least_bar_height = 110;
constexpr std::uint32_t bar_to_swatch = 14;
constexpr const char* no_value_words = "no value";

/// Where the parts of a figure lie, in pixels.
struct layout {
  std::uint32_t block;
  std::uint32_t image_height;
  std::uint32_t image_width;
  std::uint32_t plot_height;  ///< of the image or the colour bar, whichever is higher
  std::uint32_t bar_left;
  std::uint32_t height;
  std::uint32_t width;
};

struct bar_number {
  double position;
  std::string text;
};

std::vector<bar_number> bar_numbers(const value_scale& scale) {
  std::vector<bar_number> out{{0, number_text(scale.low())}};
  if (scale.high() > scale.low()) {
    out.push_back({0.5, number_text(scale.value_at(0.5))});
    out.push_back({1, number_text(scale.high())});
  }
  return out;
}

layout arrange(std::uint32_t height, std::uint32_t width, bool has_gaps, const std::vector<bar_number>& numbers,
               const figure_labels& labels) {
  layout places{};
  const std::uint32_t longer = std::max(height, width);
  places.block = std::max(1U, (figure_side + longer / 2) / longer);
  places.image_height = height * places.block;
  places.image_width = width * places.block;
  places.plot_height = std::max(places.image_height, least_bar_height);
  places.bar_left = left_of_image + places.image_width + bar_gap;
  double widest = 0;
  for (const bar_number& one : numbers) widest = std::max(widest, text_width(one.text, letter));
  const double with_bar = places.bar_left + bar_width + 2 * tick + widest + 2.2 * letter;
  const double with_title = left_of_image + text_width(labels.title, title_letter);
  const double with_gaps = has_gaps ? places.bar_left + bar_width + tick + 4 + text_width(no_value_words, letter) : 0;
  places.width = static_cast<std::uint32_t>(std::ceil(std::max({with_bar, with_title, with_gaps}))) + margin;
  const auto label_height = static_cast<std::uint32_t>(text_width(labels.values, letter));
  places.plot_height = std::max(places.plot_height, label_height);
  places.height = above_image + places.plot_height + below_image;
  return places;
}

void fill(picture& drawn, std::uint32_t top, std::uint32_t left, const picture& part) {
  for (std::uint32_t row = 0; row < part.height; ++row) {
    for (std::uint32_t column = 0; column < part.width; ++column) {
      const std::uint8_t* from = part.pixels.data() + (std::size_t{row} * part.width + column) * part.channels;
      std::uint8_t* to = drawn.pixels.data() + (std::size_t{top + row} * drawn.width + left + column) * 3;
      for (std::size_t channel = 0; channel < 3; ++channel) to[channel] = from[part.channels == 3 ? channel : 0];
    }
  }
}

void frame_around(ink& pen, double top, double left, double height, double width) {
  const double t = top - 0.5;
  const double l = left - 0.5;
  pen.line(l, t, l + width + 1, t, 1);
  pen.line(l, t + height + 1, l + width + 1, t + height + 1, 1);
  pen.line(l, t, l, t + height + 1, 1);
  pen.line(l + width + 1, t, l + width + 1, t + height + 1, 1);
}

/// Numbers along one side of the image; `pixels` are those of the image, `place(p, text)` draws one at the middle of pixel p.
template <class Place>
void ticks_along(std::uint32_t pixels, const axis_scale& axis, const layout& places, const figure_labels& labels,
                 const Place& place) {
  const double length = std::max(1.0, (pixels - 1.0) * axis.step);
  const double room = std::max(1.0, pixels * places.block / 70.0);
  double step = round_below(length / room * 1.7);
  if (labels.axis == "pixels" || labels.axis == "positions") step = std::max(1.0, step);
  const double begin = axis.at(-0.5);
  const double end = axis.at(pixels - 0.5);
  constexpr double rounding = 1e-9;
  for (double at = std::ceil(begin / step - rounding) * step; at <= end + rounding * step; at += step) {
    place((axis.index_of(at) + 0.5) * places.block, number_text(std::abs(at) < rounding * step ? 0 : at));
  }
}

void draw_axes(ink& pen, std::uint32_t height, std::uint32_t width, const layout& places, const figure_labels& labels) {
  const double bottom = above_image + places.image_height + 1.0;
  frame_around(pen, above_image, left_of_image, places.image_height, places.image_width);
  ticks_along(width, labels.columns, places, labels, [&](double at, const std::string& text) {
    const double x = left_of_image + at;
    pen.line(x, bottom, x, bottom + tick, 1);
    pen.text(text, {x, bottom + tick + 5 + letter, letter, ink::anchor::middle});
  });
  ticks_along(height, labels.rows, places, labels, [&](double at, const std::string& text) {
    const double y = above_image + at;
    pen.line(left_of_image - 1.0 - tick, y, left_of_image - 1.0, y, 1);
    pen.text(text, {left_of_image - tick - 6, y + letter / 2, letter, ink::anchor::right});
  });
  const double middle = left_of_image + places.image_width / 2.0;
  pen.text("column (" + labels.axis + ")", {middle, bottom + tick + 13 + 2 * letter, letter, ink::anchor::middle});
  const double y = std::max(above_image + places.image_height / 2.0, 8 + text_width("row (" + labels.axis + ")", letter) / 2);
  pen.text("row (" + labels.axis + ")", {margin + letter, y, letter, ink::anchor::middle, true});
}

void draw_bar(picture& drawn, ink& pen, const layout& places, const std::vector<bar_number>& numbers,
              const picture_options& options, const std::string& label) {
  picture bar{places.plot_height, bar_width, 3, {}};
  for (std::uint32_t row = 0; row < bar.height; ++row) {
    const rgb colour = colour_of(options.map, 1 - row / std::max(1.0, bar.height - 1.0));
    for (std::uint32_t column = 0; column < bar.width; ++column)
      bar.pixels.insert(bar.pixels.end(), colour.begin(), colour.end());
  }
  fill(drawn, above_image, places.bar_left, bar);
  frame_around(pen, above_image, places.bar_left, bar.height, bar.width);
  const double right = places.bar_left + bar_width + 1.0;
  double widest = 0;
  for (const bar_number& one : numbers) {
    const double y = above_image + (1 - one.position) * (bar.height - 1.0) + 0.5;
    pen.line(right, y, right + tick, y, 1);
    pen.text(one.text, {right + tick + 4, y + letter / 2, letter});
    widest = std::max(widest, text_width(one.text, letter));
  }
  pen.text(label, {right + tick + 4 + widest + 8 + letter, above_image + bar.height / 2.0, letter, ink::anchor::middle, true});
}

/// Below the colour bar: the colour of pixels without a value.
void draw_swatch(picture& drawn, ink& pen, const layout& places) {
  const std::uint32_t top = above_image + places.plot_height + bar_to_swatch;
  picture swatch{bar_width, bar_width, 3, {}};
  for (std::uint32_t pixel = 0; pixel < bar_width * bar_width; ++pixel)
    swatch.pixels.insert(swatch.pixels.end(), no_value_colour.begin(), no_value_colour.end());
  fill(drawn, top, places.bar_left, swatch);
  frame_around(pen, top, places.bar_left, bar_width, bar_width);
  pen.text(no_value_words, {places.bar_left + bar_width + tick + 4.0, top + (bar_width + letter) / 2, letter});
}

}  // namespace

std::uint32_t block_of(std::uint32_t height, std::uint32_t width) {
  return std::max(1U, least_image_side / std::max({height, width, 1U}));
}

picture enlarged(const picture& small, std::uint32_t factor) {
  picture large{small.height * factor, small.width * factor, small.channels, {}};
  large.pixels.reserve(small.pixels.size() * factor * factor);
  for (std::uint32_t row = 0; row < large.height; ++row) {
    for (std::uint32_t column = 0; column < large.width; ++column) {
      const std::uint8_t* from =
          small.pixels.data() + (std::size_t{row / factor} * small.width + column / factor) * small.channels;
      large.pixels.insert(large.pixels.end(), from, from + small.channels);
    }
  }
  return large;
}

picture draw_figure(std::span<const double> values, std::uint32_t height, std::uint32_t width, const picture_options& options,
                    const figure_labels& labels) {
  const picture image = draw(values, height, width, options);
  const value_scale scale(values, options);
  figure_labels words = labels;
  if (scale.logarithmic()) words.values += ", logarithmic";
  const std::vector<bar_number> numbers = bar_numbers(scale);
  const bool has_gaps = std::ranges::any_of(values, [](double value) { return !std::isfinite(value); });
  const layout places = arrange(height, width, has_gaps, numbers, words);
  picture drawn{places.height, places.width, 3, std::vector<std::uint8_t>(std::size_t{3} * places.height * places.width, 255)};
  fill(drawn, above_image, left_of_image, enlarged(image, places.block));
  ink pen(places.height, places.width);
  pen.text(words.title, {left_of_image, above_image - 16.0, title_letter, ink::anchor::left, false, 2});
  draw_axes(pen, height, width, places, words);
  draw_bar(drawn, pen, places, numbers, options, words.values);
  if (has_gaps) draw_swatch(drawn, pen, places);
  pen.onto(drawn, black);
  return drawn;
}

}  // namespace countem
