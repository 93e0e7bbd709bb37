// Inputs that cannot be what they are called become notes, or are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>
#include <countem/simulate.hpp>

#include "tests/calibration/noise_frames.hpp"
#include "tests/store/temporary_directory.hpp"

namespace {

using namespace countem;
using namespace countem::test;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> kinds(const calibration& made) {
  std::vector<std::string> all;
  for (const source_issue& note : made.notes) all.push_back(note.kind);
  return all;
}

std::string text_of(const calibration& made, const std::string& kind) {
  for (const source_issue& note : made.notes) {
    if (note.kind == kind) return note.text;
  }
  return {};
}

simulation_options small_scan(std::uint64_t seed = 1) {
  simulation_options scan;
  scan.scan = {6, 4, 1};
  scan.frame = {288, 288};
  scan.seed = seed;
  scan.hot_pixels = 5;
  return scan;
}

calibration with_darks(const frame_source& darks) {
  calibration start;
  apply_dark(start, average_darks(darks));
  return start;
}

TEST(input_checks, an_automatic_threshold_without_darks_is_noted_where_it_was_asked_for) {
  const auto scan = small_scan();
  calibration_options options;
  EXPECT_THAT(kinds(calibrate(*simulated_source(scan), {}, options)), Not(Contains("no_dark_reference")));
  options.needs_automatic = true;
  const calibration made = calibrate(*simulated_source(scan), {}, options);
  EXPECT_THAT(text_of(made, "no_dark_reference"), HasSubstr("4.5 sigma of the noise peak"));
  EXPECT_THAT(kinds(calibrate(*simulated_source(scan), with_darks(*simulated_darks(scan, 20)), options)), IsEmpty());
}

TEST(input_checks, find_nothing_in_the_right_darks) {
  const auto scan = small_scan();
  EXPECT_THAT(kinds(calibrate(*simulated_source(scan), with_darks(*simulated_darks(scan, 20)), {})), IsEmpty());
}

TEST(input_checks, find_darks_of_another_detector) {
  const calibration made = calibrate(*simulated_source(small_scan()), with_darks(*simulated_darks(small_scan(9), 20)), {});
  EXPECT_THAT(kinds(made), ElementsAre("noise_above_darks"));
  EXPECT_THAT(text_of(made, "noise_above_darks"), AllOf(HasSubstr("after the dark frames were subtracted")));
}

TEST(input_checks, find_electrons_in_darks) {
  auto busy = small_scan();
  busy.scan = {8, 8, 1};
  const calibration made = calibrate(*simulated_source(small_scan()), with_darks(*simulated_source(busy)), {});
  EXPECT_THAT(kinds(made), Contains("electrons_in_darks"));
}

/// So many electrons that no pixel is far noisier than the others.
TEST(input_checks, find_darks_full_of_electrons_by_their_noise) {
  auto busy = small_scan();
  busy.occupancy = 0.05;
  busy.scan = {8, 8, 1};
  const calibration made = calibrate(*simulated_source(small_scan()), with_darks(*simulated_source(busy)), {});
  EXPECT_THAT(kinds(made), Contains("noise_of_darks"));
}

/// Frames of one file system node, as two names of a file are.
class same_file_frames : public noise_frames {
 public:
  explicit same_file_frames(std::uint64_t inode) : noise_frames(20), own_(noise_frames::info()) {
    own_.files = {{"scan.npy", 1, {1, 1, 1, 7, inode}}};
  }
  [[nodiscard]] const source_info& info() const override { return own_; }

