#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cpu/charge_forms.hpp"
#include "kernels/cpu/fetch_ahead.hpp"
#include "kernels/cpu/hit_bits.hpp"
#include "kernels/cpu/peak_candidates.hpp"

namespace countem::cpu {

/// A candidate that is left after judging.
struct judged_peak {
  std::uint32_t row;
  std::uint32_t column;
  std::int32_t charge;  ///< of the peak, where it was judged
  bool judged;          ///< it is a peak, and an X-ray or an event; others still have to be asked
};

/// What a peak must be: it beats all pixels beside it, whether they are hits or not, and has a score.
struct peak_rule {
  std::int64_t score16;  ///< an event's score is above it
  std::int32_t xray16;   ///< an X-ray's charge reaches it
};

/// What a maximum must be: brighter than the hits beside it that are no X-rays. An X-ray need not be a maximum.
struct maximum_rule {
  const hit_bits& hits;
  std::int32_t xray16;  ///< an X-ray's charge reaches it
};

// judge(): drops the plain candidates that are neither event nor X-ray, in the order of the list; keeps all others. Fetches the
// lines of `ahead` meanwhile.

#define COUNTEM_JUDGE_DECLARED(charges_of)                                                                                    \
  void judge(std::span<const peak_candidate> candidates, const charges_of& charges, const peak_rule& rule, fetch_ahead ahead, \
             std::vector<judged_peak>& kept);                                                                                 \
  void judge(std::span<const peak_candidate> candidates, const charges_of& charges, const maximum_rule& rule,                 \
             fetch_ahead ahead, std::vector<judged_peak>& kept);
COUNTEM_JUDGE_DECLARED(raw_charges<std::uint8_t>)
COUNTEM_JUDGE_DECLARED(raw_charges<std::uint16_t>)
COUNTEM_JUDGE_DECLARED(limit_charges<std::uint8_t>)
COUNTEM_JUDGE_DECLARED(limit_charges<std::uint16_t>)
COUNTEM_JUDGE_DECLARED(gained_charges<std::uint8_t>)
COUNTEM_JUDGE_DECLARED(gained_charges<std::uint16_t>)
COUNTEM_JUDGE_DECLARED(narrow_denoised_charges<std::uint8_t>)
COUNTEM_JUDGE_DECLARED(narrow_denoised_charges<std::uint16_t>)
#undef COUNTEM_JUDGE_DECLARED

void keep_all(std::span<const peak_candidate> candidates, std::vector<judged_peak>& kept);

/// The same for charges that no vector gives.
template <class Charges, class Rule>
void judge(std::span<const peak_candidate> candidates, const Charges&, const Rule&, fetch_ahead,
           std::vector<judged_peak>& kept) {
  keep_all(candidates, kept);
}

}  // namespace countem::cpu
