#include "data_gen/charge_cloud.hpp"

#include <algorithm>
#include <cmath>

namespace countem::data_gen {

namespace {

constexpr float pixel_um = 10;
constexpr float step_um = 1;
constexpr float step_px = step_um / pixel_um;
constexpr float ev_per_pair = 3.65F;  // mean energy per electron-hole pair in silicon

// Fitted to Geant4 clouds of single electrons in thin, back-illuminated silicon; docs/simulation.md names them and how well
// they are met. Effective parameters: they carry whatever the model leaves out.
constexpr double fitted_low_kv = 100;
constexpr double fitted_high_kv = 300;
constexpr cloud_parameters fitted_low{8.47, 9.31, 100.5, 4.2, 10.3, 42900, 0.0988, 5.0, 3.0};
constexpr cloud_parameters fitted_high{4.71, 5.85, 120.8, 2.765, 10.2, 10350, 0.0332, 5.91, 1.25};

constexpr float xray_fewest_pairs = 15'000;
constexpr float xray_most_pairs = 60'000;
constexpr float xray_spread_px = 0.2F;

struct direction {
  float row = 0;
  float column = 0;
  float depth = 1;
};

/// A direction a little off: an isotropic kick with a Rutherford tail, back to unit length.
direction scattered(direction from, float smallest_angle, random_stream& random) {
  const normal_table& normal = normal_table::get();
  const float angle = smallest_angle / std::sqrt(random.positive_uniform());
  const std::uint32_t bits = random.next();
  from.row += angle * normal[static_cast<std::uint16_t>(bits)];
  from.column += angle * normal[static_cast<std::uint16_t>(bits >> 16)];
  from.depth += angle * normal[static_cast<std::uint16_t>(random.next())];
  const float length = std::sqrt(from.row * from.row + from.column * from.column + from.depth * from.depth);
  if (length > 0) from = {from.row / length, from.column / length, from.depth / length};
  return from;
}

/// Frees `pairs` at one place, each of which diffuses on its own; returns how many found a pixel.
std::uint32_t diffuse(std::uint32_t pairs, float row, float column, float spread, random_stream& random, charge_frame& into) {
  const normal_table& normal = normal_table::get();
  std::uint32_t collected = 0;
  for (std::uint32_t pair = 0; pair < pairs; ++pair) {
    const std::uint32_t bits = random.next();
    collected += into.add_pair(row + spread * normal[static_cast<std::uint16_t>(bits)],
                               column + spread * normal[static_cast<std::uint16_t>(bits >> 16)]);
  }
  return collected;
}

}  // namespace

cloud_parameters cloud_parameters_at(double kilovolts) {
  const double exponent = std::log(kilovolts / fitted_low_kv) / std::log(fitted_high_kv / fitted_low_kv);
  const auto power_law = [&](double cloud_parameters::*which) {
    return fitted_low.*which * std::pow(fitted_high.*which / fitted_low.*which, exponent);
  };
  return {power_law(&cloud_parameters::depth_um),
          power_law(&cloud_parameters::passive_um),
          power_law(&cloud_parameters::steady_loss_ev_per_um),
          power_law(&cloud_parameters::collisions_per_um),
          power_law(&cloud_parameters::smallest_loss_ev),
          power_law(&cloud_parameters::largest_loss_ev),
          power_law(&cloud_parameters::scattering_rad),
          power_law(&cloud_parameters::diffusion_entry_um),
          power_law(&cloud_parameters::diffusion_exit_um)};
}

charge_cloud::charge_cloud(const cloud_parameters& parameters, double kilovolts)
    : collisions_(parameters.collisions_per_um * step_um),
      depth_px_(static_cast<float>(parameters.depth_um / pixel_um)),
      passive_px_(static_cast<float>(parameters.passive_um / pixel_um)),
      steady_loss_ev_(static_cast<float>(parameters.steady_loss_ev_per_um * step_um)),
      smallest_loss_ev_(static_cast<float>(parameters.smallest_loss_ev)),
      smallest_fraction_(static_cast<float>(parameters.smallest_loss_ev / parameters.largest_loss_ev)),
      scattering_rad_(static_cast<float>(parameters.scattering_rad)),
      diffusion_entry_px_(static_cast<float>(parameters.diffusion_entry_um / pixel_um)),
      diffusion_slope_(
          static_cast<float>((parameters.diffusion_exit_um - parameters.diffusion_entry_um) / parameters.depth_um)),
      beam_ev_(static_cast<float>(1000 * kilovolts)) {}

float charge_cloud::loss_ev(random_stream& random) const {
  return smallest_loss_ev_ / (smallest_fraction_ + (1 - smallest_fraction_) * random.positive_uniform());
}

std::uint32_t charge_cloud::deposit(double row, double column, random_stream& random, charge_frame& into) const {
  auto at_row = static_cast<float>(row);
  auto at_column = static_cast<float>(column);
  float depth = -step_px * random.positive_uniform();  // so that the charge does not depend on how many whole steps fit
  direction heading;
  float left_ev = beam_ev_;
  float unused_ev = 0;  // less than a pair, kept for the next step
  std::uint32_t collected = 0;
  do {
    at_row += step_px * heading.row;
    at_column += step_px * heading.column;
    depth += step_px * heading.depth;
    const float slowing = beam_ev_ / left_ev;  // losses and angles grow as the electron slows down
    float lost_ev = steady_loss_ev_;
    for (std::uint32_t collision = collisions_.draw(random); collision > 0; --collision) lost_ev += loss_ev(random);
    lost_ev = std::min(slowing * lost_ev, left_ev);
    left_ev -= lost_ev;
    if (depth >= 0 && depth < depth_px_) {
      unused_ev += lost_ev;
      const auto pairs = static_cast<std::uint32_t>(unused_ev / ev_per_pair);
      unused_ev -= static_cast<float>(pairs) * ev_per_pair;
      const float spread = diffusion_entry_px_ + diffusion_slope_ * depth;
      collected += diffuse(pairs, at_row, at_column, spread, random, into);
    }
    heading = scattered(heading, slowing * scattering_rad_, random);
  } while (depth >= 0 && depth < depth_px_ + passive_px_ && left_ev > 0);
  return collected;
}

void deposit_xray(double row, double column, random_stream& random, charge_frame& into) {
  const float pairs = xray_fewest_pairs + (xray_most_pairs - xray_fewest_pairs) * random.positive_uniform();
  diffuse(static_cast<std::uint32_t>(pairs), static_cast<float>(row), static_cast<float>(column), xray_spread_px, random, into);
}

}  // namespace countem::data_gen
