// Scans of a thin object by rays: the electron that meets pixel w at position x has passed the object at x + shift(w). What was
// put in must be found: rotation, flip, aberrations, and the object.
#include <countem/parallax.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>
#include <random>

#include <countem/error.hpp>

#include "tests/analysis/memory_store.hpp"

namespace {

using namespace countem;
using complex = std::complex<double>;

constexpr frame_shape frame{48, 50};
constexpr detector_point middle{23.3, 25.6};
constexpr double radius = 17;

struct simulated_scan {
  std::vector<aberration> terms;  ///< steps per power of pixels
  scan_rotation rotation;
  scan_shape scan{48, 44, 1};
  double electrons = 60;  ///< per frame, of which the object takes some away
  double contrast = 0.5;
};

/// Bumps at random places, about two steps wide; 0 to 1.
class random_object {
 public:
  explicit random_object(const scan_shape& scan) : width_(per_step * (scan.width + 2 * margin)) {
    values_.resize(std::size_t{per_step} * (scan.height + 2 * margin) * width_);
    std::mt19937 random(77);
    for (int i = 0; i < 220; ++i) {
      const double row = std::uniform_real_distribution(0.0, scan.height + 2.0 * margin)(random);
      const double column = std::uniform_real_distribution(0.0, scan.width + 2.0 * margin)(random);
      add_bump(row * per_step, column * per_step);
    }
  }
  [[nodiscard]] double at(complex place) const {
    const auto row = static_cast<std::size_t>(std::lround((place.real() + margin) * per_step));
    const auto column = static_cast<std::size_t>(std::lround((place.imag() + margin) * per_step));
    return std::min(values_[row * width_ + column], 1.5) / 1.5;
  }

 private:
  static constexpr int per_step = 8;
  static constexpr int margin = 20;  ///< steps around the scan

  void add_bump(double row, double column) {
    const double size = 1.6 * per_step;
    const auto height = values_.size() / width_;
    for (std::size_t r = 0; r < height; ++r) {
      for (std::size_t c = 0; c < width_; ++c) {
        const double squared = std::pow(static_cast<double>(r) - row, 2) + std::pow(static_cast<double>(c) - column, 2);
        if (squared < 16 * size * size) values_[r * width_ + c] += std::exp(-squared / (2 * size * size));
      }
    }
  }

