#include "kernels/cpu/charge_forms.hpp"

#include <utility>

namespace countem::cpu {

namespace {

/// Nothing where the precondition of limit_form is not met.
template <class Pixel>
std::optional<limit_form<Pixel>> find_limit_form(const counting_setup& setup, const quiet_limits<Pixel>& limits) {
  const calibration& used = setup.calibrated;
  if (!charges_need_no_clamp<Pixel>(used) || limits.per_pixel.empty() || !limits.always.empty()) return std::nullopt;
  const pixel_charge charge_of(used);
  const auto charge = [&](std::size_t p) { return charge_of(limits.per_pixel[p], p); };
  const auto is_never_hit = [&](std::size_t p) { return limits.per_pixel[p] == std::numeric_limits<Pixel>::max(); };
  const bool quiet_charges_matter = setup.options.method == counting_method::peaks;
  std::int32_t lowest = charge_limit;
  std::int32_t highest = -charge_limit;
  for (std::size_t p = 0; p < limits.per_pixel.size(); ++p) {
    if (is_never_hit(p)) {
      if (quiet_charges_matter && can_have_charge(used, p)) return std::nullopt;
      continue;
    }
    lowest = std::min(lowest, charge(p));
    highest = std::max(highest, charge(p));
  }
  if (!fit_bytes(lowest, highest)) return std::nullopt;
  limit_form<Pixel> form{limits.per_pixel.data(), setup.shape.width, lowest,
                         std::vector<std::uint8_t>(limits.per_pixel.size())};
  for (std::size_t p = 0; p < limits.per_pixel.size(); ++p) {
    if (!is_never_hit(p)) form.above_lowest[p] = static_cast<std::uint8_t>(charge(p) - lowest);
  }
  return form;
}

/// Nothing where the precondition of gain_form is not met, or there is no gain.
template <class Pixel>
std::optional<gain_form<Pixel>> find_gain_form(const counting_setup& setup) {
  const calibration& used = setup.calibrated;
  if (used.gain.empty() || !std::all_of(used.dark16.begin(), used.dark16.end(), dark_is_inside_clamp)) return std::nullopt;
  gain_form<Pixel> form{{}, setup.shape.width, true};
  form.gains.reserve(used.gain.size());
  for (std::size_t pixel = 0; pixel < used.gain.size(); ++pixel) {
    const std::int32_t dark16 = used.dark16.empty() ? 0 : used.dark16[pixel];
    form.gains.push_back({used.gain[pixel], dark16});
    if (can_have_charge(used, pixel) && !is_moderate(dark16, used.gain[pixel])) form.moderate = false;
  }
  return form;
}

/// The cheapest form whose precondition is met.
template <class Pixel>
charge_form<Pixel> choose_charge_form(const counting_setup& setup, const quiet_limits<Pixel>& limits,
                                      const std::optional<narrow_calibration>& narrow) {
  const general_form<Pixel> general{pixel_charge(setup.calibrated), setup.shape.width};
  const bool with_noise = subtracts_noise(setup.options);
  if constexpr (is_small<Pixel>) {
    if (with_noise && narrow)
      return narrow_noise_form<Pixel>{narrow->dark16.empty() ? nullptr : narrow->dark16.data(), setup.shape.width};
    if (!with_noise) {
      if (charges_are_raw<Pixel>(setup.calibrated)) return raw_form<Pixel>{};
      if (auto form = find_limit_form<Pixel>(setup, limits)) return *std::move(form);
      if (auto form = find_gain_form<Pixel>(setup)) return *std::move(form);
    }
  }
  if (with_noise) return noise_form<Pixel>{general};
  return general;
}

}  // namespace

template <class Pixel>
prepared_calibration<Pixel>::prepared_calibration(const counting_setup& setup)
    : form(general_form<Pixel>{pixel_charge(setup.calibrated), setup.shape.width}) {
  if (!subtracts_noise(setup.options)) {
    limits = to_quiet_limits(find_hit_limits<Pixel>(setup), setup.shape);
  } else {
    narrow = find_narrow_calibration(setup);
  }
  form = choose_charge_form<Pixel>(setup, limits, narrow);
}

template struct prepared_calibration<std::uint8_t>;
template struct prepared_calibration<std::uint16_t>;
template struct prepared_calibration<std::uint32_t>;
template struct prepared_calibration<float>;

}  // namespace countem::cpu
