#include "host/engine/image_figure.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "host/engine/figure.hpp"

namespace countem {

namespace {

/// Names of images and their titles; a number may follow a name.
struct named_title {
  std::string_view name;
  std::string_view title;
  bool of_detector = false;  ///< its axes are the detector's, and it is shown logarithmically
};

constexpr std::array titles{
    named_title{"sum", "Sum of all frames", true},       named_title{"maximum", "Maximum of all frames", true},
    named_title{"counts", "Electrons at each position"}, named_title{"com_row", "Centre of mass: row"},
    named_title{"com_column", "Centre of mass: column"}, named_title{"phase", "Integrated centre of mass (phase)"},
    named_title{"bright_field", "Bright field"},         named_title{"dark_field", "Dark field"},
    named_title{"virtual_", "Virtual detector "},        named_title{"weighted_", "Weighted by "},
    named_title{"radial", "Electrons in rings"},         named_title{"phase_error", "Standard error of the phase"},
};

constexpr std::string_view share = "_completeness";

named_title title_of(std::string_view name) {
  const auto* const found = std::find_if(titles.begin(), titles.end(), [&](const named_title& one) {
    return one.name.ends_with('_') ? name.starts_with(one.name) : name == one.name;
  });
  return found == titles.end() ? named_title{name, name} : *found;
}

}  // namespace

picture_options options_for(std::string_view name, std::span<const double> values) {
  picture_options options;
  options.logarithmic = title_of(name).of_detector;
  if (std::any_of(values.begin(), values.end(), [](double value) { return value < 0; })) options.map = colour_map::diverging;
  return options;
}

picture draw_image_figure(const image_words& words, std::span<const double> values, std::uint32_t height, std::uint32_t width) {
  const bool is_share = words.name.ends_with(share);
  const named_title known = title_of(words.name.substr(0, words.name.size() - (is_share ? share.size() : 0)));
  figure_labels labels;
  labels.title = known.title;
  if (known.title.ends_with(' ')) labels.title += words.meaning;
  if (is_share) labels.title = "Completeness: " + std::string(words.meaning);
  labels.values = words.units;
  labels.axis = known.of_detector ? "pixels" : "positions";
  if (!words.axes.units.empty()) {
    labels.axis = words.axes.units;
    labels.rows = words.axes.row;
    labels.columns = words.axes.column;
  }
  return draw_figure(values, height, width, options_for(words.name, values), labels);
}

picture draw_image_plain(const image_words& words, std::span<const double> values, std::uint32_t height, std::uint32_t width) {
  return enlarged(draw(values, height, width, options_for(words.name, values)), block_of(height, width));
}

}  // namespace countem
