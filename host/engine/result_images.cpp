#include <countem/result_images.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "host/engine/common_centre.hpp"
#include "host/engine/completeness.hpp"
#include "host/engine/deflection_images.hpp"
#include "host/engine/profile_images.hpp"

namespace countem {

namespace {

constexpr double not_known = std::numeric_limits<double>::quiet_NaN();

template <class T>
std::vector<double> as_doubles(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

std::vector<double> roots(std::vector<double> values) {
  for (double& value : values) value = std::sqrt(value);
  return values;
}

/// Values that may lack a part of what they are made of, and what is known of them.
struct partial_values {
  std::vector<double> values;
  std::vector<double> errors;     ///< standard errors; empty: not asked for
  std::string error_meaning;      ///< how those come about
  std::vector<double> shares;     ///< what arrived of each; empty: everything did
  bool is_around_centre = false;  ///< it depends on the common centre
};

/// The images of one result.
class image_maker {
 public:
  image_maker(const reduction_result& result, const reduction_plan& plan, const result_axes& axes, image_detail detail,
              profile_source profiles)
      : result_(result),
        plan_(plan),
        axes_(axes),
        detail_(detail),
        profiles_(std::move(profiles)),
        cells_(in_cells(plan, axes.geometry)),
        sectors_(axes.geometry, axes.grid),
        total_lost_(engine::total_losses(result)) {}

  std::vector<saved_image> make() {
    add_partial({"counts", positions(), {}, "electrons", "electrons at each scan position"},
                {as_doubles(result_.counts), {}, {}, shares_of(weigh([](std::uint64_t) { return 1.0; }))});
    if (plan_.sum) add_sum();
    if (plan_.maximum) add_maximum();
    if (plan_.centre_of_mass) add_deflections();
    add_virtual_images();
    for (std::size_t w = 0; w < result_.weighted_images.size(); ++w) add_weighted(w);
    if (plan_.phase && deflected_) {
      for (saved_image& image : engine::phase_images(*deflected_, plan_.deflections, axes_.scan, scan_step(), detail_))
        add(std::move(image));
    }
    if (plan_.radial || plan_.radial_profile) add_rings();
    return std::move(images_);
  }

 private:
  [[nodiscard]] std::vector<std::uint64_t> positions() const { return {axes_.scan.height, axes_.scan.width}; }
  [[nodiscard]] std::vector<std::uint64_t> detector() const { return {axes_.grid.height, axes_.grid.width}; }
  [[nodiscard]] bool all_arrived() const { return result_.lost.empty(); }
  /// Of two neighbouring positions of the result, in positions of the scan as it was recorded.
  [[nodiscard]] double scan_step() const { return axes_.geometry.scan_row.step; }
  [[nodiscard]] double ring_width() const { return ring_width_in_pixels(plan_, axes_.geometry); }
  [[nodiscard]] detector_point centre_in_cells() const { return cells_.centre.value_or(middle_of(axes_.grid)); }
  [[nodiscard]] detector_point centre() const {
    const detector_point middle = middle_of(axes_.grid);
    return plan_.centre.value_or(detector_point{axes_.geometry.row.at(middle.row), axes_.geometry.column.at(middle.column)});
  }
  [[nodiscard]] bool is_excluded(std::uint64_t cell) const { return !plan_.excluded.empty() && plan_.excluded[cell] != 0; }
  [[nodiscard]] bool is_masked(std::uint64_t cell) const { return !plan_.masked.empty() && plan_.masked[cell] != 0; }

  void add(saved_image image) {
    const bool of_detector = image.extent == detector() && (image.name.starts_with("sum") || image.name.starts_with("maximum"));
    if (of_detector) {
      image.axes = detector_axes(axes_.geometry);
    } else if (image.extent.size() >= 2) {
      image.axes = scan_axes(axes_.geometry);
    }
    images_.push_back(std::move(image));
  }

  /// For an image that depends on the common centre: where that is, how well it is known and how it was found.
  [[nodiscard]] saved_image around_centre(saved_image image) const {
    image.attributes.insert(
        image.attributes.end(),
        {{"centre_row", centre().row},
         {"centre_column", centre().column},
         {"centre_from", plan_.beam ? plan_.beam->how : std::string(plan_.centre ? "given" : "the frame's middle")}});
    if (plan_.beam && plan_.beam->found) {
      const found_beam& beam = *plan_.beam;
      image.attributes.insert(image.attributes.end(), {{"centre_row_error", beam.centre_error.row},
                                                       {"centre_column_error", beam.centre_error.column},
                                                       {"beam_radius", beam.radius},
                                                       {"beam_radius_error", beam.radius_error},
                                                       {"beam_electrons", beam.electrons}});
    }
    return image;
  }

  /// In which sectors something lies that has this weight in each cell. Looked for only where a sector is lost.
  template <class Weight>
  [[nodiscard]] engine::sector_weights weigh(const Weight& weight) const {
    return all_arrived() ? engine::sector_weights{} : sectors_.weigh(weight);
  }

  [[nodiscard]] double share_at(std::uint64_t position, const engine::sector_weights& weights) const {
    const sector_losses& lost = result_.lost[position];
    return engine::arrived_share(weights, {lost[0], lost[1], lost[2], lost[3]}, axes_.scan.frames_per_position);
  }

  /// [position] of something that has these weights.
  [[nodiscard]] std::vector<double> shares_of(const engine::sector_weights& weights) const {
    std::vector<double> shares(result_.lost.size());
    for (std::uint64_t position = 0; position < shares.size(); ++position) shares[position] = share_at(position, weights);
    return shares;
  }

  void use_shares(std::vector<double>& values, const std::vector<double>& shares) const {
    for (std::size_t i = 0; i < std::min(values.size(), shares.size()); ++i) {
      values[i] = engine::with_share(values[i], shares[i], plan_.incomplete);
    }
  }

  void add_completeness(const saved_image& of, std::vector<double> shares) {
    if (shares.empty()) return;
    add({of.name + "_completeness", of.extent, std::move(shares), "1",
         "share that arrived of what " + of.name + " is made of"});
  }

  /// The image, its standard errors and its completeness.
  void add_partial(saved_image image, partial_values known) {
    use_shares(known.values, known.shares);
    use_shares(known.errors, known.shares);
    image.values = std::move(known.values);
    if (known.is_around_centre) image = around_centre(std::move(image));
    const saved_image named{image.name, image.extent, {}, {}, {}};
    std::optional<saved_image> error;
    if (!known.errors.empty()) {
      error = saved_image{image.name + "_error",
                          image.extent,
                          std::move(known.errors),
                          image.units,
                          "standard error of " + image.name + ": " + known.error_meaning,
                          image.attributes};
    }
    add(std::move(image));
    if (error) add(std::move(*error));
    add_completeness(named, std::move(known.shares));
  }

  /// Electrons fall independently: the number of them has its own value for a variance.
  template <class Count>
  [[nodiscard]] partial_values poisson(const std::vector<Count>& counts, std::vector<double> shares) const {
    partial_values known{as_doubles(counts), {}, "the root of the electrons", std::move(shares)};
    if (plan_.errors) known.errors = roots(known.values);
    return known;
  }

  /// [cell] of all frames.
  [[nodiscard]] std::vector<double> shares_of_cells() const {
    std::vector<double> shares;
    for (std::uint64_t cell = 0; !all_arrived() && cell < axes_.grid.pixels(); ++cell)
      shares.push_back(engine::arrived_share(sectors_.of(cell), total_lost_, result_.frames));
    return shares;
  }

  void add_sum() {
    add_partial({"sum", detector(), {}, "electrons", "all frames added up"},
                {as_doubles(result_.sum), {}, {}, shares_of_cells()});
  }

  /// Of the frames that arrived: a part of them has no larger one in proportion.
  void add_maximum() {
    std::vector<double> values = as_doubles(result_.maximum);
    std::vector<double> shares = shares_of_cells();
    for (std::size_t cell = 0; cell < shares.size(); ++cell)
      if (shares[cell] == 0) values[cell] = not_known;
    const saved_image maximum{"maximum", detector(), std::move(values), "electrons",
                              "most electrons that any one frame has in a pixel"};
    add(maximum);
    add_completeness(maximum, std::move(shares));
  }

  /// Where the electrons lie that centres of mass are made of. Sectors that no frame has are no part of the detector.
  [[nodiscard]] engine::sector_weights weights_of_centres() const {
    engine::sector_weights weights{};
    if (plan_.com_within && !plan_.com_within->weights.empty()) {
      weights = weigh([&](std::uint64_t cell) { return is_excluded(cell) ? 0.0 : double{plan_.com_within->weights[cell]}; });
    } else if (plan_.com_within) {
      const detector_masks within =
          make_masks({&cells_.com_within->detector, 1}, axes_.grid, centre_in_cells(), plan_.excluded);
      weights = weigh([&](std::uint64_t cell) { return within.contains(0, cell) ? 1.0 : 0.0; });
    } else {
      weights = weigh([&](std::uint64_t cell) { return is_excluded(cell) ? 0.0 : 1.0; });
    }
    for (std::uint32_t sector = 0; sector < sectors_per_frame; ++sector)
      if (total_lost_[sector] == result_.frames) weights[sector] = 0;
    return weights;
  }

  /// The result without centres of mass of a part of what they are made of, which are none.
  [[nodiscard]] reduction_result with_whole_centres(const std::vector<double>& shares) const {
    reduction_result whole;
    whole.moments = result_.moments;
    whole.second_moments = result_.second_moments;
    whole.weighted = result_.weighted;
    whole.weighted_squares = result_.weighted_squares;
    whole.weighted_origin = result_.weighted_origin;
    const auto leave_out = [](auto& sums, std::size_t position) {
      if (!sums.empty()) sums[position] = {};
    };
    for (std::size_t position = 0; position < shares.size(); ++position) {
      if (shares[position] == 1 || (plan_.incomplete == incomplete_frames::skip && shares[position] > 0)) continue;
      leave_out(whole.moments, position);
      leave_out(whole.second_moments, position);
      leave_out(whole.weighted, position);
      leave_out(whole.weighted_squares, position);
    }
    return whole;
  }

  void add_deflections() {
    std::vector<double> shares = all_arrived() ? std::vector<double>() : shares_of(weights_of_centres());
    deflected_ = engine::deflections_of(with_whole_centres(shares), plan_, axes_.geometry, centre(), axes_.scan);
    for (saved_image& map : engine::deflection_images(*deflected_, axes_.scan))
      add(plan_.com_needs_centre() ? around_centre(std::move(map)) : std::move(map));
    add_completeness({"com", positions(), {}, {}, {}}, std::move(shares));
  }

  void add_virtual_images() {
    if (result_.virtual_images.empty()) return;
    std::optional<detector_masks> masks;  // they take milliseconds
    if (!all_arrived()) masks = make_masks(cells_.detectors, axes_.grid, centre_in_cells(), plan_.excluded);
    for (std::size_t d = 0; d < result_.virtual_images.size(); ++d) {
      partial_values known =
          poisson(result_.virtual_images[d],
                  shares_of(weigh([&](std::uint64_t cell) { return masks->contains(d, cell) ? 1.0 : 0.0; })));
      known.is_around_centre = is_around_common_centre(plan_.detectors[d]);
      add_partial({"virtual_" + std::to_string(d), positions(), {}, "electrons", plan_.detectors[d].name}, std::move(known));
    }
  }

  void add_weighted(std::size_t w) {
    const std::vector<float>& map = plan_.weights[w].weights;
    partial_values known{
        result_.weighted_images[w],
        {},
        "the root of the sum of the electrons' squared weights",
        shares_of(weigh([&](std::uint64_t cell) { return is_excluded(cell) ? 0.0 : double{std::abs(map[cell])}; }))};
    if (plan_.errors) known.errors = roots(result_.squared_images[w]);
    add_partial({"weighted_" + std::to_string(w), positions(), {}, "electrons", plan_.weights[w].name}, std::move(known));
  }

  void add_rings() {
    ring_map rings = make_rings(axes_.grid, centre_in_cells(), cells_.radial_step);
    leave_out(rings, plan_.masked, plan_.excluded);
    std::vector<engine::sector_weights> weights(rings.rings);
    for (std::uint64_t cell = 0; !all_arrived() && cell < rings.ring.size(); ++cell) {
      if (rings.ring[cell] == ring_map::outside || is_masked(cell)) continue;
      for (std::uint32_t sector = 0; sector < sectors_per_frame; ++sector)
        weights[rings.ring[cell]][sector] += sectors_.of(cell)[sector];
    }
    if (plan_.radial) add_profiles(weights);
    const double pixels_a_cell = axes_.geometry.row.step * axes_.geometry.column.step;
    std::vector<double> pixels = as_doubles(rings.pixels);
    for (double& number : pixels) number *= pixels_a_cell;
    if (plan_.radial_profile) add_profile(rings, weights, pixels);
    std::vector<double> radii(rings.rings);
    for (std::uint32_t ring = 0; ring < rings.rings; ++ring) radii[ring] = (ring + 0.5) * ring_width();
    const std::vector<std::uint64_t> extent{rings.rings};
    add(around_centre(
        {"radial_radius", extent, radii, "pixels", "radius of the middle of each ring", {{"ring_width", ring_width()}}}));
    add(around_centre({"radial_pixels", extent, pixels, "pixels", "used pixels in each ring: neither masked nor excluded"}));
  }

  /// As add_partial(), their values held or streamed.
  void add_profiles(const std::vector<engine::sector_weights>& weights) {
    const std::shared_ptr<const image_stream> stream = engine::stream_profiles(
        profiles_ ? profiles_ : engine::held_profiles(result_),
        {result_.rings, axes_.scan.frames_per_position, plan_.errors, plan_.incomplete, result_.lost, weights});
    std::array<std::vector<double>, 3> held;
    if (!profiles_) held = engine::held_values(*stream);
    const auto put = [&](engine::profile_image number, saved_image image) {
      image.values = std::move(held.at(number));
      if (profiles_) image.streamed = {stream, number};
      add(std::move(image));
    };
    const std::vector<std::uint64_t> extent{axes_.scan.height, axes_.scan.width, result_.rings};
    const saved_image radial = around_centre({"radial", extent, {}, "electrons", "electrons" + in_rings()});
    put(engine::profile_electrons, radial);
    if (plan_.errors) {
      put(engine::profile_errors,
          {"radial_error", extent, {}, radial.units, "standard error of radial: the root of the electrons", radial.attributes});
    }
    if (!all_arrived())
      put(engine::profile_completeness,
          {"radial_completeness", extent, {}, "1", "share that arrived of what radial is made of"});
  }

  /// A mean is a ratio: it is that of the pixels that arrived, whatever is done with sums of incomplete frames.
  void add_profile(const ring_map& rings, const std::vector<engine::sector_weights>& weights,
                   const std::vector<double>& pixels) {
    std::vector<std::uint64_t> in_ring(rings.rings);
    for (std::size_t cell = 0; cell < result_.sum.size(); ++cell) {
      if (rings.ring[cell] != ring_map::outside) in_ring[rings.ring[cell]] += result_.sum[cell];
    }
    std::vector<double> shares;
    for (std::uint32_t ring = 0; !all_arrived() && ring < rings.rings; ++ring)
      shares.push_back(engine::arrived_share(weights[ring], total_lost_, result_.frames));
    const std::vector<std::uint64_t> extent{rings.rings};
    const std::string where = in_rings() + ", all frames added up";
    partial_values total = poisson(in_ring, shares);
    total.is_around_centre = true;
    partial_values mean{total.values, total.errors, "the root of the electrons, divided by the pixels", {}, true};
    for (std::size_t ring = 0; ring < pixels.size(); ++ring) {
      const double used = pixels[ring] * (shares.empty() ? 1 : shares[ring]);
      mean.values[ring] = used > 0 ? mean.values[ring] / used : not_known;
      if (plan_.errors) mean.errors[ring] = used > 0 ? mean.errors[ring] / used : not_known;
    }
    add_partial({"radial_sum", extent, {}, "electrons", "electrons" + where}, std::move(total));
    add_partial({"radial_mean", extent, {}, "electrons / pixel", "electrons per used pixel" + where}, std::move(mean));
  }

  [[nodiscard]] std::string in_rings() const {
    return " in each ring around the centre, " + std::to_string(ring_width()) + " pixels wide";
  }

  const reduction_result& result_;
  const reduction_plan& plan_;
  const result_axes& axes_;
  image_detail detail_;
  profile_source profiles_;
  reduction_plan cells_;
  engine::sector_map sectors_;
  std::array<std::uint64_t, sectors_per_frame> total_lost_;
  std::optional<engine::scan_deflections> deflected_;
  std::vector<saved_image> images_;
};

image_axes with_units(const axis_scale& row, const axis_scale& column, double units, const plane_origin& origin,
                      const char* name, const char* without) {
  if (!(units > 0)) return {row, column, without};
  return {
      {origin.row + row.first * units, row.step * units}, {origin.column + column.first * units, column.step * units}, name};
}

}  // namespace

image_axes detector_axes(const store_geometry& geometry) {
  return with_units(geometry.row, geometry.column, geometry.pixel_mrad, geometry.detector_origin_mrad, "mrad", "pixels");
}

image_axes scan_axes(const store_geometry& geometry) {
  return with_units(geometry.scan_row, geometry.scan_column, geometry.scan_step_nm, geometry.scan_origin_nm, "nm", "positions");
}

std::vector<saved_image> images_of(const reduction_result& result, const reduction_plan& plan, const result_axes& axes,
                                   image_detail detail, profile_source profiles) {
  return image_maker(result, plan, axes, detail, std::move(profiles)).make();
}

}  // namespace countem
