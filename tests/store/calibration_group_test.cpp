#include "io/store/calibration_group.hpp"

#include <gtest/gtest.h>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/handle.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

calibration full_calibration() {
  calibration made;
  made.shape = {2, 3};
  made.dark16 = {320, 321, -5, 0, 1 << 30, 7};
  made.gain = {1.0F, 0.5F, 2.0F, 1.25F, 0.0F, 1.0F};
  made.mask = {0, mask_hot, mask_dead, mask_blinking, mask_given, 0};
  made.background16 = 144;
  made.pixel_background16 = {1, 2, 3, 4, 5, 6};
  made.xray16 = 32'000;
  made.dark_sigma_adu = {2.0F, 2.1F, 1.9F, 2.0F, 0.0F, 9.5F};
  made.dark_frames = 500;
  noise_fit fit;
  fit.mean_adu = 0.125;
  fit.sigma_adu = 2.03;
  fit.sample_mean_adu = 0.5;
  fit.sample_sigma_adu = 11.25;
  fit.sample_min_adu = -12;
  fit.sample_max_adu = 4000;
  fit.background_sigmas = 4.5;
  fit.xray_sigmas = 175;
  fit.seed = 0xffff'ffff'ffff'fff0ULL;
  fit.frames = {3, 1, 4, 1'000'000'000'000};
  fit.histogram_first_adu = -12.5;
  fit.histogram_step_adu = 0.0625;
  fit.histogram = {0, 7, 1, 0xffff'ffff'ff};
  made.fit = fit;
  return made;
}

void expect_equal(const noise_fit& a, const noise_fit& b) {
  EXPECT_EQ(a.mean_adu, b.mean_adu);
  EXPECT_EQ(a.sigma_adu, b.sigma_adu);
  EXPECT_EQ(a.sample_mean_adu, b.sample_mean_adu);
  EXPECT_EQ(a.sample_sigma_adu, b.sample_sigma_adu);
  EXPECT_EQ(a.sample_min_adu, b.sample_min_adu);
  EXPECT_EQ(a.sample_max_adu, b.sample_max_adu);
  EXPECT_EQ(a.background_sigmas, b.background_sigmas);
  EXPECT_EQ(a.xray_sigmas, b.xray_sigmas);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.frames, b.frames);
  EXPECT_EQ(a.histogram_first_adu, b.histogram_first_adu);
  EXPECT_EQ(a.histogram_step_adu, b.histogram_step_adu);
  EXPECT_EQ(a.histogram, b.histogram);
}

void expect_equal(const calibration& a, const calibration& b) {
  EXPECT_EQ(a.shape, b.shape);
  EXPECT_EQ(a.dark16, b.dark16);
  EXPECT_EQ(a.gain, b.gain);
  EXPECT_EQ(a.mask, b.mask);
  EXPECT_EQ(a.background16, b.background16);
  EXPECT_EQ(a.pixel_background16, b.pixel_background16);
  EXPECT_EQ(a.xray16, b.xray16);
  EXPECT_EQ(a.dark_sigma_adu, b.dark_sigma_adu);
  EXPECT_EQ(a.dark_frames, b.dark_frames);
  ASSERT_EQ(a.fit.has_value(), b.fit.has_value());
  if (a.fit) expect_equal(*a.fit, *b.fit);
}

calibration stored_and_read(const calibration& saved, const std::filesystem::path& path) {
  const auto lock = io::hdf5_lock();
  {
    const io::hdf5_handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file");
    io::write_calibration(file, saved);
  }
  const io::hdf5_handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "file");
  return io::read_calibration(file);
}

TEST(calibration_group, keeps_everything_to_the_bit) {
  const test::temporary_directory directory;
  expect_equal(full_calibration(), stored_and_read(full_calibration(), directory / "full.h5"));
}

TEST(calibration_group, keeps_thresholds_alone) {
  const test::temporary_directory directory;
  calibration thresholds;
  thresholds.background16 = 480;
  expect_equal(thresholds, stored_and_read(thresholds, directory / "thresholds.h5"));
}

TEST(calibration_group, refuses_what_does_not_fit) {
  const test::temporary_directory directory;
  calibration wrong = full_calibration();
  wrong.dark_sigma_adu.pop_back();
  EXPECT_THROW((void)stored_and_read(wrong, directory / "wrong.h5"), invalid_argument);
}

TEST(calibration_group, finds_contradictions_and_gaps_on_reading) {
  const test::temporary_directory directory;
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file(H5Fcreate((directory / "bad.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file");
  EXPECT_THROW((void)io::read_calibration(file), format_error);
  io::write_calibration(file, full_calibration());
  io::write_attribute(file, "xray16", std::int64_t{0});
  EXPECT_THROW((void)io::read_calibration(file), format_error);
  io::write_attribute(file, "xray16", std::int64_t{32'000});
  io::write_attribute(file, "width", std::int64_t{4});
  EXPECT_THROW((void)io::read_calibration(file), format_error);
}

}  // namespace
}  // namespace countem
