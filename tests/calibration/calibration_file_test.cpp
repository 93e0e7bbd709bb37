#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>

#include "tests/store/temporary_directory.hpp"

namespace {

using namespace countem;
using testing::HasSubstr;

calibration full_calibration() {
  calibration full;
  full.shape = {2, 3};
  full.dark16 = {320, -7, charge_limit, -charge_limit, 0, 1};
  full.gain = {1, 0.5F, 2, 0, 1, 1};
  full.mask = {0, mask_hot, mask_dead, mask_blinking, mask_given, 15};
  full.background16 = 147;
  full.pixel_background16 = {147, 147, 160, 147, 147, 200};
  full.xray16 = 9876;
  full.dark_sigma_adu = {2, 2, 2, 2, std::numeric_limits<float>::infinity(), 0};
  full.dark_frames = 64;
  full.score16 = std::int64_t{1} << 33;
  full.fit = noise_fit{0.01,
                       2.04,
                       0.5,
                       4.6,
                       -10.5,
                       196.25,
                       4.5,
                       175,
                       0xffff'ffff'ffff'ffff,
                       {3, 9, 27},
                       -64,
                       1,
                       {0, 5, 100, 4},
                       false_hits{3.5, 0.01},
                       threshold_curve{0.5, 0.0625, {9, 5, 1}, {4, 1, 0}}};
  return full;
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
  EXPECT_EQ(a.score16, b.score16);
  EXPECT_EQ(a.references_only, b.references_only);
  ASSERT_EQ(a.fit.has_value(), b.fit.has_value());
  if (!a.fit) return;
  EXPECT_EQ(a.fit->mean_adu, b.fit->mean_adu);
  EXPECT_EQ(a.fit->sigma_adu, b.fit->sigma_adu);
  EXPECT_EQ(a.fit->seed, b.fit->seed);
  EXPECT_EQ(a.fit->frames, b.fit->frames);
  EXPECT_EQ(a.fit->histogram, b.fit->histogram);
  EXPECT_EQ(a.fit->curve, b.fit->curve);
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string refusal(const std::filesystem::path& path) {
  try {
    (void)load_calibration(path);
  } catch (const format_error& told) {
    return told.what();
  }
  return "nothing was refused";
}

TEST(calibration_file, gives_back_what_was_saved) {
  const test::temporary_directory directory;
  save_calibration(full_calibration(), directory / "full.h5");
  expect_equal(load_calibration(directory / "full.h5"), full_calibration());

  calibration plain;
  plain.background16 = 320;
  save_calibration(plain, directory / "plain.h5");
  expect_equal(load_calibration(directory / "plain.h5"), plain);
}

TEST(calibration_file, replaces_an_older_one_and_leaves_nothing_else) {
  const test::temporary_directory directory;
  save_calibration({}, directory / "a.h5");
  save_calibration(full_calibration(), directory / "a.h5");
  expect_equal(load_calibration(directory / "a.h5"), full_calibration());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST(calibration_file, the_same_calibration_gives_the_same_bytes) {
  const test::temporary_directory directory;
  save_calibration(full_calibration(), directory / "a.h5");
  save_calibration(full_calibration(), directory / "b.h5");
  EXPECT_EQ(bytes_of(directory / "a.h5"), bytes_of(directory / "b.h5"));
}

TEST(calibration_file, that_cannot_be_written_is_an_io_error_and_leaves_nothing) {
  const test::temporary_directory directory;
  EXPECT_THROW(save_calibration({}, directory / "absent" / "a.h5"), io_error);
  std::filesystem::create_directory(directory / "taken");
  EXPECT_THROW(save_calibration({}, directory / "taken"), io_error);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST(calibration_file, that_is_none_is_refused_with_its_name) {
  const test::temporary_directory directory;
  EXPECT_THROW((void)load_calibration(directory / "absent.h5"), io_error);
  EXPECT_THROW((void)load_calibration(directory.path()), io_error);
  std::ofstream(directory / "text.h5") << "not HDF5";
  EXPECT_THAT(refusal(directory / "text.h5"),
              testing::AllOf(HasSubstr("text.h5"), HasSubstr("reads as text, and a calibration")));
  std::ofstream(directory / "empty.h5");
  EXPECT_THAT(refusal(directory / "empty.h5"), HasSubstr("is empty"));
}

TEST(calibration_file, cut_anywhere_is_refused_never_a_crash) {
  const test::temporary_directory directory;
  save_calibration(full_calibration(), directory / "whole.h5");
  const std::string whole = bytes_of(directory / "whole.h5");
  for (std::size_t length = 0; length < whole.size(); length += whole.size() / 40) {
    std::ofstream(directory / "cut.h5", std::ios::binary) << whole.substr(0, length);
    EXPECT_THAT(refusal(directory / "cut.h5"), HasSubstr("cut.h5")) << length;
  }
}

TEST(calibration_file, with_a_byte_changed_is_read_or_refused_never_a_crash) {
  const test::temporary_directory directory;
  save_calibration(full_calibration(), directory / "whole.h5");
  const std::string whole = bytes_of(directory / "whole.h5");
  for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 400) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x5a);
    std::ofstream(directory / "changed.h5", std::ios::binary) << changed;
    try {
      (void)load_calibration(directory / "changed.h5");
    } catch (const format_error&) {
    } catch (const io_error&) {  // it may claim more memory than there is
    }
  }
}

}  // namespace
