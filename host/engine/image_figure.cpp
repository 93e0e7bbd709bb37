#include "host/engine/image_figure.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "host/engine/figure.hpp"

namespace countem {

namespace {

/// Names of images and their titles.
struct named_title {
  std::string_view name;
  std::string_view title;
  bool of_detector = false;  ///< its axes are the detector's, and it is shown logarithmically
};

constexpr std::array titles{
    named_title{"sum", "Sum of all frames", true},
    named_title{"maximum", "Maximum of all frames", true},
    named_title{"counts", "Electrons at each position"},
    named_title{"counts_corrected", "Electrons at each position, corrected for coincidence loss"},
    named_title{"com", "Centre of mass"},
    named_title{"com_row", "Centre of mass: row"},
    named_title{"com_column", "Centre of mass: column"},
    named_title{"variance_row", "Variance of the electrons' rows"},
    named_title{"variance_column", "Variance of the electrons' columns"},
    named_title{"covariance", "Covariance of the electrons' rows and columns"},
    named_title{"phase", "Integrated centre of mass (phase)"},
    named_title{"bright_field", "Bright field"},
    named_title{"dark_field", "Dark field"},
    named_title{"tilt_corrected", "Tilt-corrected bright field"},
    named_title{"tilt_corrected_electrons", "Electrons of the tilt-corrected bright field"},
    named_title{"tilt_corrected_expected", "Electrons expected without contrast"},
};

/// Names that end with a number: the meaning of the image stands in its place, or, in images about that image, the number does.
constexpr std::array numbered{named_title{"virtual_", "Virtual detector "}, named_title{"weighted_", "Weighted by "}};
constexpr std::array numbered_in_passing{"virtual detector ", "weighted image "};

constexpr std::string_view error_suffix = "_error";
constexpr std::string_view share_suffix = "_completeness";

struct image_title {
  std::string text;
  bool of_detector = false;
  bool is_share = false;
};

/// The title of an image about which another one is: `name` without the suffix.
image_title title_in_passing(std::string_view name) {
  for (std::size_t i = 0; i < numbered.size(); ++i) {
    if (name.starts_with(numbered[i].name)) return {numbered_in_passing[i] + std::string(name.substr(numbered[i].name.size()))};
  }
  const auto* const known = std::ranges::find(titles, name, &named_title::name);
  if (known == titles.end()) return {std::string(name)};
  image_title title{std::string(known->title), known->of_detector};
  title.text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(title.text.front())));
  return title;
}

image_title title_of(std::string_view name, std::string_view meaning) {
  const auto about = [&](std::string_view prefix, std::string_view suffix) {
    image_title title = title_in_passing(name.substr(0, name.size() - suffix.size()));
    title.text.insert(0, prefix);
    return title;
  };
  if (name.ends_with(error_suffix)) return about("Standard error of ", error_suffix);
  if (name.ends_with(share_suffix)) {
    image_title title = about("Completeness: ", share_suffix);
    title.is_share = true;
    return title;
  }
  for (const named_title& one : numbered) {
    if (name.starts_with(one.name)) return {std::string(one.title).append(meaning)};
  }
  const auto* const known = std::ranges::find(titles, name, &named_title::name);
  if (known != titles.end()) return {std::string(known->title), known->of_detector};
  return {std::string(name)};
}

}  // namespace

picture_options options_for(std::string_view name, std::span<const double> values) {
  picture_options options;
  const image_title known = title_of(name, {});
  if (known.is_share) {
    options.low = 0;
    options.high = 1;
    return options;
  }
  options.logarithmic = known.of_detector;
  if (std::any_of(values.begin(), values.end(), [](double value) { return value < 0; })) options.map = colour_map::diverging;
  return options;
}

picture draw_image_figure(const image_words& words, std::span<const double> values, std::uint32_t height, std::uint32_t width) {
  const image_title known = title_of(words.name, words.meaning);
  figure_labels labels;
  labels.title = known.text;
  labels.values = known.is_share ? "share that arrived" : words.units;
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
