#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/charge_forms.hpp"
#include "kernels/cpu/component_windows.hpp"
#include "kernels/cpu/fetch_ahead.hpp"
#include "kernels/cpu/widest_vector.hpp"

namespace countem::cpu {

/// The sums over a component that fits a window; whole numbers below 2^53.
struct window_sums {
  double charge = 0;
  double charge_rows = 0;     ///< sum of charge * row of the window
  double charge_columns = 0;  ///< sum of charge * column of the window
  double unused = 0;          ///< vectors take four
};

/// Components of a strip: their sums, and the windows that show them. Vectors write and read behind the last one.
struct summed_components {
  std::vector<window_sums> sums;
  std::vector<std::uint32_t> windows;
  std::size_t count = 0;

  void start(std::size_t most) {
    const std::size_t room = most + widest_vector<double>;
    count = 0;
    if (windows.size() >= room) return;
    sums.resize(room);
    windows.resize(room);
  }
  void add(const window_sums& sum, std::size_t window) {
    sums[count] = sum;
    windows[count++] = static_cast<std::uint32_t>(window);
  }
};

/// Which components become events.
struct component_limits {
  std::int32_t xray16;  ///< those with a pixel of this charge do not
  std::uint32_t smallest;
  std::uint32_t largest;

  [[nodiscard]] bool hold(std::uint64_t component) const {
    const auto size = static_cast<std::uint32_t>(std::popcount(component));
    return size >= smallest && size <= largest;
  }
  [[nodiscard]] bool hold_any_size() const { return smallest <= 1 && largest >= window::size * window::size; }
};

/// The roots of a strip, with the part of the frame that they are in.
struct strip_windows {
  const component_root* roots;
  const std::uint64_t* hits;
  std::size_t count;
  std::uint32_t first_row;  ///< of the frame: that of roots of row 0
  std::uint32_t height;     ///< of the frame
  std::uint32_t width;
};

/// Windows whose components must be summed pixel by pixel; those that show a pixel before their root are no component of
/// their own.
void list_all(const strip_windows& strip, std::vector<std::uint32_t>& others);

/// Sums components of two rows and of moderate charges, which are all but a few in a hundred, and lists the others. Fetches the
/// lines of `ahead` meanwhile.
void sum_small_components(const strip_windows& strip, const raw_charges<std::uint8_t>& charges, const component_limits& limits,
                          summed_components& small, std::vector<std::uint32_t>& others, const fetch_ahead& ahead);
void sum_small_components(const strip_windows& strip, const raw_charges<std::uint16_t>& charges, const component_limits& limits,
                          summed_components& small, std::vector<std::uint32_t>& others, const fetch_ahead& ahead);
void sum_small_components(const strip_windows& strip, const limit_charges<std::uint8_t>& charges,
                          const component_limits& limits, summed_components& small, std::vector<std::uint32_t>& others,
                          const fetch_ahead& ahead);
void sum_small_components(const strip_windows& strip, const limit_charges<std::uint16_t>& charges,
                          const component_limits& limits, summed_components& small, std::vector<std::uint32_t>& others,
                          const fetch_ahead& ahead);
void sum_small_components(const strip_windows& strip, const narrow_denoised_charges<std::uint8_t>& charges,
                          const component_limits& limits, summed_components& small, std::vector<std::uint32_t>& others,
                          const fetch_ahead& ahead);
void sum_small_components(const strip_windows& strip, const narrow_denoised_charges<std::uint16_t>& charges,
                          const component_limits& limits, summed_components& small, std::vector<std::uint32_t>& others,
                          const fetch_ahead& ahead);

/// The same for charges that no vector gives.
template <class Charges>
void sum_small_components(const strip_windows& strip, const Charges&, const component_limits&, summed_components& small,
                          std::vector<std::uint32_t>& others, const fetch_ahead&) {
  small.start(strip.count);
  list_all(strip, others);
}

/// Where events of these components lie on a grid of `upsample` cells a pixel: floor(k (2 X + S) / (2 S)) cells from the
/// window's first. Exact: numerators stay below 2^53, quotients below 2^10 and divisors below 2^38, so that the rounded
/// quotient is never on the other side of an integer. Appended to `indices`.
void find_events(const strip_windows& strip, const summed_components& components, std::uint32_t upsample,
                 std::vector<std::uint32_t>& indices);

}  // namespace countem::cpu
