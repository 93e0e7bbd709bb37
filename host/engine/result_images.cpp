#include <countem/result_images.hpp>

#include <algorithm>
#include <cmath>
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

/// What is added to a result's name and meaning for its standard error.
saved_image error_of(const saved_image& image, std::vector<double> values, const char* how) {
  saved_image error = image;
  error.name += "_error";
  error.values = std::move(values);
  error.meaning = "standard error of " + image.name + ": " + how;
  return error;
}

/// Electrons fall independently: the number of them has its own value for a variance.
template <class Count>
saved_image poisson_error(const saved_image& image, const std::vector<Count>& counts) {
  std::vector<double> errors(counts.size());
  std::ranges::transform(counts, errors.begin(), [](Count count) { return std::sqrt(static_cast<double>(count)); });
  return error_of(image, std::move(errors), "the root of the electrons");
}

std::vector<double> roots(std::vector<double> values) {
  for (double& value : values) value = std::sqrt(value);
  return values;
}

/// What `rings` of a plan are: their radii and how many pixels they have.
std::vector<saved_image> ring_images(const ring_map& rings) {
  std::vector<double> radii(rings.rings);
  for (std::uint32_t ring = 0; ring < rings.rings; ++ring) radii[ring] = (ring + 0.5) * rings.step;
  return {{"radial_radius", {rings.rings}, radii, "pixels", "radius of the middle of each ring", {{"ring_width", rings.step}}},
          {"radial_pixels", {rings.rings}, rings.pixels, "pixels", "used pixels in each ring: neither masked nor excluded"}};
}

void add_radial(const reduction_result& result, const reduction_plan& plan, frame_shape grid, const scan_shape& scan,
                std::vector<saved_image>& images) {
  if (!plan.radial && !plan.radial_profile) return;
  ring_map rings = make_rings(grid, plan.centre.value_or(middle_of(grid)), plan.radial_step);
  leave_out(rings, plan.masked, plan.excluded);
  const auto add = [&](saved_image image) { images.push_back(around(plan, grid, std::move(image))); };
  if (plan.radial) {
    const saved_image radial{"radial",
                             {scan.height, scan.width, result.rings},
                             result.radial,
                             "electrons",
                             "electrons" + in_rings(plan.radial_step)};
    add(radial);
    if (plan.errors) add(poisson_error(radial, result.radial));
  }
  if (plan.radial_profile) {
    for (saved_image& profile : radial_profile(result.sum, rings, plan.errors)) add(std::move(profile));
  }
  for (saved_image& image : ring_images(rings)) add(std::move(image));
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
      images.push_back(plan.com_needs_centre() ? around(plan, grid, std::move(map)) : std::move(map));
  }
  for (std::size_t d = 0; d < result.virtual_images.size(); ++d) {
    const virtual_detector& one = plan.detectors[d];
    saved_image map{"virtual_" + std::to_string(d), positions, result.virtual_images[d], "electrons", one.name};
    if (is_around_common_centre(one)) map = around(plan, grid, std::move(map));
    images.push_back(map);
    if (plan.errors) images.push_back(poisson_error(map, result.virtual_images[d]));
  }
  for (std::size_t w = 0; w < result.weighted_images.size(); ++w) {
    const saved_image map{"weighted_" + std::to_string(w), positions, result.weighted_images[w], "electrons",
                          plan.weights[w].name};
    images.push_back(map);
    if (plan.errors)
      images.push_back(error_of(map, roots(result.squared_images[w]), "the root of the sum of the electrons' squared weights"));
  }
  if (plan.phase && deflected)
    std::ranges::move(engine::phase_images(*deflected, plan.deflections, scan, detail), std::back_inserter(images));
  add_radial(result, plan, grid, scan, images);
  return images;
}

std::vector<saved_image> radial_profile(std::span<const std::uint64_t> sum, const ring_map& rings, bool with_errors) {
  std::vector<std::uint64_t> in_ring(rings.rings);
  for (std::size_t pixel = 0; pixel < sum.size(); ++pixel) {
    if (rings.ring[pixel] != ring_map::outside) in_ring[rings.ring[pixel]] += sum[pixel];
  }
  const auto per_pixel = [&](auto of) {
    std::vector<double> mean(rings.rings);
    for (std::size_t ring = 0; ring < mean.size(); ++ring) {
      mean[ring] = rings.pixels[ring] == 0 ? std::numeric_limits<double>::quiet_NaN()
                                           : of(in_ring[ring]) / static_cast<double>(rings.pixels[ring]);
    }
    return mean;
  };
  const std::string where = in_rings(rings.step) + ", all frames added up";
  const saved_image total{"radial_sum", {rings.rings}, in_ring, "electrons", "electrons" + where};
  const saved_image mean{"radial_mean",
                         {rings.rings},
                         per_pixel([](std::uint64_t events) { return static_cast<double>(events); }),
                         "electrons / pixel",
                         "electrons per used pixel" + where};
  if (!with_errors) return {total, mean};
  std::vector<double> errors = per_pixel([](std::uint64_t events) { return std::sqrt(static_cast<double>(events)); });
  return {total, poisson_error(total, in_ring), mean,
          error_of(mean, std::move(errors), "the root of the electrons, divided by the pixels")};
}

}  // namespace countem
