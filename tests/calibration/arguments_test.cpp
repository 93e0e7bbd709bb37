#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <atomic>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>

#include "host/cli/calibration_arguments.hpp"
#include "host/cli/source_arguments.hpp"
#include "tests/calibration/memory_source.hpp"
#include "tests/store/temporary_directory.hpp"

namespace {

using namespace countem;
using cli::calibration_arguments;
using cli::source_arguments;

TEST(scan_size, is_named_width_first) {
  EXPECT_EQ(cli::scan_from("64x32"), (scan_shape{32, 64, 0})) << "as many as the file states";
  EXPECT_EQ(cli::scan_from("64x32x1"), (scan_shape{32, 64, 1}));
  EXPECT_EQ(cli::scan_from("64x32x5"), (scan_shape{32, 64, 5}));
}

TEST(frame_shape, is_named_height_first) {
  EXPECT_EQ(cli::shape_from("128x256"), (countem::frame_shape{128, 256}));
}

TEST(sizes, that_are_none_are_refused) {
  for (const char* text :
       {"", "x", "64", "64x", "x64", "64x0", "0x64", "64x-3", "64*64", "64x64x", " 64x64", "64x64 ", "4294967296x1", "6.4x3"}) {
    EXPECT_THROW((void)cli::scan_from(text), invalid_argument) << text;
    EXPECT_THROW((void)cli::shape_from(text), invalid_argument) << text;
  }
  EXPECT_THROW((void)cli::scan_from("1x2x3x4"), invalid_argument);
  EXPECT_THROW((void)cli::shape_from("1x2x3"), invalid_argument);
}

/// A command line as the program would parse it.
struct parsed {
  explicit parsed(std::vector<std::string> words) {
    inputs.add_to(app);
    calibrating.add_to(app);
    std::reverse(words.begin(), words.end());  // as CLI11 takes them
    app.parse(words);
  }
  CLI::App app;
  source_arguments inputs;
  calibration_arguments calibrating;
};

TEST(source_arguments, without_options_leave_everything_to_the_files) {
  const parsed line({"a.data", "b.data"});
  EXPECT_THAT(line.inputs.inputs(), testing::ElementsAre("a.data", "b.data"));
  const source_options options = line.inputs.options();
  EXPECT_FALSE(options.format || options.scan || options.raw);
  EXPECT_TRUE(options.dataset.empty());
}

TEST(source_arguments, describe_a_flat_file) {
  const source_options options =
      parsed({"a.bin", "--shape", "4x6", "--dtype", "f32be", "--offset", "512", "--gap", "8", "--scan", "3x2"})
          .inputs.options();
  EXPECT_FALSE(options.format.has_value()) << "the layout decides, unless the bytes show another format";
  ASSERT_TRUE(options.raw.has_value());
  EXPECT_EQ(options.raw->shape, (countem::frame_shape{4, 6}));
  EXPECT_EQ(options.raw->type, pixel_type::f32);
  EXPECT_TRUE(options.raw->big_endian);
  EXPECT_EQ(options.raw->offset_bytes, 512U);
  EXPECT_EQ(options.raw->gap_bytes, 8U);
  EXPECT_EQ(options.scan, (scan_shape{2, 3, 0}));
}

TEST(source_arguments, that_contradict_each_other_are_refused) {
  EXPECT_THROW((void)parsed({"a", "--input-format", "v5", "--shape", "4x4"}).inputs.options(), invalid_argument);
  EXPECT_THROW((void)parsed({"a", "--input-format", "npy", "--dataset", "/x"}).inputs.options(), invalid_argument);
  EXPECT_THROW((void)parsed({"a", "--input-format", "v9"}).inputs.options(), invalid_argument);
  EXPECT_THROW((void)parsed({"a", "--shape", "4x4", "--dtype", "i12"}).inputs.options(), invalid_argument);
  EXPECT_THROW(parsed({"a", "--dtype", "u8"}), CLI::RequiresError);
  EXPECT_THROW(parsed({"--scan", "4x4"}), CLI::RequiredError);
}

TEST(source_arguments, describe_other_frames_whose_names_end_alike) {
  const parsed line({"a.bin", "--shape", "4x6", "--scan", "3x2"});
  const source_options alike = line.inputs.options_for_darks({"dark.bin"});
  EXPECT_TRUE(alike.raw.has_value());
  EXPECT_FALSE(alike.scan.has_value());
  const source_options other = line.inputs.options_for_darks({"dark.npy"});
  EXPECT_FALSE(other.raw || other.format || other.scan);
}

TEST(source_arguments, axes_hold_for_darks_whatever_their_names) {
  const parsed line({"a.npy", "--axes", "row,column,frame"});
  EXPECT_EQ(line.inputs.options_for_darks({"dark.npy"}).axes, "row,column,frame");
  EXPECT_EQ(line.inputs.options_for_darks({"dark.h5"}).axes, "row,column,frame");
}

TEST(source_arguments, hidden_files_make_no_folders_alike) {
  const test::temporary_directory directory;
  const auto put = [&](const std::string& folder, const std::string& name) {
    std::filesystem::create_directory(directory / folder);
    std::ofstream(directory / folder / name) << "0";
    std::ofstream(directory / folder / ".DS_Store") << "0";
    std::ofstream(directory / folder / "._old.bin") << "0";
    return (directory / folder).string();
  };
  const parsed line({put("scan", "a.bin").c_str(), "--shape", "4x6"});
  EXPECT_FALSE(line.inputs.options_for_darks({put("darks", "d.npy")}).raw.has_value());
  EXPECT_TRUE(line.inputs.options_for_darks({put("others", "d.bin")}).raw.has_value());
}

TEST(calibration_arguments, a_file_stands_for_what_it_was_made_from) {
  EXPECT_THROW(parsed({"a", "--calibration", "c.h5", "--dark", "d"}), CLI::ExcludesError);
  EXPECT_NO_THROW(parsed({"a", "--calibration", "c.h5", "--seed", "1"})) << "it may hold references alone";
  EXPECT_NO_THROW(parsed({"a", "--calibration", "c.h5", "--threshold", "9", "--xray-threshold", "inf", "--mask", "m"}));
}

template <class T>
void write_flat(const std::filesystem::path& path, const std::vector<T>& values) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
}

