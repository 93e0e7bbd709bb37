#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <countem/reductions.hpp>

#include "kernels/cpu/reduce_simd.hpp"

namespace countem::cpu {

/// Bins the events of a frame. Binned rows come out in order, the columns within one do not. Where rows have few events they
/// are inserted one by one; where no row has many, a network sorts each, or merges the two rows that it was made of; else two
/// counting sorts, by column and then back into rows, do it without a branch that could be mispredicted.
class frame_binner {
 public:
  frame_binner(frame_shape shape, std::uint32_t factor)
      : shape_(shape),
        factor_(factor),
        grid_(binned(shape, factor)),
        lanes_(fits_lanes(shape) && grid_.height < side && grid_.width < side) {}

  void bin(frame_events events, std::uint32_t* out) {
    if (events.empty()) return;
    if (!lanes_) return bin_by_comparison(events, out);
    const std::size_t room = events.size() + most_in_row;
    if (rows_.size() < room) {
      rows_.resize(room);
      columns_.resize(room);
      by_column_.resize(room);
      sorted_.resize(room);
    }
    if (events.size() < std::size_t{2} * grid_.height) {
      bin_positions(events, shape_, {factor_, factor_}, rows_.data(), columns_.data());
      return insert(events.size(), out);
    }
    constexpr std::size_t worth_it = 8;  // events of a pair: as many rows again are to be found
    if (factor_ == 2 && shape_.height < side && events.size() >= worth_it * grid_.height) {
      sort_pairs(events);
    } else {
      sort(events);
    }
    std::copy_n(sorted_.data(), events.size(), out);  // stores all over `out` would have waited for memory
  }

 private:
  static constexpr std::uint32_t side = 1U << 16;

  static std::uint32_t* starts(std::vector<std::uint32_t>& of, std::uint32_t number) {
    of.assign(std::size_t{number} + 1, 0);
    return of.data();
  }

  /// Where two rows become one, which are in order.
  void sort_pairs(frame_events events) {
    bin_positions(events, shape_, {1, factor_}, rows_.data(), columns_.data());
    find_rows(events.size(), 2 * grid_.height);
    std::uint32_t fullest = 0;
    for (std::size_t row = 0; row < grid_.height; ++row) fullest = std::max(fullest, row_at_[2 * row + 2] - row_at_[2 * row]);
    if (fullest <= most_in_row)
      return merge_pairs_of_rows(columns_.data(), std::span(row_at_).subspan(1), grid_.width, sorted_.data());
    for (std::size_t i = 0; i < events.size(); ++i) rows_[i] = static_cast<std::uint16_t>(rows_[i] / 2);
    for (std::size_t row = 0; row <= grid_.height; ++row) row_at_[row] = row_at_[2 * row];
    sort_by_counting(events.size());
  }

  void sort(frame_events events) {
    bin_positions(events, shape_, {factor_, factor_}, rows_.data(), columns_.data());
    if (find_rows(events.size(), grid_.height) <= most_in_row) {
      sort_rows(columns_.data(), std::span(row_at_).subspan(1), grid_.width, sorted_.data());
    } else {
      sort_by_counting(events.size());
    }
  }

  /// Few events a row are nearly in order.
  void insert(std::size_t number, std::uint32_t* out) const {
    for (std::size_t i = 0; i < number; ++i) {
      const std::uint32_t index = std::uint32_t{rows_[i]} * grid_.width + columns_[i];
      std::size_t at = i;
      for (; at > 0 && out[at - 1] > index; --at) out[at] = out[at - 1];
      out[at] = index;
    }
  }

  /// Where each row begins, and behind it the next. Returns the number of events in the fullest.
  std::uint32_t find_rows(std::size_t number, std::uint32_t rows) {
    // Rows ascend: where each one ends is simply written down, the last one to do so being right.
    std::uint32_t* const row_end = starts(row_at_, rows) + 1;
    for (std::uint32_t i = 0; i < number; ++i) row_end[rows_[i]] = i + 1;
    std::uint32_t begin = 0;
    std::uint32_t fullest = 0;
    for (std::uint32_t row = 0; row < rows; ++row) {
      row_end[row] = std::max(row_end[row], begin);
      fullest = std::max(fullest, row_end[row] - begin);
      begin = row_end[row];
    }
    return fullest;
  }

  void sort_by_counting(std::size_t number) {
    std::uint32_t* const column_at = starts(column_at_, grid_.width);
    for (std::size_t i = 0; i < number; ++i) ++column_at[columns_[i]];
    std::exclusive_scan(column_at_.begin(), column_at_.end(), column_at_.begin(), 0U);
    std::uint32_t* const by_column = by_column_.data();
    for (std::size_t i = 0; i < number; ++i) {
      const std::uint32_t column = columns_[i];
      by_column[column_at[column]++] = std::uint32_t{rows_[i]} << 16 | column;
    }
    std::uint32_t* const row_at = row_at_.data();
    std::uint32_t* const sorted = sorted_.data();
    const std::uint32_t width = grid_.width;
    for (std::size_t i = 0; i < number; ++i) {
      const std::uint32_t row = by_column[i] >> 16;
      sorted[row_at[row]++] = row * width + (by_column[i] & 0xffff);
    }
  }

  void bin_by_comparison(frame_events events, std::uint32_t* out) const {
    std::transform(events.begin(), events.end(), out, [&](std::uint32_t index) {
      return index / shape_.width / factor_ * grid_.width + index % shape_.width / factor_;
    });
    std::sort(out, out + events.size());
  }

  frame_shape shape_;
  std::uint32_t factor_;
  frame_shape grid_;
  bool lanes_;
  std::vector<std::uint16_t> rows_;     ///< of each event on the binned grid
  std::vector<std::uint16_t> columns_;  ///< of each event on the binned grid
  std::vector<std::uint32_t> by_column_;
  std::vector<std::uint32_t> sorted_;
  std::vector<std::uint32_t> column_at_;
  std::vector<std::uint32_t> row_at_;
};

}  // namespace countem::cpu
