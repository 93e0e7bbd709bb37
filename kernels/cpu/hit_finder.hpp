#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include <countem/counting.hpp>

#include "kernels/cpu/charge_forms.hpp"
#include "kernels/cpu/frame_in_work.hpp"
#include "kernels/cpu/hit_bits.hpp"
#include "kernels/cpu/row_noise.hpp"
#include "kernels/cpu/row_statistic.hpp"
#include "kernels/cpu/threshold.hpp"

namespace countem::cpu {

/// The hit mask of frames, rows at a time.
template <class Pixel>
class hit_finder {
 public:
  /// Refers to both, which must stay.
  hit_finder(const counting_setup& setup, const prepared_calibration<Pixel>& prepared)
      : shape_(setup.shape),
        calibrated_(setup.calibrated),
        row_noise_(setup.options.row_noise),
        charge_(setup.calibrated),
        limits_(prepared.limits),
        narrow_(prepared.narrow) {
    if (row_noise_ == row_noise_method::none) return;
    if (narrow_) {
      noise_.emplace(row_noise_, shape_.width, !narrow_->background.empty());
    } else {
      charges_.resize(shape_.width);
      quiet_.reserve(shape_.width);
    }
  }

  /// Sets the hit bits of rows [first, last) of up to four frames, and their noise where row noise is taken off.
  void find(std::span<frame_in_work<Pixel>> frames, std::uint32_t first, std::uint32_t last) {
    if (row_noise_ == row_noise_method::none) {
      find_above_limits(frames, first, last);
      return;
    }
    for (std::uint32_t y = first; y < last; ++y) {
      if (narrow_) {
        find_above_narrow_noise(frames, y);
        continue;
      }
      for (frame_in_work<Pixel>& work : frames) {
        if (!work.arrived()) continue;
        std::fill_n(work.hits.row(y), work.hits.words(), std::uint64_t{0});
        if (work.rows[y] != nullptr) find_above_noise(work, y);
      }
    }
  }

 private:
  void find_above_limits(std::span<frame_in_work<Pixel>> frames, std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t y = first; y < last;) {
      std::uint32_t end = last;
      for (const frame_in_work<Pixel>& work : frames) {
        if (work.arrived()) end = work.end_of_rows_alike(y, end);
      }
      threshold_block<Pixel> block;
      block.limits = limits_.per_pixel.empty() ? nullptr : limits_.per_pixel.data() + pixel_index(y, 0);
      block.everywhere = limits_.everywhere;
      block.width = shape_.width;
      block.rows = end - y;
      for (frame_in_work<Pixel>& work : frames) {
        if (!work.arrived()) continue;
        block.hits_stride = work.hits.stride();
        if (work.rows[y] == nullptr) {
          std::fill_n(work.hits.row(y), (end - y) * work.hits.stride(), std::uint64_t{0});
          continue;
        }
        block.raw[block.frames] = work.rows[y];
        block.hits[block.frames] = work.hits.row(y);
        ++block.frames;
      }
      find_hits(block);
      for (frame_in_work<Pixel>& work : frames) {
        if (work.arrived() && work.rows[y] != nullptr) correct_special_pixels(work, y, end);
      }
      y = end;
    }
  }

  /// What one compare per pixel cannot decide: pixels that are hits at any raw value, and sectors of columns that did not
  /// arrive.
  void correct_special_pixels(frame_in_work<Pixel>& work, std::uint32_t first, std::uint32_t last) {
    const frame_view& frame = *work.frame;
    if (!limits_.always.empty()) {
      for (std::uint32_t y = first; y < last; ++y) {
        for (std::size_t w = 0; w < work.hits.words(); ++w) work.hits.row(y)[w] |= limits_.always.row(y)[w];
      }
    }
    if (frame.split != sector_split::columns || frame.present == all_sectors) return;
    for (std::uint32_t y = first; y < last; ++y) {
      for (std::uint32_t x = 0; x < shape_.width; ++x) {
        if (!frame.arrived(y, x)) work.hits.clear(y, x);
      }
    }
  }

  void find_above_noise(frame_in_work<Pixel>& work, std::uint32_t y) {
    const Pixel* raw = work.rows[y];
    const std::uint32_t bounds[] = {0, shape_.width / 2, shape_.width};
    for (std::uint32_t half = 0; half < 2; ++half) {
      quiet_.clear();
      for (std::uint32_t x = bounds[half]; x < bounds[half + 1]; ++x) {
        const std::size_t p = pixel_index(y, x);
        const Pixel value = raw[x];
        const bool has_charge = can_have_charge(calibrated_, p) && work.frame->arrived(y, x) && value == value;
        charges_[x] = has_charge ? charge_(value, p) : no_charge;
        if (has_charge && charges_[x] <= background16(p)) quiet_.push_back(charges_[x]);
      }
      const std::int32_t here = row_statistic(row_noise_, quiet_);
      work.noise[std::size_t{y} * 2 + half] = here;
      for (std::uint32_t x = bounds[half]; x < bounds[half + 1]; ++x) {
        if (charges_[x] != no_charge && without_noise(charges_[x], here) > background16(pixel_index(y, x))) work.hits.set(y, x);
      }
    }
  }

  /// The same in 16-bit numbers, for a row of all frames.
  void find_above_narrow_noise(std::span<frame_in_work<Pixel>> frames, std::uint32_t y) {
    if constexpr (std::is_integral_v<Pixel> && sizeof(Pixel) <= 2) {
      const auto at = [pixel = pixel_index(y, 0)](const std::vector<std::int16_t>& plane) {
        return plane.empty() ? nullptr : plane.data() + pixel;
      };
      // What a later row needs is fetched meanwhile: between rows there is nothing that reads ahead.
      constexpr std::uint32_t rows_ahead = 2;
      narrow_rows<Pixel> rows;
      rows.width = shape_.width;
      rows.dark16 = at(narrow_->dark16);
      rows.background = at(narrow_->background);
      rows.everywhere = narrow_->background_everywhere;
      for (frame_in_work<Pixel>& work : frames) {
        if (!work.arrived()) continue;
        if (work.rows[y] == nullptr) {
          std::fill_n(work.hits.row(y), work.hits.words(), std::uint64_t{0});
          continue;
        }
        const Pixel* ahead = y + rows_ahead < shape_.height ? work.rows[y + rows_ahead] : nullptr;
        rows.frames[rows.count++] = {work.rows[y], ahead, work.hits.row(y), &work.noise[std::size_t{y} * 2],
                                     work.missing_columns};
      }
      if (rows.count > 0) noise_->find_hits(rows);
    }
  }

  [[nodiscard]] std::size_t pixel_index(std::uint32_t y, std::uint32_t x) const { return std::size_t{y} * shape_.width + x; }
  [[nodiscard]] std::int32_t background16(std::size_t pixel) const { return background_of(calibrated_, pixel); }

  frame_shape shape_;
  const calibration& calibrated_;
  row_noise_method row_noise_;
  pixel_charge charge_;
  const quiet_limits<Pixel>& limits_;
  // Where row noise is taken off: in 16 bits,
  const std::optional<narrow_calibration>& narrow_;
  std::optional<narrow_noise> noise_;
  // or where these do not do.
  std::vector<std::int32_t> charges_;  // of one row
  std::vector<std::int32_t> quiet_;    // of one half-row
};

}  // namespace countem::cpu
