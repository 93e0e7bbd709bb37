#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include <countem/parallax.hpp>

namespace countem {

namespace {

std::vector<image_attribute> attributes_of(const parallax_result& result) {
  std::vector<image_attribute> attributes;
  const auto add = [&](std::string name, double value) { attributes.push_back({std::move(name), value}); };
  for (const aberration& term : result.aberrations) {
    const std::string unit = result.in_nm ? "_nm" : "";
    const bool round = term.symmetry == 0;
    const std::string cosine = name_of(term) + (round ? "" : "a");
    add(cosine + unit, term.a);
    add(cosine + unit + "_error", term.a_error);
    if (round) continue;
    add(name_of(term) + "b" + unit, term.b);
    add(name_of(term) + "b" + unit + "_error", term.b_error);
  }
  add("scan_rotation_degrees", result.rotation.degrees);
  add("scan_rotation_degrees_error", result.rotation_error_degrees);
  attributes.push_back({"scan_rotation_flip", std::string(result.rotation.flip ? "yes" : "no")});
  add("largest_shift_steps", result.largest_shift);
  add("measured_shift_error_steps", result.measured_error);
  add("score", result.score);
  add("other_hand_score", result.other_hand_score);
  add("centre_row", result.beam.centre.row);
  add("centre_column", result.beam.centre.column);
  add("bright_field_radius", result.bright_field);
  attributes.push_back({"cells_per_step", std::uint64_t{result.upsample}});
  return attributes;
}

}  // namespace

std::vector<saved_image> images_of(const parallax_result& result) {
  const std::vector<std::uint64_t> cells{std::uint64_t{result.upsample} * result.scan.height,
                                         std::uint64_t{result.upsample} * result.scan.width};
  std::vector<double> corrected;
  std::vector<double> error;
  for (std::size_t cell = 0; cell < result.expected.size(); ++cell) {
    const double expected = result.expected[cell];
    const bool reached = expected > 0;
    const double unknown = std::numeric_limits<double>::quiet_NaN();
    corrected.push_back(reached ? result.electrons[cell] / expected : unknown);
    // Where nothing was counted, the error of one electron is not 0: that of what is expected.
    error.push_back(reached ? std::sqrt(std::max<double>(result.electrons[cell], expected)) / expected : unknown);
  }
  std::vector<double> shifts;
  std::vector<double> electrons;
  for (const bright_field_group& group : result.groups) {
    shifts.insert(shifts.end(),
                  {group.row, group.column, group.measured_row, group.measured_column, group.fitted_row, group.fitted_column});
    electrons.push_back(group.electrons);
  }
  const std::vector<image_attribute> attributes = attributes_of(result);
  std::vector<saved_image> images{
      {"tilt_corrected", cells, std::move(corrected), "",
       "bright field, each electron displaced by the aberrations at its pixel, over what is expected without contrast; NaN "
       "where no pixel reaches",
       attributes},
      {"tilt_corrected_error", cells, std::move(error), "", "standard error of tilt_corrected by counting statistics",
       attributes},
      {"tilt_corrected_electrons", cells, result.electrons, "electrons", "electrons of tilt_corrected", attributes},
      {"tilt_corrected_expected", cells, result.expected, "electrons", "electrons expected without contrast", attributes},
      {"bright_field_shifts",
       {result.groups.size(), 3, 2},
       std::move(shifts),
       "pixels, steps, steps",
       "rows and columns of each group of detector pixels: its place from the centre, the displacement measured, the "
       "displacement fitted",
       attributes},
      {"bright_field_electrons",
       {result.groups.size()},
       std::move(electrons),
       "electrons",
       "electrons of each group of detector pixels in the positions that the fit used",
       attributes}};
  for (saved_image& image : images) {
    if (image.extent.size() == 2) image.axes = result.axes;
  }
  return images;
}

}  // namespace countem
