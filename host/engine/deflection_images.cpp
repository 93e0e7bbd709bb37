#include "host/engine/deflection_images.hpp"

#include <cmath>
#include <utility>

#include <countem/phase.hpp>
#include <countem/scan_rotation.hpp>
#include <countem/scan_window.hpp>

#include "host/engine/centre_scatter.hpp"

namespace countem::engine {

namespace {

std::string yes_or_no(bool is) {
  return is ? "yes" : "no";
}

/// The electrons of the positions that the descan is fitted from; 0 elsewhere.
std::vector<double> descan_weights(const std::vector<double>& electrons, const std::string& from, const scan_shape& scan) {
  if (from.empty()) return electrons;
  const index_ranges part = parse_ranges(from, scan.height, scan.width);
  std::vector<double> weights(electrons.size());
  for (std::size_t r = part.row; r < part.row_end; ++r) {
    for (std::size_t c = part.column; c < part.column_end; ++c) weights[r * scan.width + c] = electrons[r * scan.width + c];
  }
  return weights;
}

double weighted_mean(const std::vector<double>& map, const std::vector<double>& weights) {
  double sum = 0;
  double all = 0;
  for (std::size_t p = 0; p < map.size(); ++p) {
    if (!(weights[p] > 0)) continue;
    sum += weights[p] * map[p];
    all += weights[p];
  }
  return all > 0 ? sum / all : 0;
}

void subtract(deflection& maps, detector_point point) {
  for (double& row : maps.row) row -= point.row;
  for (double& column : maps.column) column -= point.column;
}

detector_point mean_of(const scan_deflections& deflected) {
  return {weighted_mean(deflected.maps.row, deflected.electrons), weighted_mean(deflected.maps.column, deflected.electrons)};
}

void move_origin(scan_deflections& deflected, const reduction_plan& plan, detector_point centre, const scan_shape& scan) {
  switch (plan.origin) {
    case deflection_origin::corner: break;
    case deflection_origin::centre:
      subtract(deflected.maps, centre);
      deflected.meaning += " relative to the centre";
      break;
    case deflection_origin::descan:
      subtract_plane(deflected.maps, scan, descan_weights(deflected.electrons, plan.deflections.descan_from, scan));
      deflected.meaning += ", the scan's descan plane subtracted";
      break;
  }
}

void add_finding(std::vector<image_attribute>& attributes, const found_rotation& found) {
  attributes.push_back({"scan_rotation_found", yes_or_no(found.is_found)});
  attributes.push_back({"scan_rotation_standard_error_degrees", found.standard_error_degrees});
  attributes.push_back({"scan_rotation_curl_ratio", found.curl_ratio});
  attributes.push_back({"scan_rotation_flip_found", yes_or_no(found.flip_is_found)});
  attributes.push_back({"scan_rotation_sign_found", yes_or_no(found.sign_is_found)});
  attributes.push_back({"scan_rotation_skewness", found.skewness});
  attributes.push_back({"scan_rotation_description", describe(found) + (found.is_found ? "" : "; detector axes are kept")});
}

/// From detector axes to scan axes, where that is asked for and possible.
void turn_axes(scan_deflections& deflected, const reduction_plan& plan, const scan_shape& scan) {
  const deflection_options& options = plan.deflections;
  if (!options.find_rotation && !options.rotation_degrees && !options.flip) return;
  scan_rotation rotation{options.rotation_degrees.value_or(0), options.flip.value_or(false)};
  bool known = true;
  if (options.find_rotation) {
    const found_rotation found = find_scan_rotation(deflected.maps, deflected.electrons, scan, options.flip);
    add_finding(deflected.attributes, found);
    rotation = found.rotation;
    known = found.is_found;
  }
  deflected.attributes.push_back({"scan_rotation_degrees", rotation.degrees});
  deflected.attributes.push_back({"scan_rotation_flip", yes_or_no(rotation.flip)});
  if (!known) {
    deflected.meaning += ", in detector axes: no scan rotation was found";
    return;
  }
  // A place on the detector cannot be turned, a deflection can.
  if (plan.origin == deflection_origin::corner) {
    subtract(deflected.maps, mean_of(deflected));
    deflected.meaning += " relative to their mean";
  }
  turn(deflected.maps, rotation);
  for (place_covariance& one : deflected.scatter) one = turned(one, rotation);
  for (place_covariance& one : deflected.error) one = turned(one, rotation);
  deflected.meaning += ", in scan axes";
}

std::vector<place_covariance> in_pixels(std::vector<place_covariance> cells, const store_geometry& geometry) {
  const double area = geometry.row.step * geometry.column.step;
  for (place_covariance& one : cells) one = {one.row_row * area, one.row_column * area, one.column_column * area};
  return cells;
}

}  // namespace

scan_deflections deflections_of(const reduction_result& result, const reduction_plan& plan, const store_geometry& geometry,
                                detector_point centre, const scan_shape& scan) {
  scan_deflections deflected;
  deflected.maps = deflections(result);
  for (double& row : deflected.maps.row) row = geometry.row.at(row);
  for (double& column : deflected.maps.column) column = geometry.column.at(column);
  deflected.electrons = electrons_of(result);
  if (plan.second_moments) deflected.scatter = in_pixels(scatter_of_events(result), geometry);
  if (plan.errors) deflected.error = in_pixels(scatter_of_centres(result), geometry);
  deflected.meaning = " of the centre of mass";
  if (plan.com_within) deflected.meaning += " within " + plan.com_within->detector.name;
  move_origin(deflected, plan, centre, scan);
  turn_axes(deflected, plan, scan);
  deflected.meaning += "; NaN without electrons";
  deflected.from_mean = deflected.maps;
  if (plan.origin == deflection_origin::corner) subtract(deflected.from_mean, mean_of(deflected));
  return deflected;
}

std::vector<saved_image> deflection_images(const scan_deflections& deflected, const scan_shape& scan) {
  const std::vector<std::uint64_t> extent{scan.height, scan.width};
  const auto map = [&](std::string name, std::vector<double> values, const char* units, std::string meaning) {
    return saved_image{std::move(name), extent, std::move(values), units, std::move(meaning), deflected.attributes};
  };
  std::vector<saved_image> images{map("com_row", deflected.maps.row, "pixels", "row" + deflected.meaning),
                                  map("com_column", deflected.maps.column, "pixels", "column" + deflected.meaning)};
  const auto element = [](const std::vector<place_covariance>& of, double place_covariance::*which) {
    std::vector<double> values;
    for (const place_covariance& one : of) values.push_back(one.*which);
    return values;
  };
  const auto roots = [](std::vector<double> variances) {
    for (double& value : variances) value = std::sqrt(value);
    return variances;
  };
  if (!deflected.error.empty()) {
    const std::string meaning = ", from the scatter of the position's electrons; NaN below two";
    images.push_back(map("com_row_error", roots(element(deflected.error, &place_covariance::row_row)), "pixels",
                         "standard error of com_row" + meaning));
    images.push_back(map("com_column_error", roots(element(deflected.error, &place_covariance::column_column)), "pixels",
                         "standard error of com_column" + meaning));
  }
  if (!deflected.scatter.empty()) {
    const auto add = [&](const char* name, double place_covariance::*which, const std::string& what) {
      images.push_back(map(name, element(deflected.scatter, which), "pixels^2", what + " of one electron; NaN below two"));
    };
    add("variance_row", &place_covariance::row_row, "variance of the row");
    add("variance_column", &place_covariance::column_column, "variance of the column");
    add("covariance", &place_covariance::row_column, "covariance of row and column");
  }
  return images;
}

std::vector<saved_image> phase_images(const scan_deflections& deflected, const deflection_options& options,
                                      const scan_shape& scan, double scan_step, image_detail detail) {
  integrated_phase integrated =
      integrate(deflected.from_mean, deflected.electrons, scan, options.edges, options.high_pass, detail == image_detail::full);
  const double scale = options.scale.is_given() ? options.scale.radians() * scan_step : 1;
  for (double& value : integrated.phase) value *= scale;
  for (double& value : integrated.error) value *= scale;
  const std::string units = options.scale.is_given() ? "rad" : "pixels * steps";
  auto attributes = deflected.attributes;
  attributes.push_back({"phase_edges", std::string(word_of(options.edges))});
  attributes.push_back({"phase_high_pass", options.high_pass});
  attributes.push_back({"units_per_pixel_and_step", scale});
  attributes.push_back({"typical_error", integrated.typical_error * scale});
  attributes.push_back({"single_electron_error", integrated.single_error});
  const std::vector<std::uint64_t> extent{scan.height, scan.width};
  return {{"phase", extent, std::move(integrated.phase), units,
           "integrated centre of mass (differential phase contrast); NaN where it is unknown", attributes},
          {"phase_error", extent, std::move(integrated.error), units, "standard error of the phase; NaN where it is unknown",
           attributes}};
}

}  // namespace countem::engine
