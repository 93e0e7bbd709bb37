#pragma once

#include <bit>
#include <cstdint>
#include <tuple>
#include <vector>

#include "kernels/cpu/component.hpp"
#include "kernels/cpu/hit_bits.hpp"

namespace countem::cpu {

/// Takes whole components of any size and shape out of a hit mask, run of hits by run of hits: linear in the hits, no
/// recursion.
class component_fill {
 public:
  /// Clears the component that holds the hit (row, column) from `hits` and returns its sums; charge_of(row, column) gives a
  /// hit's charge.
  template <class ChargeOf>
  component_sums take(hit_bits& hits, std::uint32_t row, std::uint32_t column, const ChargeOf& charge_of) {
    component_sums sums;
    sums.first_row = row;
    sums.first_column = column;
    pending_.clear();
    pending_.push_back(take_run(hits, row, column));
    while (!pending_.empty()) {
      const run current = pending_.back();
      pending_.pop_back();
      add(sums, current, charge_of);
      if (current.row > 0) take_neighbours(hits, current.row - 1, current);
      take_neighbours(hits, current.row + 1, current);  // a zero row below the last
    }
    return sums;
  }

 private:
  /// Adjacent hits of one row, columns first to last.
  struct run {
    std::uint32_t row;
    std::uint32_t first;
    std::uint32_t last;
  };

  /// Takes the runs of `row` that touch `current`, diagonals included.
  void take_neighbours(hit_bits& hits, std::uint32_t row, const run& current) {
    const std::uint32_t first = current.first == 0 ? 0 : current.first - 1;
    const std::uint32_t last = current.last + 1 == hits.shape().width ? current.last : current.last + 1;
    constexpr std::uint32_t bits = hit_bits::bits_per_word;
    std::uint64_t* words = hits.row(row);
    for (std::uint32_t word = first / bits; word <= last / bits; ++word) {
      const std::uint64_t from = word == first / bits ? ~std::uint64_t{0} << (first % bits) : ~std::uint64_t{0};
      const std::uint64_t to = word == last / bits ? ~std::uint64_t{0} >> (bits - 1 - last % bits) : ~std::uint64_t{0};
      // Taking a run clears its bits, so that each is found once.
      while ((words[word] & from & to) != 0) {
        const auto bit = static_cast<std::uint32_t>(std::countr_zero(words[word] & from & to));
        pending_.push_back(take_run(hits, row, word * bits + bit));
      }
    }
  }

  /// Clears and returns the run that holds the hit (row, column).
  static run take_run(hit_bits& hits, std::uint32_t row, std::uint32_t column) {
    constexpr std::uint32_t bits = hit_bits::bits_per_word;
    std::uint64_t* words = hits.row(row);
    run taken{row, column, column};

    std::uint32_t word = column / bits;
    std::uint32_t bit = column % bits;
    // To the left: the hits below `bit` that touch it, then on into the words before.
    for (;;) {
      const std::uint64_t below = bit == 0 ? 0 : words[word] << (bits - bit);
      const auto length = static_cast<std::uint32_t>(std::countl_one(below));
      taken.first -= length;
      if (length != 0) words[word] &= ~(((std::uint64_t{1} << length) - 1) << (bit - length));
      if (length != bit || word == 0) break;
      --word;
      if ((words[word] >> (bits - 1)) == 0) break;
      words[word] &= ~(std::uint64_t{1} << (bits - 1));
      --taken.first;
      bit = bits - 1;
    }
    // From the hit itself to the right.
    word = column / bits;
    bit = column % bits;
    taken.last = column;
    for (std::uint32_t next = column;; next = word * bits) {
      const auto length = static_cast<std::uint32_t>(std::countr_one(words[word] >> bit));
      if (length == 0) break;
      words[word] &= length == bits ? 0 : ~(((std::uint64_t{1} << length) - 1) << bit);
      taken.last = next + length - 1;
      if (bit + length != bits || word + 1 == hits.words()) break;
      ++word;
      bit = 0;
    }
    return taken;
  }

  template <class ChargeOf>
  static void add(component_sums& sums, const run& current, const ChargeOf& charge_of) {
    // 64-bit sums relative to the start of a piece cannot overflow: 2^10 pixels of at most 2^30.
    constexpr std::uint32_t piece = 1024;
    for (std::uint64_t start = current.first; start <= current.last; start += piece) {
      const auto end = static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{current.last} + 1, start + piece));
      std::uint64_t charge = 0;
      std::uint64_t charge_offsets = 0;
      for (auto column = static_cast<std::uint32_t>(start); column < end; ++column) {
        const std::int32_t here = hit_charge(charge_of, current.row, column);
        charge += static_cast<std::uint64_t>(here);
        charge_offsets += static_cast<std::uint64_t>(here) * (column - start);
        sums.largest = std::max(sums.largest, here);
      }
      sums.charge += charge;
      sums.charge_rows += wide{charge} * current.row;
      sums.charge_columns += wide{charge} * start + charge_offsets;
    }
    sums.size += current.last - current.first + 1;
    if (std::tie(current.row, current.first) < std::tie(sums.first_row, sums.first_column)) {
      sums.first_row = current.row;
      sums.first_column = current.first;
    }
  }

  std::vector<run> pending_;
};

}  // namespace countem::cpu