TEST(summary, names_what_a_calibration_has) {
  calibration used;
  used.background16 = 144;
  EXPECT_EQ(cli::summary(used), "background threshold 9 ADU, X-ray threshold none, no dark reference");
  used.mask = {0, 0, 0, 0};
  EXPECT_EQ(cli::summary(used), "background threshold 9 ADU, X-ray threshold none, no dark reference");
  used.mask = {0, mask_given, mask_hot | mask_dead, 0};
  used.xray16 = 1608;
  used.dark16 = {1, 2, 3, 4};
  used.gain = {1, 1, 1, 2};
  used.pixel_background16 = {144, 144, 144, 150};
  EXPECT_EQ(cli::summary(used),
            "background threshold of each pixel, at least 9 ADU, X-ray threshold 100.5 ADU, dark reference, gain reference, 2 "
            "pixels masked");
}

TEST(summary, has_the_threshold_in_sigmas_of_the_noise_where_it_is_known) {
  calibration used;
  used.background16 = 149;
  used.fit.emplace();
  used.fit->sigma_adu = 2.07;
  used.fit->background_sigmas = 4.5;
  EXPECT_EQ(
      cli::summary(used),
      "background threshold 9.3125 ADU (4.5 sigma), X-ray threshold none, no dark reference (false events are not known)");
  used.fit->sigma_adu = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(cli::summary(used), "background threshold 9.3125 ADU, X-ray threshold none, no dark reference");
}

