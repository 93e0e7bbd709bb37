#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>
#include <numbers>
#include <random>

#include <countem/detective_efficiency.hpp>
#include <countem/error.hpp>

namespace {

using namespace countem;

constexpr frame_shape frame{100, 128};
constexpr double pi = std::numbers::pi;

/// Electrons, and the events that a counter made of them.
struct counted_frames {
  simulated_truth truth;
  event_batch events;

  void electron(double row, double column) {
    truth.rows.push_back(static_cast<float>(row));
    truth.columns.push_back(static_cast<float>(column));
  }
  void event(double row, double column, std::uint32_t upsample = 1) {
    const auto cell = [&](double at) { return static_cast<std::uint32_t>(std::floor((at + 0.5) * upsample)); };
    events.indices.push_back(cell(row) * frame.width * upsample + cell(column));
  }
  void end(std::uint8_t status = all_sectors) {
    truth.indptr.push_back(truth.rows.size());
    std::sort(events.indices.begin() + static_cast<std::ptrdiff_t>(events.indptr.back()), events.indices.end());
    events.indptr.push_back(events.indices.size());
    events.status.push_back(status);
  }
  [[nodiscard]] counting_spectrum spectrum(std::uint32_t upsample = 1, std::uint64_t most = 1'000'000) const {
    detective_efficiency sums(frame, events.frames(), most);
    sums.add(events, {frame.height * upsample, frame.width * upsample}, upsample, truth);
    return sums.spectrum();
  }
};

/// What a counter makes of one electron.
using counter_of_one = std::function<void(counted_frames&, double row, double column)>;

constexpr int many_frames = 300;
constexpr int electrons_per_frame = 60;

double uniform(std::mt19937_64& random, double from, double to) {
  return from + (to - from) * std::ldexp(static_cast<double>(random() >> 11), -53);
}

/// Electrons of even illumination, Poisson numbers of them, through a counter.
counted_frames even_illumination(const counter_of_one& count) {
  std::mt19937_64 random(7);
  std::poisson_distribution<int> number(electrons_per_frame);
  counted_frames out;
  for (int each = 0; each < many_frames; ++each) {
    for (int left = number(random); left > 0; --left) {
      const double row = uniform(random, -0.5, frame.height - 0.5);
      const double column = uniform(random, -0.5, frame.width - 0.5);
      out.electron(row, column);
      count(out, row, column);
    }
    out.end();
  }
  return out;
}

/// The standard error that the spectrum reports is also what its values are held to. `bias`: of the frequencies around a point.
void expect_efficiency(const spectrum_point& point, double expected, double bias = 1e-12) {
  EXPECT_LT(point.efficiency_error, 0.02);
  EXPECT_NEAR(point.efficiency, expected, 4 * point.efficiency_error + bias) << "at " << point.frequency;
}

constexpr double bias_of_pixels = 0.001;

double sinc(double turns) {
  return turns == 0 ? 1 : std::sin(pi * turns) / (pi * turns);
}

TEST(detective_efficiency, one_electron_and_one_event_worked_out) {
  // Event minus electron is (0.25, -0.5) pixels. A mode (p, r) turns by p / 100 * 0.25 - r / 128 * 0.5.
  counted_frames one;
  one.electron(10, 20.5);
  one.event(10, 20);
  one.electron(40.75, 7);
  one.event(41, 7);
  one.end();
  const counting_spectrum found = one.spectrum();
  EXPECT_EQ(found.frames, 1U);
  EXPECT_EQ(found.electrons_per_frame, 2);
  EXPECT_EQ(found.events_per_frame, 2);
  ASSERT_EQ(found.points.size(), 33U);
  const auto wave = [](double turns) { return std::polar(1.0, -2 * pi * turns); };
  const auto electrons = [&](double p, double r) {
    return wave(p / 100 * 10 + r / 128 * 20.5) + wave(p / 100 * 40.75 + r / 128 * 7);
  };
  const auto counts = [&](double p, double r) { return wave(p / 100 * 10 + r / 128 * 20) + wave(p / 100 * 41 + r / 128 * 7); };
  // Half the Nyquist frequency is 25 along the rows and 32 along the columns, with 2 frequencies on either side across.
  double transfer = 0;
  double noise = 0;
  for (const bool along_rows : {true, false}) {
    double power = 0;
    double count_power = 0;
    std::complex<double> cross;
    for (int across = -2; across <= 2; ++across) {
      const double p = along_rows ? 25 : across;
      const double r = along_rows ? across : 32;
      power += std::norm(electrons(p, r));
      count_power += std::norm(counts(p, r));
      cross += counts(p, r) * std::conj(electrons(p, r));
    }
    transfer += std::abs(cross) / power / 2;
    noise += (count_power - std::norm(cross) / power) / 5 / 2 / 2;  // modes, electrons, axes
  }
  EXPECT_EQ(found.half().frequency, 0.5);
  EXPECT_NEAR(found.half().transfer, transfer, 1e-12);
  EXPECT_NEAR(found.half().noise, noise, 1e-12);
  EXPECT_NEAR(found.half().efficiency, transfer * transfer / (transfer * transfer + noise), 1e-12);
  EXPECT_NEAR(found.half().noise_power, transfer * transfer + noise, 1e-12);
  EXPECT_TRUE(std::isnan(found.half().efficiency_error)) << "one frame has no spread";
}

TEST(detective_efficiency, the_lowest_frequencies_are_a_disc) {
  // An event two pixels beside its electron turns a mode (p, r) by 2 r / 128. The modes are those of half the disc
  // (p / 100)^2 + (r / 128)^2 <= 1 / 50^2; the other half has the same powers.
  counted_frames one;
  one.electron(50, 30);
  one.event(50, 32);
  one.end();
  std::complex<double> cross;
  double modes = 0;
  for (int p = 0; p <= 2; ++p) {
    for (int r = -2; r <= 2; ++r) {
      const double size = std::pow(p / 100.0, 2) + std::pow(r / 128.0, 2);
      if ((p == 0 && r <= 0) || size > 1 / 2500.0) continue;
      cross += std::polar(1.0, -2 * pi * 2 * r / 128);
      ++modes;
    }
  }
  ASSERT_EQ(modes, 8);
  EXPECT_NEAR(one.spectrum().zero().transfer, std::abs(cross) / modes, 1e-12);
}

TEST(detective_efficiency, a_perfect_counter_is_limited_by_its_pixels) {
  const auto ideal = [](counted_frames& out, double row, double column) { out.event(row, column); };
  const counting_spectrum found = even_illumination(ideal).spectrum();
  for (const spectrum_point& point : found.points)
    expect_efficiency(point, std::pow(sinc(point.frequency / 2), 2), bias_of_pixels);
  EXPECT_NEAR(found.half().efficiency, 0.811, 0.03);
  EXPECT_NEAR(found.full().efficiency, 0.405, 0.04);
  EXPECT_NEAR(found.modulation(found.full()), 0.637, 0.03);
  EXPECT_NEAR(found.gain(), 1, 0.01);
  EXPECT_NEAR(found.fano_factor(), 1, 0.05);
}

TEST(detective_efficiency, a_finer_grid_has_smaller_pixels) {
  const auto ideal = [](counted_frames& out, double row, double column) { out.event(row, column, 4); };
  for (const spectrum_point& point : even_illumination(ideal).spectrum(4).points)
    expect_efficiency(point, std::pow(sinc(point.frequency / 8), 2), bias_of_pixels);
}

/// A counter that finds a share of the electrons, each at its exact cell's centre, so that pixels take no part.
counter_of_one finds(double share, std::mt19937_64& random) {
  return [share, &random](counted_frames& out, double row, double column) {
    out.truth.rows.back() = static_cast<float>(std::floor(row + 0.5));
    out.truth.columns.back() = static_cast<float>(std::floor(column + 0.5));
    if (uniform(random, 0, 1) < share) out.event(row, column);
  };
}

TEST(detective_efficiency, a_share_of_the_electrons_is_the_efficiency) {
  std::mt19937_64 random(3);
  const counting_spectrum found = even_illumination(finds(0.6, random)).spectrum();
  for (const spectrum_point& point : found.points) expect_efficiency(point, 0.6);
  EXPECT_NEAR(found.gain(), 0.6, 0.02);
  EXPECT_NEAR(found.fano_factor(), 1, 0.05);
}

TEST(detective_efficiency, false_events_are_noise) {
  std::mt19937_64 random(5);
  const counter_of_one all = finds(1, random);
  const auto half_false = [&](counted_frames& out, double row, double column) {
    all(out, row, column);
    if (uniform(random, 0, 1) >= 0.5) return;
    const double anywhere = uniform(random, -0.5, frame.height - 0.5);
    out.event(anywhere, uniform(random, -0.5, frame.width - 0.5));
  };
  const counting_spectrum found = even_illumination(half_false).spectrum();
  for (const spectrum_point& point : found.points) expect_efficiency(point, 1 / 1.5);
  EXPECT_NEAR(found.gain(), 1, 0.02) << "false events do not follow the electrons";
  EXPECT_NEAR(found.zero().noise, 0.5, 0.03);
}

TEST(detective_efficiency, twice_the_events_are_no_more_electrons) {
  std::mt19937_64 random(5);
  const counter_of_one all = finds(1, random);
  const auto twice = [&](counted_frames& out, double row, double column) {
    all(out, row, column);
    out.event(row, column);
  };
  const counting_spectrum found = even_illumination(twice).spectrum();
  EXPECT_NEAR(found.zero().efficiency, 1, 1e-12);
  EXPECT_NEAR(found.gain(), 2, 1e-12);
  EXPECT_NEAR(found.fano_factor(), 2, 1e-12);
}

TEST(detective_efficiency, holds_for_a_pattern_as_for_even_illumination) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> spread(0, 12);
  const counter_of_one some = finds(0.6, random);
  counted_frames out;
  for (int each = 0; each < many_frames; ++each) {
    for (int electron = 0; electron < electrons_per_frame; ++electron) {
      const double row = std::clamp(50 + spread(random), 0.0, 99.0);
      const double column = std::clamp(64 + spread(random), 0.0, 127.0);
      out.electron(row, column);
      some(out, row, column);
    }
    out.end();
  }
  for (const spectrum_point& point : out.spectrum().points) expect_efficiency(point, 0.6);
}

