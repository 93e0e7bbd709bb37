#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <countem/error.hpp>
#include <countem/simulate.hpp>

namespace {

using namespace countem;
namespace fs = std::filesystem;

class write_simulation_to_disk : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        fs::temp_directory_path() / ("countem_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  fs::path directory_;
};

simulation_options few_frames() {
  simulation_options options;
  options.scan = {2, 3, 1};
  return options;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(write_simulation_to_disk, frames_darks_and_truth_are_the_simulators) {
  simulation_output output;
  output.dark_frames = 3;
  const simulation_files files = write_simulation(directory_, few_frames(), output);
  const simulator from(few_frames());
  const auto frames = open_source(files.frames, {});
  const auto darks = open_source(files.darks, {});
  ASSERT_EQ(frames->info().scan, few_frames().scan);
  ASSERT_EQ(frames->info().missing_frames, 0U);
  ASSERT_EQ(darks->info().scan.frames(), 3U);

  const frame_shape shape = few_frames().frame;
  std::vector<std::uint16_t> expected(shape.pixels());
  const auto same = [&](const frame_view& seen) {
    for (std::uint32_t row = 0; row < shape.height; ++row) {
      if (std::memcmp(seen.row(row), &expected[std::size_t{row} * shape.width], 2 * shape.width) != 0) return false;
    }
    return true;
  };
  frame_batch batch;
  simulated_truth truth;
  frames->read(0, 6, batch);
  for (std::size_t frame = 0; frame < 6; ++frame) {
    from.frame(frame, expected.data(), truth);
    EXPECT_TRUE(same(batch.frames[frame])) << "frame " << frame;
  }
  darks->read(0, 3, batch);
  for (std::size_t frame = 0; frame < 3; ++frame) {
    from.dark(frame, expected.data());
    EXPECT_TRUE(same(batch.frames[frame])) << "dark frame " << frame;
  }

  const simulated_truth loaded = load_truth(files.truth);
  EXPECT_EQ(loaded.indptr, truth.indptr);
  EXPECT_EQ(loaded.rows, truth.rows);
  EXPECT_EQ(loaded.columns, truth.columns);
  EXPECT_EQ(loaded.charges_adu, truth.charges_adu);
}

TEST_F(write_simulation_to_disk, a_folder_is_its_scan_and_its_darks) {
  simulation_options options = few_frames();
  for (const char* format : {"v5", "v3", "npy", "hdf5", "raw"}) {
    const bool camera = format[0] == 'v';
    options.frame = camera ? frame_shape{576, 576} : frame_shape{8, 10};
    const fs::path folder = directory_ / format;
    simulation_output output;
    output.format = input_format(format);
    output.dark_frames = 4;
    const simulation_files files = write_simulation(folder, options, output);
    source_options opening;
    if (output.format == input_format("raw")) {
      opening.format = output.format;
      opening.raw = raw_layout{.shape = options.frame};
    }
    const auto kinds = [](const frame_source& source) {
      std::string text;
      for (const source_issue& issue : source.info().issues) text += issue.kind + ": " + issue.text;
      return text;
    };
    const auto scan = open_source({folder}, opening);
    EXPECT_EQ(scan->info().scan.frames(), 6U) << format;
    EXPECT_EQ(scan->info().files.size(), files.frames.size()) << format;
    EXPECT_EQ(scan->info().missing_frames, 0U) << format;
    EXPECT_TRUE(kinds(*scan).starts_with("files_left_out: " + folder.string() + ": ")) << kinds(*scan);
    EXPECT_NE(kinds(*scan).find(files.darks.front().filename().string()), std::string::npos) << kinds(*scan);
    EXPECT_EQ(kinds(*scan).find("truth.h5 (made by countem)") != std::string::npos, !camera && format[0] != 'r')
        << kinds(*scan);

    opening.darks = true;
    const auto darks = open_source({folder}, opening);
    EXPECT_EQ(darks->info().scan.frames(), 4U) << format;
    EXPECT_NE(kinds(*darks).find("(not named as darks)"), std::string::npos) << kinds(*darks);

    for (const fs::path& frames : files.frames) fs::remove(frames);
    opening.darks = false;
    EXPECT_EQ(open_source({folder}, opening)->info().scan.frames(), 4U) << format << ": nothing but darks is taken as it is";
  }
}

TEST_F(write_simulation_to_disk, gives_the_same_bytes_for_any_number_of_threads) {
  simulation_options options = few_frames();
  options.frame = {40, 50};
  options.occupancy = 0.02;
  simulation_output output;
  output.format = input_format("npy");
  output.threads = 1;
  const simulation_files one = write_simulation(directory_ / "one", options, output);
  output.threads = 4;
  const simulation_files four = write_simulation(directory_ / "four", options, output);
  ASSERT_EQ(one.frames.size(), four.frames.size());
  for (std::size_t i = 0; i < one.frames.size(); ++i) EXPECT_EQ(bytes_of(one.frames[i]), bytes_of(four.frames[i]));
  EXPECT_EQ(bytes_of(one.truth), bytes_of(four.truth));
  EXPECT_GT(fs::file_size(one.truth), 0U);
}

TEST_F(write_simulation_to_disk, truth_can_be_read_in_parts_and_tells_what_was_simulated) {
  simulation_options options = few_frames();
  options.frame = {30, 20};
  options.occupancy = 0.05;
  options.kilovolts = 200;
  options.seed = 0xffff'ffff'ffff'ffff;
  simulation_output output;
  output.format = input_format("raw");
  const simulation_files files = write_simulation(directory_, options, output);
  const simulated_truth all = load_truth(files.truth);
  const auto reader = open_truth(files.truth);
  EXPECT_EQ(reader->options().seed, options.seed);
  EXPECT_EQ(reader->options().kilovolts, 200);
  EXPECT_EQ(reader->options().scan, options.scan);
  EXPECT_EQ(reader->options().frame, options.frame);
  EXPECT_EQ(reader->electrons(), all.rows.size());
  const simulated_truth part = reader->read(2, 3);
  ASSERT_EQ(part.indptr.size(), 4U);
  EXPECT_EQ(part.rows, std::vector<float>(all.rows.begin() + static_cast<std::ptrdiff_t>(all.indptr[2]),
                                          all.rows.begin() + static_cast<std::ptrdiff_t>(all.indptr[5])));
  EXPECT_THROW((void)reader->read(5, 2), invalid_argument);
}

TEST_F(write_simulation_to_disk, an_empty_scan_has_an_empty_truth) {
  simulation_options options = few_frames();
  options.frame = {8, 8};
  options.occupancy = 0;
  simulation_output output;
  output.format = input_format("raw");
  const simulated_truth truth = load_truth(write_simulation(directory_, options, output).truth);
  EXPECT_EQ(truth.indptr, std::vector<std::uint64_t>(7, 0));
  EXPECT_TRUE(truth.rows.empty());
}

TEST_F(write_simulation_to_disk, what_is_not_a_truth_file_is_refused) {
  fs::create_directories(directory_);
  EXPECT_THROW((void)load_truth(directory_ / "absent.h5"), io_error);
  std::ofstream(directory_ / "text.h5") << "not HDF5";
  EXPECT_THROW((void)load_truth(directory_ / "text.h5"), format_error);
  EXPECT_THROW((void)load_truth(directory_), error);
}

TEST_F(write_simulation_to_disk, a_frame_done_that_throws_stops_the_simulation) {
  simulation_output output;
  output.format = input_format("raw");
  output.frame_done = [](std::uint64_t) { throw interrupted("enough"); };
  EXPECT_THROW((void)write_simulation(directory_, few_frames(), output), interrupted);
}

}  // namespace
