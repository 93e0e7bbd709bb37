#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

// Random numbers that are a function of (seed, frame, purpose, position) alone, so that frames may be made in any order on any
// number of threads. The standard library's distributions differ from library to library and are not used.
namespace countem::data_gen {

/// What a stream is drawn for; streams of different purposes are independent.
enum class purpose : std::uint32_t { detector = 1, specimen, electrons, xrays, noise, dark_noise, row_noise };

/// Philox4x32-10, the counter-based generator of Salmon et al. (doi:10.1145/2063384.2063405): key = seed, counter = (block,
/// purpose, frame). Blocks are made many at a time so that the compiler can use vector instructions.
class random_stream {
 public:
  random_stream(std::uint64_t seed, std::uint64_t frame, purpose used_for);

  [[nodiscard]] std::uint32_t next() {
    if (position_ == words_.size()) refill();
    return words_[position_++];
  }
  /// Uniform in [0, 1), a multiple of 2^-32.
  [[nodiscard]] double uniform() { return next() * 0x1p-32; }
  /// Uniform in (0, 1], a multiple of 2^-24.
  [[nodiscard]] float positive_uniform() { return static_cast<float>((next() >> 8) + 1) * 0x1p-24F; }

 private:
  void refill();

  static constexpr std::size_t blocks = 64;
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::size_t position_ = 4 * blocks;
  std::array<std::uint32_t, 4 * blocks> words_{};
};

/// Philox4x32-10 of one counter, as the paper defines it.
[[nodiscard]] std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// Standard normal numbers by table: 2^16 equally likely cells, each standing for its median; the two outermost cells, beyond
/// 4.17 sigma, are split into 2^12 more, so that the tail that false events are made of reaches 5.9 sigma.
/// Tables are computed in double and kept as float: last-bit differences between math libraries do not survive the rounding.
class normal_table {
 public:
  [[nodiscard]] static const normal_table& get();

  /// A cell's median; the outermost cells' too, so that nothing exceeds 4.3 sigma.
  [[nodiscard]] float operator[](std::uint16_t cell) const { return cells_[cell]; }
  /// The full distribution: `more` is drawn from only for the outermost cells.
  [[nodiscard]] float draw(std::uint16_t cell, random_stream& more) const {
    if (cell != 0 && cell != 0xffff) [[likely]]
      return cells_[cell];
    const float beyond = tail_[more.next() >> 20];
    return cell == 0 ? -beyond : beyond;
  }
  [[nodiscard]] float draw(random_stream& from) const { return draw(static_cast<std::uint16_t>(from.next() >> 16), from); }

 private:
  normal_table();
  std::vector<float> cells_;
  std::vector<float> tail_;
};

/// Poisson numbers of one mean, by inversion of a table of the distribution (exact to 2^-32).
class poisson_table {
 public:
  explicit poisson_table(double mean);
  [[nodiscard]] std::uint32_t draw(random_stream& from) const;

 private:
  std::uint32_t first_ = 0;
  std::vector<double> cumulative_;  ///< P(number <= first_ + i)
};

}  // namespace countem::data_gen
