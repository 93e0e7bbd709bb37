#include <countem/result_images.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "host/engine/common_centre.hpp"
#include "host/engine/deflection_images.hpp"

namespace countem {

namespace {

std::string in_rings(double step) {
  return " in each ring around the centre, " + std::to_string(step) + " pixels wide";
}

/// For an image that depends on the common centre: where that is, how well it is known and how it was found.
saved_image around(const reduction_plan& plan, frame_shape grid, saved_image image) {
  const detector_point centre = plan.centre.value_or(middle_of(grid));
  image.attributes.insert(
      image.attributes.end(),
      {{"centre_row", centre.row},
       {"centre_column", centre.column},
       {"centre_from", plan.beam ? plan.beam->how : std::string(plan.centre ? "given" : "the frame's middle")}});
  if (plan.beam && plan.beam->found) {
    const found_beam& beam = *plan.beam;
    image.attributes.insert(image.attributes.end(), {{"centre_row_error", beam.centre_error.row},
                                                     {"centre_column_error", beam.centre_error.column},
                                                     {"beam_radius", beam.radius},
                                                     {"beam_radius_error", beam.radius_error},
                                                     {"beam_electrons", beam.electrons}});
  }
  return image;
}

}  // namespace

std::vector<saved_image> images_of(const reduction_result& result, const reduction_plan& plan, frame_shape grid,
                                   const scan_shape& scan, image_detail detail) {
  const std::vector<std::uint64_t> detector{grid.height, grid.width};
  const std::vector<std::uint64_t> positions{scan.height, scan.width};
  std::vector<saved_image> images;
  images.push_back({"counts", positions, result.counts, "electrons", "electrons at each scan position"});
  if (plan.sum) images.push_back({"sum", detector, result.sum, "electrons", "all frames added up"});
  if (plan.maximum)
    images.push_back({"maximum", detector, result.maximum, "electrons", "most electrons that any one frame has in a pixel"});
  std::optional<engine::scan_deflections> deflected;
  if (plan.centre_of_mass) {
    deflected = engine::deflections_of(result, plan, plan.centre.value_or(middle_of(grid)), scan);
    for (saved_image& map : engine::deflection_images(*deflected, scan))
      images.push_back(plan.origin == deflection_origin::centre ? around(plan, grid, std::move(map)) : std::move(map));
  }
  if (plan.radial) {
    std::vector<std::uint64_t> extent = positions;
    extent.push_back(result.rings);
    images.push_back(
        around(plan, grid, {"radial", extent, result.radial, "electrons", "electrons" + in_rings(plan.radial_step)}));
  }
  for (std::size_t d = 0; d < result.virtual_images.size(); ++d) {
    const virtual_detector& one = plan.detectors[d];
    saved_image map{"virtual_" + std::to_string(d), positions, result.virtual_images[d], "electrons", one.name};
    const bool common = is_around_common_centre(one);
    images.push_back(common ? around(plan, grid, std::move(map)) : std::move(map));
  }
  for (std::size_t w = 0; w < result.weighted_images.size(); ++w)
    images.push_back(
        {"weighted_" + std::to_string(w), positions, result.weighted_images[w], "electrons", plan.weights[w].name});
  if (plan.phase && deflected)
    std::ranges::move(engine::phase_images(*deflected, plan.deflections, scan, detail), std::back_inserter(images));
  if (plan.radial_profile) {
    const detector_point centre = plan.centre.value_or(middle_of(grid));
    for (saved_image& profile : radial_profile(result.sum, make_rings(grid, centre, plan.radial_step)))
      images.push_back(around(plan, grid, std::move(profile)));
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