TEST(detective_efficiency, a_shift_of_all_events_costs_nothing) {
  std::mt19937_64 random(11);
  const counter_of_one some = finds(0.6, random);
  const auto shifted = [&](counted_frames& out, double row, double column) {
    some(out, row, column);
    out.truth.rows.back() -= 0.4F;
    out.truth.columns.back() += 0.2F;
  };
  for (const spectrum_point& point : even_illumination(shifted).spectrum().points) expect_efficiency(point, 0.6, 0.001);
}

TEST(detective_efficiency, frames_that_never_arrived_are_left_out) {
  counted_frames out;
  for (int each = 0; each < 4; ++each) {
    out.electron(3, each);
    if (each != 2) out.event(3, each);
    out.end(each == 2 ? 0 : all_sectors);
  }
  const counting_spectrum found = out.spectrum();
  EXPECT_EQ(found.frames, 3U);
  EXPECT_EQ(found.electrons_per_frame, 1);
  EXPECT_DOUBLE_EQ(found.zero().efficiency, 1);
  EXPECT_NEAR(found.zero().efficiency_error, 0, 1e-12);
}

TEST(detective_efficiency, chosen_frames_are_spread_evenly_whatever_the_batches) {
  // Frame n has n + 1 electrons: three of eight are frames 2, 5 and 7.
  counted_frames all;
  for (int each = 0; each < 8; ++each) {
    for (int electron = 0; electron <= each; ++electron) {
      all.electron(3, electron);
      all.event(3, electron);
    }
    all.end();
  }
  EXPECT_EQ(all.spectrum(1, 3).frames, 3U);
  EXPECT_DOUBLE_EQ(all.spectrum(1, 3).electrons_per_frame, (3 + 6 + 8) / 3.0);
  detective_efficiency sums(frame, 8, 3);
  counted_frames single;
  single.electron(3, 3);
  single.event(3, 3);
  single.end();
  for (std::uint64_t number = 0; number < 8; ++number) {
    single.events.first_frame = number;
    sums.add(single.events, frame, 1, single.truth);
  }
  EXPECT_EQ(sums.spectrum().frames, 3U);
  EXPECT_EQ(enough_spectrum_frames(2'000'000, 500), 500U);
  EXPECT_EQ(enough_spectrum_frames(4'000'000, 500), 250U);
  EXPECT_EQ(enough_spectrum_frames(400'000'000, 500), 64U);
  EXPECT_EQ(enough_spectrum_frames(400'000'000, 10), 10U);
}

