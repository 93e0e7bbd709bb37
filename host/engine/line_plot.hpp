#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/engine/picture.hpp"

namespace countem {

/// A curve of a plot. Where x or y is not a finite number the line is interrupted.
struct plot_line {
  std::string name;       ///< in the legend
  std::vector<double> x;  ///< as many as y
  std::vector<double> y;
  rgb colour{};
};

/// The words of a plot.
struct plot_labels {
  std::string title;
  std::string x;  ///< under the horizontal axis, with its unit
  std::string y;  ///< beside the vertical axis, with its unit
};

/// Draws curves over common axes that start at 0 or below the lowest value and end above the highest, with ticks, numbers,
/// titles and a legend above the plot. @throws invalid_argument when x and y of a line differ in length
[[nodiscard]] picture draw_line_plot(std::span<const plot_line> lines, const plot_labels& labels);

}  // namespace countem
