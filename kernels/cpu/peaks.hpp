#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>

#include <countem/counting.hpp>

#include "kernels/cpu/component.hpp"
#include "kernels/cpu/frame_in_work.hpp"
#include "kernels/cpu/hit_bits.hpp"

namespace countem::cpu {

/// Pixels that the calibration leaves without a charge, one bit each; empty where every pixel has one.
[[nodiscard]] inline hit_bits pixels_without_charge(const calibration& used, frame_shape shape) {
  hit_bits without;
  if (used.mask.empty() && used.gain.empty()) return without;
  without = hit_bits(shape);
  for (std::size_t p = 0; p < shape.pixels(); ++p) {
    if (!can_have_charge(used, p))
      without.set(static_cast<std::uint32_t>(p / shape.width), static_cast<std::uint32_t>(p % shape.width));
  }
  return without;
}

/// Pixels beside which one has no charge, or whose neighbours vectors cannot load: at the frame's border, and those whose
/// second pixel to the right is outside.
[[nodiscard]] inline hit_bits pixels_beside_none(const hit_bits& without, frame_shape shape) {
  hit_bits beside(shape);
  const std::uint32_t height = shape.height;
  const std::uint32_t width = shape.width;
  const auto mark_around = [&](std::uint32_t y, std::uint32_t x) {
    for (std::uint32_t row = y == 0 ? 0 : y - 1; row <= std::min(y + 1, height - 1); ++row) {
      for (std::uint32_t column = x == 0 ? 0 : x - 1; column <= std::min(x + 1, width - 1); ++column) beside.set(row, column);
    }
  };
  for (std::uint32_t y = 0; y < height; ++y) {
    const bool edge = y == 0 || y + 1 == height;
    for (std::uint32_t x = 0; x < width; ++x) {
      if (edge || x == 0 || x + 2 >= width) beside.set(y, x);
      if (!without.empty() && without.test(y, x)) mark_around(y, x);
    }
  }
  return beside;
}

/// A hit and its neighbours, as method peaks sees them (docs/semantics.md). All is worked out from nine charges that are read
/// once: raw pixels that lie in a file may change meanwhile.
struct nine_charges {
  /// Row by row; `no_charge` for what has none or lies outside the frame.
  std::array<std::int32_t, 9> charge;

  [[nodiscard]] std::int32_t middle() const { return charge[4]; }

  /// Whether the middle beats all others.
  [[nodiscard]] bool is_peak() const {
    const std::int32_t before = std::max({charge[0], charge[1], charge[2], charge[3]});
    const std::int32_t after = std::max({charge[5], charge[6], charge[7], charge[8]});
    return middle() > std::max(before, 0) && middle() >= after;
  }

  /// To be called before what follows: no charge counts 0 there.
  void drop_no_charges() {
    for (std::int32_t& one : charge) one = one == no_charge ? 0 : one;
  }

  [[nodiscard]] std::int64_t score() const {
    const auto of = [&](std::size_t i) { return std::int64_t{charge[i]}; };
    const std::int64_t above = of(1) + std::max(of(0) + of(3), of(2) + of(5));
    const std::int64_t below = of(7) + std::max(of(6) + of(3), of(8) + of(5));
    return 3 * of(4) + std::max(above, below);
  }

  [[nodiscard]] std::uint64_t sum() const {
    std::int64_t all = 0;
    for (const std::int32_t one : charge) all += one;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(all, 0));
  }

  /// Where the event lies between two neighbours, in cells of a grid `upsample` times finer: 0 to upsample - 1.
  [[nodiscard]] std::uint32_t cell(std::int64_t before, std::int64_t after, std::int64_t upsample) const {
    before = std::max<std::int64_t>(before, 0);
    after = std::max<std::int64_t>(after, 0);
    const std::int64_t all = middle() + before + after;
    return static_cast<std::uint32_t>(std::min(upsample - 1, upsample * (all + 2 * (after - before)) / (2 * all)));
  }
  [[nodiscard]] std::uint32_t cell_row(std::uint32_t upsample) const { return cell(charge[1], charge[7], upsample); }
  [[nodiscard]] std::uint32_t cell_column(std::uint32_t upsample) const { return cell(charge[3], charge[5], upsample); }
};

/// The nine charges around a pixel; rows and columns before the first wrap.
template <class ChargeAt>
[[nodiscard]] nine_charges collect_nine(std::uint32_t y, std::uint32_t x, const ChargeAt& charge_at) {
  nine_charges nine;
  std::size_t i = 0;
  for (std::uint32_t row = y - 1; row != y + 2; ++row) {
    for (std::uint32_t column = x - 1; column != x + 2; ++column) nine.charge[i++] = charge_at(row, column);
  }
  return nine;
}

/// Whether a hit of this charge, which is no X-ray, is brighter than all hits beside it that are none (docs/semantics.md,
/// method maximum).
template <class ChargeOf>
[[nodiscard]] bool is_maximum(const hit_bits& hits, std::uint32_t y, std::uint32_t x, std::int32_t charge, std::int32_t xray16,
                              const ChargeOf& charge_of) {
  if (charge <= 0) return false;
  const auto beats = [&](std::uint32_t row, std::uint32_t column) {
    const bool inside = row < hits.shape().height && column < hits.shape().width;  // wraps above and left of the frame
    if (!inside || (row == y && column == x) || !hits.test(row, column)) return false;
    const std::int32_t other = charge_of(row, column);
    return other >= charge && other < xray16;
  };
  for (std::uint32_t row = y - 1; row != y + 2; ++row) {
    for (std::uint32_t column = x - 1; column != x + 2; ++column) {
      if (beats(row, column)) return false;
    }
  }
  return true;
}

/// The charges around hits of one frame.
template <class Pixel, class ChargeOf>
class neighbourhoods {
 public:
  neighbourhoods(const frame_in_work<Pixel>& work, const hit_bits& without, const ChargeOf& charge_of)
      : work_(work), without_(without), charge_of_(charge_of), shape_(work.frame->shape) {}

  [[nodiscard]] nine_charges around(std::uint32_t y, std::uint32_t x) const {
    return collect_nine(y, x, [this](std::uint32_t row, std::uint32_t column) {
      return has_charge(row, column) ? charge_of_(row, column) : no_charge;
    });
  }

  /// Hits among the nine.
  [[nodiscard]] std::uint32_t hits(std::uint32_t y, std::uint32_t x) const {
    std::uint32_t found = 0;
    for (std::uint32_t row = y == 0 ? 0 : y - 1; row <= std::min(y + 1, shape_.height - 1); ++row) {
      for (std::uint32_t column = x == 0 ? 0 : x - 1; column <= std::min(x + 1, shape_.width - 1); ++column)
        found += work_.hits.test(row, column) ? 1 : 0;
    }
    return found;
  }

 private:
  [[nodiscard]] bool has_charge(std::uint32_t row, std::uint32_t column) const {
    if (row >= shape_.height || column >= shape_.width || work_.rows[row] == nullptr) return false;
    if (!without_.empty() && without_.test(row, column)) return false;
    if (!work_.missing_columns.empty() && !work_.frame->arrived(row, column)) return false;
    return work_.rows[row][column] == work_.rows[row][column];  // not a NaN
  }

  const frame_in_work<Pixel>& work_;
  const hit_bits& without_;
  const ChargeOf& charge_of_;
  frame_shape shape_;
};

}  // namespace countem::cpu