TEST(detective_efficiency, without_electrons_there_are_no_numbers) {
  counted_frames none;
  none.event(3, 3);
  none.end();
  const counting_spectrum found = none.spectrum();
  EXPECT_TRUE(std::isnan(found.zero().efficiency));
  EXPECT_TRUE(std::isnan(found.gain()));
  EXPECT_TRUE(std::isnan(found.fano_factor()));
}

TEST(detective_efficiency, a_line_detector_has_one_axis) {
  detective_efficiency sums({1, 64}, 1, 1);
  event_batch events;
  events.indices = {5, 40};
  events.indptr = {0, 2};
  events.status = {all_sectors};
  simulated_truth truth;
  truth.rows = {0, 0};
  truth.columns = {5, 40};
  truth.indptr = {0, 2};
  sums.add(events, {1, 64}, 1, truth);
  const counting_spectrum found = sums.spectrum();
  EXPECT_EQ(found.points[7].frequency, 7 / 32.0);
  for (const spectrum_point& point : found.points) EXPECT_NEAR(point.efficiency, 1, 1e-12);
}

TEST(detective_efficiency, refuses_what_does_not_fit) {
  EXPECT_THROW(detective_efficiency({7, 7}, 1, 1), invalid_argument);
  EXPECT_FALSE(has_spectrum({7, 7}));
  EXPECT_TRUE(has_spectrum({7, 8}));
  EXPECT_THROW(detective_efficiency(frame, 0, 1), invalid_argument);
  EXPECT_THROW(detective_efficiency(frame, 1, 0), invalid_argument);
  counted_frames one;
  one.end();
  detective_efficiency sums(frame, 1, 1);
  EXPECT_THROW(sums.add(one.events, frame, 2, one.truth), invalid_argument);
  EXPECT_THROW(sums.add(one.events, {100, 127}, 1, one.truth), invalid_argument);
  one.truth.indptr.push_back(0);
  EXPECT_THROW(sums.add(one.events, frame, 1, one.truth), invalid_argument);
}

}  // namespace
