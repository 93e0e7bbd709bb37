#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/component.hpp"
#include "kernels/cpu/hit_bits.hpp"

namespace countem::cpu {

/// Hits that are brighter than all their neighbours. Charges of three rows are kept at a time, so that each is made once and
/// neighbours are compared without asking whether they are hits.
class local_maxima {
 public:
  /// Calls visit(row, column, charge) for those of rows [first, last) in order; hits of the rows beside them must be known.
  /// Pixels of `xray16` and more are as no hits; returns how many there are in these rows.
  template <class ChargeOf, class Visit>
  std::uint32_t find(const hit_bits& hits, std::uint32_t first, std::uint32_t last, std::int32_t xray16,
                     const ChargeOf& charge_of, Visit visit) {
    for (std::vector<std::int32_t>& row : charges_) row.resize(std::size_t{hits.shape().width} + 2);  // a border of one
    std::uint32_t xrays = 0;
    const auto load = [&](std::uint32_t y) {
      hits.for_each(y, y + 1, [&, row = charges_of(y)](std::uint32_t, std::uint32_t x) {
        const std::int32_t charge = hit_charge(charge_of, y, x);
        const bool is_xray = charge >= xray16;
        row[x] = is_xray ? 0 : charge;
        xrays += is_xray && y >= first && y < last ? 1 : 0;
      });
    };
    const auto clear = [&](std::uint32_t y) {
      hits.for_each(y, y + 1, [row = charges_of(y)](std::uint32_t, std::uint32_t x) { row[x] = 0; });
    };
    const std::uint32_t begin = first == 0 ? 0 : first - 1;
    const std::uint32_t end = std::min(last + 1, hits.shape().height);
    for (std::uint32_t y = begin; y <= first; ++y) load(y);
    for (std::uint32_t y = first; y < last; ++y) {
      if (y + 1 < end) load(y + 1);
      visit_row(hits, y, visit);
      if (y > begin) clear(y - 1);
    }
    for (std::uint32_t y = last - 1; y < end; ++y) clear(y);
    return xrays;
  }

 private:
  template <class Visit>
  void visit_row(const hit_bits& hits, std::uint32_t y, Visit& visit) {
    const std::int32_t* const above = charges_of(y + 2);
    const std::int32_t* const row = charges_of(y);
    const std::int32_t* const below = charges_of(y + 1);
    hits.for_each(y, y + 1, [&](std::uint32_t, std::uint32_t x) {
      const auto at = static_cast<std::ptrdiff_t>(x);
      const auto three = [at](const std::int32_t* of) { return std::max(std::max(of[at - 1], of[at]), of[at + 1]); };
      const std::int32_t beside = std::max(row[at - 1], row[at + 1]);
      if (row[at] > std::max(std::max(three(above), three(below)), beside)) visit(y, x, row[at]);
    });
  }

  /// Those of row y, and of the rows 3 before and behind it.
  [[nodiscard]] std::int32_t* charges_of(std::uint32_t y) { return charges_[y % 3].data() + 1; }

  std::array<std::vector<std::int32_t>, 3> charges_;  ///< 0 where there is no hit, and between calls
};

}  // namespace countem::cpu
