#include "host/cli/report/centre_content.hpp"

#include <cmath>

#include "host/cli/report/cells.hpp"
#include "host/engine/deflection_images.hpp"

namespace countem::cli::report {

namespace {

/// The sums of the used positions, those of a cell added up.
reduction_result in_cells(const reduction_result& result, const std::vector<double>& used, const scan_shape& scan,
                          frame_shape shape, std::uint32_t stride) {
  reduction_result cut;
  cut.moments.resize(cells(scan, stride).positions());
  cut.second_moments.resize(cut.moments.size());
  for_cells(scan, stride, [&](std::size_t position, std::size_t cell) {
    if (!std::isfinite(used[position])) return;
    cut.moments[cell] += result.moments[position];
    add_moments(cut.second_moments[cell], result.second_moments[position], shape);
  });
  return cut;
}

std::vector<double> electrons_of(const reduction_result& result) {
  std::vector<double> electrons;
  for (const event_moments& moments : result.moments) electrons.push_back(static_cast<double>(moments.events));
  return electrons;
}

/// What was found is that of single positions also where cells are blocks of them, as in countem reduce.
shown_axes axes_of(const reduction_result& positions, const deflection_options& wanted, const scan_shape& scan) {
  shown_axes axes;
  axes.found = find_scan_rotation(deflections(positions), electrons_of(positions), scan, wanted.flip);
  axes.flip_is_given = wanted.flip.has_value();
  if (wanted.find_rotation) {
    axes.is_turned = axes.found.is_found;
    axes.rotation = axes.found.rotation;
  } else if (wanted.rotation_degrees || wanted.flip.value_or(false)) {
    axes.is_turned = axes.is_given = true;
    axes.rotation = {wanted.rotation_degrees.value_or(0), wanted.flip.value_or(false)};
  }
  return axes;
}

}  // namespace

centre_content centres_of(const reduction_result& result, const std::vector<double>& used, const deflection_options& axes,
                          const scan_shape& scan, frame_shape shape, std::uint32_t stride) {
  centre_content content;
  content.axes = axes_of(in_cells(result, used, scan, shape, 1), axes, scan);
  reduction_plan plan = empty_plan();
  plan.centre_of_mass = true;
  plan.errors = true;
  if (content.axes.is_turned) {
    plan.deflections.rotation_degrees = content.axes.rotation.degrees;
    plan.deflections.flip = content.axes.rotation.flip;
  }
  const scan_shape maps = cells(scan, stride);
  engine::scan_deflections deflected =
      engine::deflections_of(in_cells(result, used, scan, shape, stride), plan, store_geometry{}, {}, maps);
  content.row_plane = fit_plane(deflected.from_mean.row, maps, deflected.electrons);
  content.column_plane = fit_plane(deflected.from_mean.column, maps, deflected.electrons);
  content.maps = std::move(deflected.from_mean);
  for (const place_covariance& one : deflected.error) {
    content.errors.row.push_back(std::sqrt(one.row_row));
    content.errors.column.push_back(std::sqrt(one.column_column));
  }
  return content;
}

}  // namespace countem::cli::report
