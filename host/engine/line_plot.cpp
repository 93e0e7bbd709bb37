#include "host/engine/line_plot.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <countem/error.hpp>

#include "host/engine/axis_numbers.hpp"
#include "host/engine/stroke_font.hpp"

namespace countem {

namespace {

using engine::black;
using engine::ink;
using engine::letter;
using engine::number_text;
using engine::text_width;
using engine::tick;
using engine::title_letter;

constexpr std::uint32_t height = 420;
constexpr std::uint32_t width = 600;
constexpr double left = 72;
constexpr double right = 578;
constexpr double top = 72;
constexpr double bottom = 362;
constexpr double legend_line = 24;
constexpr double legend_gap = 22;
constexpr double legend_y = 50;
constexpr double most_ticks = 6;
constexpr rgb faint{222, 226, 232};

/// Values along an axis and where they are drawn.
struct axis {
  double low = 0;
  double high = 1;
  double step = 0.2;
  double from = 0;
  double to = 1;

  [[nodiscard]] double at(double value) const { return from + (value - low) / (high - low) * (to - from); }
  [[nodiscard]] std::vector<double> ticks() const {
    std::vector<double> values;
    for (double n = std::round(low / step); n * step <= high + step * 1e-6; ++n) values.push_back(n * step);
    return values;
  }
};

/// Holds all values and 0, and ends at ticks.
axis axis_of(std::span<const plot_line> lines, std::vector<double> plot_line::*values, double from, double to) {
  double low = 0;
  double high = 0;
  for (const plot_line& line : lines) {
    for (const double value : line.*values) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (!(high > low)) high = low + 1;
  axis out{low, high, engine::round_below((high - low) / most_ticks * 1.7), from, to};
  out.low = std::floor(low / out.step + 1e-6) * out.step;
  out.high = std::ceil(high / out.step - 1e-6) * out.step;
  return out;
}

void draw_frame(ink& pen, const axis& x, const axis& y, const plot_labels& labels) {
  pen.line(left, top, right, top, 1);
  pen.line(left, bottom, right, bottom, 1);
  pen.line(left, top, left, bottom, 1);
  pen.line(right, top, right, bottom, 1);
  for (const double value : x.ticks()) {
    pen.line(x.at(value), bottom, x.at(value), bottom + tick, 1);
    pen.text(number_text(value), {x.at(value), bottom + tick + 5 + letter, letter, ink::anchor::middle});
  }
  for (const double value : y.ticks()) {
    pen.line(left - tick, y.at(value), left, y.at(value), 1);
    pen.text(number_text(value), {left - tick - 4, y.at(value) + letter / 2, letter, ink::anchor::right});
  }
  pen.text(labels.title, {left, 26, title_letter, ink::anchor::left, false, 2});
  pen.text(labels.x, {(left + right) / 2, bottom + tick + 16 + 2 * letter, letter, ink::anchor::middle});
  pen.text(labels.y, {14 + letter, (top + bottom) / 2, letter, ink::anchor::middle, true});
}

void draw_grid(ink& pen, const axis& x, const axis& y) {
  for (const double value : x.ticks()) pen.line(x.at(value), top, x.at(value), bottom, 1);
  for (const double value : y.ticks()) pen.line(left, y.at(value), right, y.at(value), 1);
}

void draw_curve(ink& pen, const plot_line& line, const axis& x, const axis& y) {
  const auto exists = [&](std::size_t at) { return std::isfinite(line.x[at]) && std::isfinite(line.y[at]); };
  for (std::size_t at = 1; at < line.x.size(); ++at) {
    if (exists(at - 1) && exists(at))
      pen.line(x.at(line.x[at - 1]), y.at(line.y[at - 1]), x.at(line.x[at]), y.at(line.y[at]), 2);
  }
}

}  // namespace

picture draw_line_plot(std::span<const plot_line> lines, const plot_labels& labels) {
  for (const plot_line& line : lines) {
    if (line.x.size() != line.y.size()) throw invalid_argument("plot: a line has more numbers along one axis than the other");
  }
  const axis x = axis_of(lines, &plot_line::x, left, right);
  const axis y = axis_of(lines, &plot_line::y, bottom, top);
  picture drawn{height, width, 3, std::vector<std::uint8_t>(std::size_t{3} * height * width, 255)};
  ink grid(height, width);
  draw_grid(grid, x, y);
  grid.onto(drawn, faint);
  ink frame(height, width);
  draw_frame(frame, x, y, labels);
  std::vector<double> legend{left};
  for (const plot_line& line : lines) {
    frame.text(line.name, {legend.back() + legend_line + 6, legend_y + letter / 2, letter});
    legend.push_back(legend.back() + legend_line + 6 + text_width(line.name, letter) + legend_gap);
  }
  frame.onto(drawn, black);
  for (std::size_t at = 0; at < lines.size(); ++at) {
    ink curve(height, width);
    draw_curve(curve, lines[at], x, y);
    curve.line(legend[at], legend_y, legend[at] + legend_line, legend_y, 2);
    curve.onto(drawn, lines[at].colour);
  }
  return drawn;
}

}  // namespace countem