class resolved : public testing::Test {
 protected:
  resolved() { frames_.add({10, 20, 30, 40, 50, 60}); }
  [[nodiscard]] std::string path(const char* name) const { return (directory_ / name).string(); }
  [[nodiscard]] calibration resolve(std::vector<std::string> words) const {
    words.insert(words.begin(), "frames.bin");
    const parsed line(std::move(words));
    return line.calibrating.resolve(frames_, {}, line.inputs, 1, false, stop_);
  }

  test::temporary_directory directory_;
  test::memory_source<std::uint16_t> frames_{{2, 3}};
  std::atomic<bool> stop_{false};
};

TEST_F(resolved, from_flat_references_of_the_frames_shape) {
  write_flat<std::uint16_t>(directory_ / "dark.bin", {1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 7, 8});
  write_flat<float>(directory_ / "gain.raw", {1, 1, 1, 1, 1, 2});
  write_flat<std::uint8_t>(directory_ / "mask.raw", {0, 1, 0, 0, 0, 0});
  const calibration found = resolve({"--shape", "2x3", "--dark", path("dark.bin"), "--gain", path("gain.raw"), "--mask",
                                     path("mask.raw"), "--threshold", "9", "--xray-threshold", "100"});
  EXPECT_THAT(found.dark16, testing::ElementsAre(32, 48, 64, 80, 96, 112));
  EXPECT_EQ(found.gain[5], 2);
  EXPECT_EQ(found.mask[1], mask_given);
  EXPECT_EQ(found.background16, 144);
  EXPECT_EQ(found.xray16, 1600);
  EXPECT_THAT(cli::summary(found),
              testing::StartsWith("background threshold 9 ADU, X-ray threshold 100 ADU, dark reference, gain"));
}

TEST_F(resolved, refuses_references_of_another_size) {
  write_flat<float>(directory_ / "gain.raw", {1, 1, 1, 1, 1});
  EXPECT_THROW((void)resolve({"--gain", path("gain.raw"), "--threshold", "9", "--xray-threshold", "100"}), format_error);
  write_flat<std::uint16_t>(directory_ / "dark.bin", {1, 2, 3, 4});
  EXPECT_THROW((void)resolve({"--shape", "2x2", "--dark", path("dark.bin"), "--threshold", "9", "--xray-threshold", "100"}),
               invalid_argument);
}

TEST_F(resolved, stops_while_darks_or_samples_are_read) {
  write_flat<std::uint16_t>(directory_ / "dark.bin", {1, 2, 3, 4, 5, 6});
  stop_ = true;
  EXPECT_THROW((void)resolve({"--shape", "2x3", "--dark", path("dark.bin"), "--threshold", "9", "--xray-threshold", "100"}),
               interrupted);
  EXPECT_THROW((void)resolve({"--shape", "2x3"}), interrupted);
  // Given thresholds keep the sample's histogram, so frames are read all the same.
  EXPECT_THROW((void)resolve({"--shape", "2x3", "--threshold", "9", "--xray-threshold", "100"}), interrupted);
}

TEST_F(resolved, from_a_file_with_thresholds_beside_it) {
  calibration saved;
  saved.shape = {2, 3};
  saved.dark16 = {1, 2, 3, 4, 5, 6};
  saved.background16 = 100;
  saved.pixel_background16 = {100, 100, 100, 100, 100, 200};
  saved.xray16 = 5000;
  save_calibration(saved, directory_ / "c.h5");
  const calibration loaded = resolve({"--calibration", path("c.h5")});
  EXPECT_EQ(loaded.dark16, saved.dark16);
  EXPECT_EQ(loaded.pixel_background16, saved.pixel_background16);
  const calibration changed = resolve({"--calibration", path("c.h5"), "--threshold", "9", "--xray-threshold", "inf"});
  EXPECT_EQ(changed.background16, 144);
  EXPECT_TRUE(changed.pixel_background16.empty()) << "a threshold given takes the place of all";
  EXPECT_EQ(changed.xray16, no_xray_threshold);
  EXPECT_THROW((void)resolve({"--calibration", path("c.h5"), "--threshold", "400"}), invalid_argument)
      << "above the X-ray threshold";
}

}  // namespace