 private:
  source_info own_;
};

TEST(input_checks, find_darks_that_are_the_scan_itself) {
  const same_file_frames frames(33);
  const calibration made = calibrate(frames, with_darks(frames), {});
  EXPECT_THAT(kinds(made), Contains("darks_are_frames"));
  EXPECT_THAT(text_of(made, "darks_are_frames"), HasSubstr("scan.npy: the dark frames are the scan itself"));
  EXPECT_THAT(kinds(calibrate(frames, with_darks(same_file_frames(34)), {})), testing::Not(Contains("darks_are_frames")));
}

/// Noise of a detector with four modules, some of which never arrive.
class module_frames : public memory_source<std::uint16_t> {
 public:
  module_frames(std::uint8_t present, int frames, std::uint64_t seed) : memory_source({64, 64}, sector_split::columns) {
    gaussian_noise noise(seed);
    for (int frame = 0; frame < frames; ++frame) {
      std::vector<std::uint16_t> pixels(info().shape.pixels());
      for (std::uint16_t& pixel : pixels) pixel = digitised(20 + 2 * noise());
      add(pixels, present);
    }
  }
};

std::string refusal(const frame_source& frames, const calibration& start, const calibration_options& options = {}) {
  try {
    static_cast<void>(calibrate(frames, start, options));
  } catch (const format_error& refused) {
    return refused.what();
  }
  return {};
}

TEST(input_checks, refuse_darks_without_modules_unless_accepted) {
  const module_frames frames(all_sectors, 20, 1);
  const calibration start = with_darks(module_frames(0b0001, 20, 2));
  EXPECT_THAT(refusal(frames, start),
              AllOf(HasSubstr("3,072 of 4,096 pixels (75.0 %)"), HasSubstr("modules 1 to 3 of the dark frames are missing")));
  calibration_options options;
  options.accept_masked = true;
  const calibration made = calibrate(frames, start, options);
  EXPECT_THAT(kinds(made), ElementsAre("darks_without_module", "mostly_masked"));
  EXPECT_THAT(refusal(frames, with_darks(module_frames(0b1011, 20, 2))), HasSubstr("module 2 of the dark frames is missing"));
  EXPECT_THAT(refusal(frames, with_darks(module_frames(0b0101, 20, 2))), HasSubstr("modules 1 and 3 of"));
}

TEST(input_checks, do_not_miss_modules_that_the_frames_lack_too) {
  EXPECT_THAT(kinds(calibrate(module_frames(0b0001, 20, 1), with_darks(module_frames(0b0001, 20, 2)), {})), IsEmpty());
}

TEST(input_checks, refuse_a_loaded_calibration_that_masks_most_of_the_frames) {
  const module_frames frames(all_sectors, 20, 1);
  calibration_options options;
  options.accept_masked = true;
  calibration made = calibrate(frames, with_darks(module_frames(0b0001, 20, 2)), options);
  EXPECT_THROW(check_loaded(made, frames, false), format_error);
  EXPECT_NO_THROW(check_loaded(made, frames, true));
  EXPECT_NO_THROW(check_loaded(made, module_frames(0b0001, 20, 3), false)) << "which lack what is masked";
}

/// A region of interest is on purpose, and so is gain 0.
TEST(input_checks, leave_masks_of_the_caller_alone) {
  const module_frames frames(all_sectors, 20, 1);
  calibration start = with_darks(module_frames(all_sectors, 20, 2));
  start.mask.assign(64 * 64, mask_given);
  std::fill_n(start.mask.begin(), 2048, std::uint8_t{0});
  EXPECT_THAT(kinds(calibrate(frames, start, {})), IsEmpty());
  std::fill(start.mask.begin() + 2048, start.mask.end(), std::uint8_t{mask_gain});
  EXPECT_THAT(kinds(calibrate(frames, start, {})), IsEmpty());
}

TEST(input_checks, gain_0_changes_nothing_but_its_pixel) {
  const module_frames frames(all_sectors, 20, 1);
  const calibration start = with_darks(module_frames(all_sectors, 20, 2));
  calibration masked = start;
  masked.mask.assign(64 * 64, 0);
  calibration gained = start;
  gained.gain.assign(64 * 64, 1);
  for (std::size_t p = 0; p < masked.mask.size(); p += 3) {
    masked.mask[p] = mask_given;
    gained.gain[p] = 0;
  }
  EXPECT_EQ(calibrate(frames, gained, {}).background16, calibrate(frames, masked, {}).background16);
  EXPECT_EQ(calibrate(frames, gained, {}).xray16, calibrate(frames, masked, {}).xray16);
}

TEST(input_checks, note_a_threshold_within_the_noise) {
  const auto scan = small_scan();
  const calibration start = with_darks(*simulated_darks(scan, 20));
  const auto frames = simulated_source(scan);
  calibration_options options;
  options.background_adu = 4.5;  // sigma was meant
  const calibration low = calibrate(*frames, start, options);
  ASSERT_THAT(kinds(low), Contains("threshold_in_noise"));
  EXPECT_THAT(text_of(low, "threshold_in_noise"),
              AllOf(HasSubstr("4.5 ADU is only 2.2 sigma"), HasSubstr("4.5 sigma are 9.3 ADU")));
  options.background_adu = 9;
  EXPECT_THAT(kinds(calibrate(*frames, start, options)), IsEmpty());
  options.background_adu.reset();
  options.background_sigmas = 3.5;
  EXPECT_THAT(kinds(calibrate(*frames, start, options)), IsEmpty());
  options.background_sigmas = 3;
  EXPECT_THAT(kinds(calibrate(*frames, start, options)), ElementsAre("threshold_in_noise"));
  options.false_hits = 200;
  const calibration chosen = calibrate(*frames, start, options);
  EXPECT_LT(chosen.fit->background_sigmas, 3.5);
  EXPECT_THAT(kinds(chosen), IsEmpty()) << "low on purpose";
}

TEST(input_checks, note_another_threshold_given_to_a_loaded_calibration) {
  const auto scan = small_scan();
  const auto frames = simulated_source(scan);
  calibration made = calibrate(*frames, with_darks(*simulated_darks(scan, 20)), {});
  check_loaded(made, *frames, false);
  EXPECT_THAT(kinds(made), IsEmpty());
  made.background16 = 16;
  check_loaded(made, *frames, false);
  EXPECT_THAT(kinds(made), ElementsAre("threshold_in_noise"));
  check_loaded(made, *frames, false);
  EXPECT_THAT(kinds(made), ElementsAre("threshold_in_noise")) << "once";
  made.background16 = 160;
  check_loaded(made, *frames, false);
  EXPECT_THAT(kinds(made), IsEmpty());
}

TEST(input_checks, are_kept_in_the_calibration_file_with_their_advice) {
  const test::temporary_directory directory;
  calibration made;
  made.background16 = 16;
  made.notes = {{"threshold_in_noise", "a \"sentence\"", 3, {{advice_kind::background_sigmas, "4.5"}, {advice_kind::scale}}},
                {"other", "no advice"}};
  save_calibration(made, directory / "c.h5");
  EXPECT_EQ(load_calibration(directory / "c.h5").notes, made.notes);
}

class float_frames : public memory_source<float> {
 public:
  float_frames(int frames, double scale, float signal) : memory_source({32, 32}) {
    gaussian_noise noise(5);
    for (int frame = 0; frame < frames; ++frame) {
      std::vector<float> pixels(info().shape.pixels());
      for (float& pixel : pixels) pixel = static_cast<float>(scale * noise());
      pixels[100] = signal;
      add(pixels);
    }
  }
};

TEST(input_checks, refuse_values_that_sixteenths_do_not_hold) {
  EXPECT_THAT(refusal(float_frames(10, 1e-5, 0.02F), {}), HasSubstr("differ by less than the 1/16 ADU"));
  EXPECT_THAT(refusal(float_frames(10, 0.02, 0.02F), {}), AllOf(HasSubstr("1/16 ADU")));
  calibration_options options;
  options.background_adu = 10;
  options.xray_adu = 100;
  EXPECT_THAT(refusal(float_frames(10, 1e-5, 0.02F), {}, options), HasSubstr("another unit"));
  EXPECT_EQ(refusal(float_frames(10, 0, 0), {}, options), "") << "an empty scan is none of small values";
  EXPECT_EQ(refusal(float_frames(10, 2, 50), {}), "");
}

TEST(input_checks, note_charges_that_all_lie_below_1_adu) {
  calibration_options options;
  options.background_adu = 0.5;
  options.xray_adu = 100;
  EXPECT_THAT(kinds(calibrate(float_frames(10, 0.08, 0.6F), {}, options)), Contains("values_below_unit"));
  EXPECT_THAT(kinds(calibrate(float_frames(10, 0.08, 60), {}, options)), testing::Not(Contains("values_below_unit")));
}

/// Frames in which every `every`th pixel holds a value.
class marked_frames : public memory_source<std::uint16_t> {
 public:
  marked_frames(int frames, std::uint16_t value, std::size_t every) : memory_source({64, 64}) {
    gaussian_noise noise(3);
    for (int frame = 0; frame < frames; ++frame) {
      std::vector<std::uint16_t> pixels(info().shape.pixels());
      for (std::uint16_t& pixel : pixels) pixel = digitised(20 + 2 * noise());
      for (std::size_t p = 5; p < pixels.size(); p += every) pixels[p] = value;
      add(pixels);
    }
  }
};

TEST(input_checks, report_pixels_at_the_largest_value) {
  for (const std::uint16_t largest : {std::uint16_t{65535}, std::uint16_t{4095}}) {
    const marked_frames frames(10, largest, 500);
    const calibration made = calibrate(frames, {}, {});
    ASSERT_THAT(kinds(made), ElementsAre("saturated_pixels")) << largest;
    EXPECT_THAT(made.notes.front().text,
                AllOf(HasSubstr("90 pixels in 10 of the 10 sampled frames hold " + std::to_string(largest)),
                      HasSubstr("row 0, column 5")));
    EXPECT_EQ(made.notes.front().occurrences, 90U);
    calibration masked;
    masked.shape = {64, 64};
    masked.mask.assign(64 * 64, 0);
    for (std::size_t p = 5; p < 64 * 64; p += 500) masked.mask[p] = mask_given;
    EXPECT_THAT(kinds(calibrate(frames, masked, {})), IsEmpty()) << "masked pixels are never judged";
  }
  EXPECT_THAT(kinds(calibrate(marked_frames(10, 4000, 500), {}, {})), IsEmpty()) << "no converter ends there";
}

TEST(input_checks, sentinels_do_not_end_a_calibration) {
  memory_source<std::uint32_t> wide({64, 64});
  memory_source<float> real({64, 64});
  gaussian_noise noise(8);
  for (int frame = 0; frame < 10; ++frame) {
    std::vector<std::uint32_t> whole(64 * 64);
    std::vector<float> floats(64 * 64);
    for (std::uint32_t& pixel : whole) pixel = digitised(20 + 2 * noise());
    for (float& pixel : floats) pixel = static_cast<float>(20 + 2 * noise());
    whole[7] = 0xffff'ffff;
    floats[7] = 1e30F;
    floats[8] = std::numeric_limits<float>::infinity();
    floats[9] = -1e30F;
    wide.add(whole);
    real.add(floats);
  }
  const auto check = [](const frame_source& frames, std::uint64_t pixels) {
    for (const calibration& start : {calibration{}, with_darks(frames)}) {
      const calibration made = calibrate(frames, start, {});
      EXPECT_LT(made.background16, 16 * 40);
      EXPECT_NEAR(made.fit->sigma_adu, 2, 0.2);
      if (!start.dark16.empty()) continue;  // where such pixels are hot and masked
      ASSERT_FALSE(made.notes.empty());
      EXPECT_EQ(made.notes.front().occurrences, pixels);
    }
  };
  check(wide, 10);
  check(real, 20);
}

TEST(input_checks, note_a_component_over_a_tenth_of_a_frame) {
  memory_source<std::uint16_t> frames({40, 40});
  gaussian_noise noise(8);
  for (int frame = 0; frame < 10; ++frame) {
    std::vector<std::uint16_t> pixels(40 * 40);
    for (std::uint16_t& pixel : pixels) pixel = digitised(20 + 2 * noise());
    // 5 rows are 12.5 % of frame 3, 4 rows are a tenth of frame 4.
    if (frame == 3) std::fill_n(pixels.begin(), 200, std::uint16_t{60});
    if (frame == 4) std::fill_n(pixels.begin(), 160, std::uint16_t{60});
    frames.add(pixels);
  }
  const calibration made = calibrate(frames, {}, {});
  ASSERT_THAT(kinds(made), ElementsAre("large_component"));
  EXPECT_THAT(made.notes.front().text, AllOf(HasSubstr("in 1 of the 10 sampled frames"), HasSubstr("(frame 3)")));
}

}  // namespace
