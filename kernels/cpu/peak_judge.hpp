#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cpu/charge_forms.hpp"
#include "kernels/cpu/fetch_ahead.hpp"

namespace countem::cpu {

/// A hit of method peaks.
struct peak_candidate {
  std::uint32_t row;
  std::uint32_t column;
  bool plain;  ///< all pixels around it have a charge, and so has the one two columns to the right
};

/// A candidate that is left after judging.
struct judged_peak {
  std::uint32_t row;
  std::uint32_t column;
  std::int32_t charge;  ///< of the peak, where it was judged
  bool judged;          ///< it is a peak, and an X-ray or an event; others still have to be asked
};

/// What a peak must reach.
struct peak_limits {
  std::int64_t score16;  ///< an event's score is above it
  std::int32_t xray16;   ///< an X-ray's charge reaches it
};

/// Drops the plain candidates that are neither event nor X-ray, in the order of the list; keeps all others. Fetches the lines
/// of `ahead` meanwhile.
void judge_peaks(std::span<const peak_candidate> candidates, const raw_charges<std::uint8_t>& charges,
                 const peak_limits& limits, fetch_ahead ahead, std::vector<judged_peak>& kept);
void judge_peaks(std::span<const peak_candidate> candidates, const raw_charges<std::uint16_t>& charges,
                 const peak_limits& limits, fetch_ahead ahead, std::vector<judged_peak>& kept);
void judge_peaks(std::span<const peak_candidate> candidates, const limit_charges<std::uint8_t>& charges,
                 const peak_limits& limits, fetch_ahead ahead, std::vector<judged_peak>& kept);
void judge_peaks(std::span<const peak_candidate> candidates, const limit_charges<std::uint16_t>& charges,
                 const peak_limits& limits, fetch_ahead ahead, std::vector<judged_peak>& kept);
void judge_peaks(std::span<const peak_candidate> candidates, const gained_charges<std::uint8_t>& charges,
                 const peak_limits& limits, fetch_ahead ahead, std::vector<judged_peak>& kept);
void judge_peaks(std::span<const peak_candidate> candidates, const gained_charges<std::uint16_t>& charges,
                 const peak_limits& limits, fetch_ahead ahead, std::vector<judged_peak>& kept);
void judge_peaks(std::span<const peak_candidate> candidates, const narrow_denoised_charges<std::uint8_t>& charges,
                 const peak_limits& limits, fetch_ahead ahead, std::vector<judged_peak>& kept);
void judge_peaks(std::span<const peak_candidate> candidates, const narrow_denoised_charges<std::uint16_t>& charges,
                 const peak_limits& limits, fetch_ahead ahead, std::vector<judged_peak>& kept);

void keep_all(std::span<const peak_candidate> candidates, std::vector<judged_peak>& kept);

/// The same for charges that no vector gives.
template <class Charges>
void judge_peaks(std::span<const peak_candidate> candidates, const Charges&, const peak_limits&, fetch_ahead,
                 std::vector<judged_peak>& kept) {
  keep_all(candidates, kept);
}

}  // namespace countem::cpu
