#pragma once

#include <algorithm>
#include <cstddef>
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
        options_(setup.options),
        charge_(setup.calibrated),
        limits_(prepared.limits),
        narrow_(prepared.narrow) {
    if (!subtracts_noise(options_)) return;
    if (narrow_) noise_.emplace(options_.row_noise, shape_.width);
    row_charges_.resize(shape_.width);
    half_charges_.reserve(shape_.width);
  }

  /// Sets the hit bits of rows [first, last) of up to four frames, and what is subtracted from their half-rows. Rows come in
  /// order, those of new frames from 0 on.
  void find(std::span<frame_in_work<Pixel>> frames, std::uint32_t first, std::uint32_t last) {
    if (!subtracts_noise(options_)) {
      find_above_limits(frames, first, last);
      return;
    }
    if (options_.background == background_method::frame && first == 0) find_shifts(frames);
    for (std::uint32_t y = first; y < last; ++y) find_above_noise(frames, y);
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

  /// What is subtracted from all half-rows of each frame.
  void find_shifts(std::span<frame_in_work<Pixel>> frames) {
    const std::uint32_t step = background_row_step(shape_.height);
    for (std::uint32_t y = 0; y < shape_.height; y += step) run_narrow(noise_task::medians, frames, y, step);
    for (frame_in_work<Pixel>& work : frames) {
      if (!work.arrived()) continue;
      medians_.clear();
      for (std::uint32_t y = 0; y < shape_.height; y += step) {
        if (work.rows[y] == nullptr) continue;
        for (std::uint32_t half = 0; half < 2; ++half) {
          std::int32_t here = work.noise[std::size_t{y} * 2 + half];
          if (!narrow_ || here > narrow_->highest_noise) here = half_row_median(work, y, half);
          if (here != no_charge) medians_.push_back(here);
        }
      }
      std::ranges::fill(work.noise, medians_.empty() ? 0 : median(medians_));
    }
  }

  std::int32_t half_row_median(const frame_in_work<Pixel>& work, std::uint32_t y, std::uint32_t half) {
    load_half_row(work, y, half);
    return half_charges_.empty() ? no_charge : median(half_charges_);
  }

  void find_above_noise(std::span<frame_in_work<Pixel>> frames, std::uint32_t y) {
    constexpr std::uint32_t rows_ahead = 2;
    const bool given = options_.background == background_method::frame;
    run_narrow(given ? noise_task::hits : noise_task::noise_and_hits, frames, y, rows_ahead);
    for (frame_in_work<Pixel>& work : frames) {
      if (!work.arrived()) continue;
      const std::int32_t* noise = &work.noise[std::size_t{y} * 2];
      if (work.rows[y] != nullptr && narrow_ && std::max(noise[0], noise[1]) <= narrow_->highest_noise) continue;
      std::fill_n(work.hits.row(y), work.hits.words(), std::uint64_t{0});
      if (work.rows[y] == nullptr) continue;
      for (const std::uint32_t half : {0U, 1U}) find_above_wide_noise(work, y, half);
    }
  }

  /// In 32 bits.
  void find_above_wide_noise(frame_in_work<Pixel>& work, std::uint32_t y, std::uint32_t half) {
    load_half_row(work, y, half);
    std::int32_t& noise = work.noise[std::size_t{y} * 2 + half];
    if (options_.background == background_method::none) {
      const auto pixels = std::span(row_charges_).subspan(first_column(half), first_column(half + 1) - first_column(half));
      noise = row_statistic(options_.row_noise, pixels, half_charges_);
    }
    for (std::uint32_t x = first_column(half); x < first_column(half + 1); ++x) {
      if (row_charges_[x] != no_charge && without_noise(row_charges_[x], noise) > background16(pixel_index(y, x)))
        work.hits.set(y, x);
    }
  }

  void load_half_row(const frame_in_work<Pixel>& work, std::uint32_t y, std::uint32_t half) {
    half_charges_.clear();
    for (std::uint32_t x = first_column(half); x < first_column(half + 1); ++x) {
      const std::size_t p = pixel_index(y, x);
      const Pixel value = work.rows[y][x];
      const bool has_charge = can_have_charge(calibrated_, p) && work.frame->arrived(y, x) && value == value;
      row_charges_[x] = has_charge ? charge_(value, p) : no_charge;
      if (has_charge) half_charges_.push_back(row_charges_[x]);
    }
  }

  /// A row of those frames that have it, where 16 bits do. What a later row needs is fetched meanwhile: between rows there is
  /// nothing that reads ahead.
  void run_narrow(noise_task task, std::span<frame_in_work<Pixel>> frames, std::uint32_t y, std::uint32_t rows_ahead) {
    if constexpr (is_small<Pixel>) {
      if (!narrow_) return;
      const auto at = [pixel = pixel_index(y, 0)](const std::vector<std::int16_t>& plane) {
        return plane.empty() ? nullptr : plane.data() + pixel;
      };
      narrow_rows<Pixel> rows;
      rows.width = shape_.width;
      rows.dark16 = at(narrow_->dark16);
      rows.background = at(narrow_->background);
      rows.everywhere = narrow_->background_everywhere;
      rows.highest_noise = narrow_->highest_noise;
      if (!narrow_->masked_pixels.empty())
        rows.masked = {narrow_->masked_pixels[std::size_t{y} * 2], narrow_->masked_pixels[std::size_t{y} * 2 + 1]};
      for (frame_in_work<Pixel>& work : frames) {
        if (!work.arrived() || work.rows[y] == nullptr) continue;
        const Pixel* ahead = shape_.height - y > rows_ahead ? work.rows[y + rows_ahead] : nullptr;
        rows.frames[rows.count++] = {work.rows[y], ahead, work.hits.row(y), &work.noise[std::size_t{y} * 2],
                                     work.missing_columns};
      }
      if (rows.count > 0) noise_->run(task, rows);
    }
  }

  [[nodiscard]] std::uint32_t first_column(std::uint32_t half) const {
    return half == 1 ? shape_.width / 2 : half / 2 * shape_.width;
  }
  [[nodiscard]] std::size_t pixel_index(std::uint32_t y, std::uint32_t x) const { return std::size_t{y} * shape_.width + x; }
  [[nodiscard]] std::int32_t background16(std::size_t pixel) const { return background_of(calibrated_, pixel); }

  frame_shape shape_;
  const calibration& calibrated_;
  counting_options options_;
  pixel_charge charge_;
  const quiet_limits<Pixel>& limits_;
  // Where noise is subtracted: in 16 bits,
  const std::optional<narrow_calibration>& narrow_;
  std::optional<narrow_noise> noise_;
  // or where these do not do.
  std::vector<std::int32_t> row_charges_;
  std::vector<std::int32_t> half_charges_;  // those that are charges
  std::vector<std::int32_t> medians_;       // of half-rows of one frame
};

}  // namespace countem::cpu
