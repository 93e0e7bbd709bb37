#include <countem/result_images.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include <countem/deflection.hpp>

namespace countem {

namespace {

std::string in_rings(double step) {
  return " in each ring around the centre, " + std::to_string(step) + " pixels wide";
}

/// The maps, and their meaning, which follows "row" or "column".
std::pair<deflection, std::string> deflections_from(deflection_origin origin, detector_point centre,
                                                    const reduction_result& result, const scan_shape& scan) {
  deflection maps = deflections(result);
  std::string what = " of the centre of mass";
  switch (origin) {
    case deflection_origin::corner: break;
    case deflection_origin::centre:
      for (double& row : maps.row) row -= centre.row;
      for (double& column : maps.column) column -= centre.column;
      what += " relative to the centre";
      break;
    case deflection_origin::descan:
      subtract_plane(maps, scan);
      what += ", the scan's descan plane subtracted";
      break;
  }
  return {std::move(maps), what + "; NaN without electrons"};
}

}  // namespace

std::vector<saved_image> images_of(const reduction_result& result, const reduction_plan& plan, frame_shape grid,
                                   const scan_shape& scan) {
  const std::vector<std::uint64_t> detector{grid.height, grid.width};
  const std::vector<std::uint64_t> positions{scan.height, scan.width};
  std::vector<saved_image> images;
  images.push_back({"counts", positions, result.counts, "electrons", "electrons at each scan position"});
  if (plan.sum) images.push_back({"sum", detector, result.sum, "electrons", "all frames added up"});
  if (plan.maximum)
    images.push_back({"maximum", detector, result.maximum, "electrons", "most electrons that any one frame has in a pixel"});
  if (plan.centre_of_mass) {
    const detector_point centre = plan.centre.value_or(middle_of(grid));
    const auto [maps, what] = deflections_from(plan.origin, centre, result, scan);
    images.push_back({"com_row", positions, maps.row, "pixels", "row" + what});
    images.push_back({"com_column", positions, maps.column, "pixels", "column" + what});
  }
  if (plan.radial) {
    std::vector<std::uint64_t> extent = positions;
    extent.push_back(result.rings);
    images.push_back({"radial", extent, result.radial, "electrons", "electrons" + in_rings(plan.radial_step)});
  }
  for (std::size_t d = 0; d < result.virtual_images.size(); ++d)
    images.push_back(
        {"virtual_" + std::to_string(d), positions, result.virtual_images[d], "electrons", plan.detectors[d].name});
  for (std::size_t w = 0; w < result.weighted_images.size(); ++w)
    images.push_back(
        {"weighted_" + std::to_string(w), positions, result.weighted_images[w], "electrons", plan.weights[w].name});
  if (plan.phase) images.push_back(phase_image(result, scan, plan.origin));
  if (plan.radial_profile) {
    const detector_point centre = plan.centre.value_or(middle_of(grid));
    std::ranges::move(radial_profile(result.sum, make_rings(grid, centre, plan.radial_step)), std::back_inserter(images));
  }
  return images;
}

std::vector<saved_image> radial_profile(std::span<const std::uint64_t> sum, const ring_map& rings) {
  std::vector<std::uint64_t> in_ring(rings.rings);
  for (std::size_t pixel = 0; pixel < sum.size(); ++pixel) {
    if (rings.ring[pixel] != ring_map::outside) in_ring[rings.ring[pixel]] += sum[pixel];
  }
  std::vector<double> mean(rings.rings);
  std::transform(in_ring.begin(), in_ring.end(), rings.pixels.begin(), mean.begin(),
                 [](std::uint64_t events, std::uint64_t pixels) {
                   return pixels == 0 ? std::numeric_limits<double>::quiet_NaN()
                                      : static_cast<double>(events) / static_cast<double>(pixels);
                 });
  const std::string where = in_rings(rings.step) + ", all frames added up";
  return {{"radial_sum", {rings.rings}, in_ring, "electrons", "electrons" + where},
          {"radial_mean", {rings.rings}, mean, "electrons / pixel", "electrons a pixel" + where}};
}

}  // namespace countem