  std::size_t width_;
  std::vector<double> values_;
};

/// Large enough for scans of 48 x 48.
const random_object& the_object() {
  static const random_object object({48, 48, 1});
  return object;
}

complex shift_of(const simulated_scan& made, double row, double column) {
  return gradient(made.terms, in_scan_axes(row, column, made.rotation));
}

/// `arrived`: status of each frame.
memory_store scanned(const simulated_scan& made, unsigned seed, const std::function<std::uint8_t(std::size_t)>& arrived) {
  const random_object& object = the_object();
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> unit(0, 1);
  event_batch batch;
  for (std::size_t f = 0; f < made.scan.frames(); ++f) {
    const std::uint64_t position = f / made.scan.frames_per_position;
    const complex place(static_cast<double>(position / made.scan.width), static_cast<double>(position % made.scan.width));
    std::poisson_distribution<int> number(made.electrons);
    const auto first = static_cast<std::ptrdiff_t>(batch.indices.size());
    batch.status.push_back(arrived(f));
    for (int i = has_arrived(batch.status.back()) ? number(random) : 0; i > 0; --i) {
      const complex w = std::polar(radius * std::sqrt(unit(random)), 2 * std::numbers::pi * unit(random));
      if (unit(random) > 1 - made.contrast * object.at(place + shift_of(made, w.real(), w.imag()))) continue;
      const auto row = static_cast<std::uint32_t>(std::lround(middle.row + w.real()));
      const auto column = static_cast<std::uint32_t>(std::lround(middle.column + w.imag()));
      batch.indices.push_back(row * frame.width + column);
    }
    std::sort(batch.indices.begin() + first, batch.indices.end());
    batch.indptr.push_back(batch.indices.size());
  }
  return {frame, made.scan, std::move(batch)};
}

memory_store scanned(const simulated_scan& made, unsigned seed = 1) {
  return scanned(made, seed, [](std::size_t) { return all_sectors; });
}

parallax_result reconstructed(const memory_store& store, const parallax_options& options = {}) {
  return reconstruct_parallax(store, options, whole(store.description().scan), {});
}

const simulated_scan usual{{{1, 0, -0.5}, {1, 2, 0.06, -0.09}}, {20, false}};

const memory_store& usual_scan() {
  static const memory_store store = scanned(usual);
  return store;
}

const parallax_result& usual_result() {
  static const parallax_result result = reconstructed(usual_scan());
  return result;
}

/// Within four standard errors and one in a hundred of the largest.
void expect_found(const parallax_result& result, const simulated_scan& made) {
  const scan_rotation& rotation = result.rotation;
  EXPECT_EQ(rotation.flip, made.rotation.flip);
  EXPECT_NEAR(std::remainder(rotation.degrees - made.rotation.degrees, 360), 0, 4 * result.rotation_error_degrees + 0.1);
  EXPECT_LT(result.rotation_error_degrees, 2.5);
  for (const aberration& wanted : made.terms) {
    const auto found =
        std::ranges::find_if(result.aberrations, [&](const aberration& term) { return name_of(term) == name_of(wanted); });
    ASSERT_NE(found, result.aberrations.end());
    const double bias = 0.01 * std::abs(made.terms.front().a) * std::pow(radius, 1.0 - wanted.order);
    EXPECT_NEAR(found->a, wanted.a, 4 * found->a_error + bias) << name_of(wanted);
    EXPECT_NEAR(found->b, wanted.b, 4 * found->b_error + bias) << name_of(wanted);
  }
}

TEST(parallax, finds_defocus_astigmatism_rotation_and_flip) {
  expect_found(usual_result(), usual);
  EXPECT_NEAR(usual_result().bright_field, 0.95 * radius, 0.5);
  const std::vector<simulated_scan> cases{{{{1, 0, 0.4}, {1, 2, 0, 0}}, {-71, false}},
                                          {{{1, 0, -0.45}, {1, 2, -0.05, 0.02}}, {33, true}},
                                          {{{1, 0, 0.2}, {1, 2, 0.02, 0.03}}, {-88, true}}};
  for (const simulated_scan& made : cases) {
    const parallax_result result = reconstructed(scanned(made));
    expect_found(result, made);
    EXPECT_GT(result.score, 8);
    EXPECT_LT(result.aberrations.front().a_error, 0.02);
  }
}

TEST(parallax, half_turns_change_the_sign) {
  parallax_options options;
  options.rotation_degrees = -170;
  const parallax_result turned = reconstructed(usual_scan(), options);
  EXPECT_NEAR(turned.rotation.degrees, usual_result().rotation.degrees - 180, 1e-9);
  for (std::size_t t = 0; t < turned.aberrations.size(); ++t) {
    EXPECT_EQ(turned.aberrations[t].a, -usual_result().aberrations[t].a);
    EXPECT_EQ(turned.aberrations[t].b, -usual_result().aberrations[t].b);
  }
  // Not exactly: half a turn of a cell rounds the other way.
  const auto sum = [](const auto& values) { return std::accumulate(values.begin(), values.end(), 0.0); };
  EXPECT_NEAR(sum(turned.electrons), sum(usual_result().electrons), 100);
}

TEST(parallax, finds_higher_orders) {
  simulated_scan made{{{1, 0, -0.5}, {1, 2, 0.04, 0.03}, {2, 1, 0.012, -0.008}, {2, 3, 0.004, 0.006}}, {12, false}};
  made.electrons = 150;
  parallax_options options;
  options.order = 2;
  expect_found(reconstructed(scanned(made), options), made);
}

/// Sums over all cells of the product with the object's deviation from its mean.
double correlation(const parallax_result& result) {
  const random_object& object = the_object();
  std::vector<double> image;
  std::vector<double> wanted;
  for (std::size_t cell = 0; cell < result.electrons.size(); ++cell) {
    const std::size_t width = std::size_t{result.upsample} * result.scan.width;
    const complex place(static_cast<double>(cell / width) / result.upsample,
                        static_cast<double>(cell % width) / result.upsample);
    if (!(result.expected[cell] > 0)) continue;
    image.push_back(result.electrons[cell] / result.expected[cell]);
    wanted.push_back(-object.at(place));
  }
  const auto size = static_cast<double>(image.size());
  const double image_mean = std::accumulate(image.begin(), image.end(), 0.0) / size;
  const double wanted_mean = std::accumulate(wanted.begin(), wanted.end(), 0.0) / size;
  double product = 0;
  double image_squares = 0;
  double wanted_squares = 0;
  for (std::size_t i = 0; i < image.size(); ++i) {
    product += (image[i] - image_mean) * (wanted[i] - wanted_mean);
    image_squares += std::pow(image[i] - image_mean, 2);
    wanted_squares += std::pow(wanted[i] - wanted_mean, 2);
  }
  return product / std::sqrt(image_squares * wanted_squares);
}

TEST(parallax, shows_the_object_that_the_sum_of_the_disk_blurs) {
  simulated_scan made{{{1, 0, -0.5}, {1, 2, 0, 0}}, {20, false}};
  made.electrons = 300;
  const memory_store store = scanned(made);
  const parallax_result result = reconstructed(store);
  EXPECT_GT(correlation(result), 0.7);
  EXPECT_EQ(result.upsample, 2U);
  EXPECT_NEAR(result.largest_shift, 0.5 * 0.95 * radius, 0.2);
  std::uint64_t inside = 0;
  for (const std::uint32_t electrons : result.electrons) inside += electrons;
  EXPECT_GT(inside, result.bright_field_electrons * 6 / 10);  // the others were moved beyond the edges
  EXPECT_LT(inside, result.bright_field_electrons);

  parallax_result blurred = result;  // every electron where its frame is
  blurred.upsample = 1;
  blurred.electrons = store.counts();
  blurred.expected.assign(made.scan.positions(), 1);
  EXPECT_LT(correlation(blurred), 0.35);
}

TEST(parallax, repeats_and_missing_frames_make_no_contrast) {
  simulated_scan made{{{1, 0, -0.4}, {1, 2, 0, 0}}, {20, false}, {40, 40, 2}};
  made.contrast = 0.6;
  const memory_store store = scanned(made, 3, [](std::size_t f) -> std::uint8_t {
    if (f % 7 == 3) return 0;                    // never arrived
    if (f / 2 % 40 < 5 && f % 2 == 1) return 1;  // one sector of four
    return all_sectors;
  });
  const parallax_result result = reconstructed(store);
  expect_found(result, made);
  EXPECT_EQ(result.frames + result.left_out_frames, made.scan.frames());
  EXPECT_GT(result.left_out_frames, made.scan.frames() / 7);
  double left = 0;
  double left_expected = 0;
  double all = 0;
  double all_expected = 0;
  for (std::size_t cell = 0; cell < result.electrons.size(); ++cell) {
    all += result.electrons[cell];
    all_expected += result.expected[cell];
    if (cell % (2 * made.scan.width) >= 8) continue;
    left += result.electrons[cell];
    left_expected += result.expected[cell];
  }
  EXPECT_NEAR(all / all_expected, 1, 0.02);
  EXPECT_NEAR(left / left_expected, 1, 0.06);
}

TEST(parallax, a_part_of_the_scan_is_a_scan) {
  const parallax_result part = reconstruct_parallax(usual_scan(), {}, {4, 3, 40, 36}, {});
  expect_found(part, usual);
  const saved_image image = images_of(part).front();
  EXPECT_EQ(image.extent, (std::vector<std::uint64_t>{80, 72}));
  EXPECT_EQ(image.axes.row, (axis_scale{4, 0.5}));
  EXPECT_EQ(image.axes.column, (axis_scale{3, 0.5}));
  EXPECT_EQ(image.axes.units, "positions");
}

TEST(parallax, threads_change_nothing) {
  reading_options one;
  one.threads = 1;
  const parallax_result& first = usual_result();
  const parallax_result second = reconstruct_parallax(usual_scan(), {}, whole(usual.scan), one);
  EXPECT_EQ(first.electrons, second.electrons);
  EXPECT_EQ(first.expected, second.expected);
  EXPECT_EQ(first.rotation.degrees, second.rotation.degrees);
  EXPECT_EQ(first.aberrations.front().a, second.aberrations.front().a);
}

TEST(parallax, lengths_are_nm_where_angles_and_steps_are_known) {
  const parallax_result& plain = usual_result();
  EXPECT_FALSE(plain.in_nm);
  parallax_options options;
  options.scale.pixel_mrad = 0.5;
  options.scale.step_nm = 0.2;
  const parallax_result nm = reconstructed(usual_scan(), options);
  EXPECT_TRUE(nm.in_nm);
  EXPECT_NEAR(nm.aberrations[0].a, plain.aberrations[0].a * 0.2 / 0.5e-3, 1e-9);
  options.scale = {0, 0.5e-3 / electron_wavelength_nm(300), 300, 0.2};  // the same pixel by its reciprocal length
  EXPECT_NEAR(reconstructed(usual_scan(), options).aberrations[0].a, nm.aberrations[0].a, 1e-9);
}

TEST(parallax, images_describe_themselves) {
  const parallax_result& result = usual_result();
  const std::vector<saved_image> images = images_of(result);
  std::vector<std::string> names;
  for (const saved_image& image : images) names.push_back(image.name);
  EXPECT_EQ(names, (std::vector<std::string>{"tilt_corrected", "tilt_corrected_error", "tilt_corrected_electrons",
                                             "tilt_corrected_expected", "bright_field_shifts", "bright_field_electrons"}));
  const auto& corrected = std::get<std::vector<double>>(images[0].values);
  const auto& error = std::get<std::vector<double>>(images[1].values);
  double squares = 0;
  double cells = 0;
  for (std::size_t cell = 0; cell < corrected.size(); ++cell) {
    ASSERT_EQ(std::isnan(corrected[cell]), !(result.expected[cell] > 0));
    if (std::isnan(corrected[cell])) continue;
    EXPECT_EQ(corrected[cell], result.electrons[cell] / result.expected[cell]);
    squares += std::pow((corrected[cell] - 1) / error[cell], 2);
    ++cells;
  }
  EXPECT_GT(squares / cells, 0.9);  // noise and the object
  EXPECT_EQ(images[4].extent, (std::vector<std::uint64_t>{result.groups.size(), 3, 2}));
  EXPECT_EQ(images[0].attributes.front().name, "C10");
}

std::string refusal(const memory_store& store, const parallax_options& options = {}) {
  try {
    static_cast<void>(reconstructed(store, options));
  } catch (const error& refused) {
    return refused.what();
  }
  return "";
}

TEST(parallax, noise_is_no_displacement) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    simulated_scan noise{{{1, 0, -0.5}}, {0, false}, {24, 28, 1}};
    noise.contrast = 0;
    EXPECT_THAT(refusal(scanned(noise, seed)), testing::HasSubstr("no displacements that belong together"));
  }
}

TEST(parallax, refuses_what_cannot_be_done) {
  simulated_scan made{{{1, 0, -0.5}}, {0, false}, {15, 40, 1}};
  EXPECT_THAT(refusal(scanned(made)), testing::HasSubstr("16 x 16"));
  made.scan = {20, 20, 1};
  const memory_store store = scanned(made);
  parallax_options options;
  options.order = 4;
  EXPECT_THAT(refusal(store, options), testing::HasSubstr("order"));
  options = {};
  options.upsample = 0;
  EXPECT_THAT(refusal(store, options), testing::HasSubstr("1 to 64"));
  options = {};
  options.bright_field = 2.5;
  EXPECT_THAT(refusal(store, options), testing::HasSubstr("radius of 3 pixels"));
  made.electrons = 0;
  EXPECT_THAT(refusal(scanned(made)), testing::HasSubstr("no bright-field disk"));
}

}  // namespace
