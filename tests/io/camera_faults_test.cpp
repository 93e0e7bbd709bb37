#include "tests/io/source_fixture.hpp"

// Every fault that raw data of the 4D Camera show: what is reported, and that all that is whole is still there.
namespace countem::testing_io {
namespace {

struct camera_faults : ::testing::Test {
  temporary_directory scratch;
  io::raw_scan scan{.format = input_format("v5"), .scan = {2, 3, 1}};
  std::vector<fs::path> files;

  void SetUp() override { files = write_pattern(scratch.path(), scan); }

  template <class Change>
  void edit(std::size_t file, std::uint64_t record, const Change& change) {
    edit_header(files[file], record, scan.format, change);
  }

  [[nodiscard]] std::unique_ptr<frame_source> open() const { return open_source(files, as(scan.format)); }

  /// Expects all frames to be whole but one, of which the sectors in `present` are there.
  static void expect_whole_but(const frame_source& source, std::uint64_t odd, unsigned present, bool truncated = false) {
    frame_batch batch;
    source.read(0, source.info().scan.frames(), batch);
    for (std::uint64_t number = 0; number < batch.frames.size(); ++number) {
      const frame_view& frame = batch.frames[number];
      EXPECT_EQ(frame.present, number == odd ? present : all_sectors) << "frame " << number;
      EXPECT_EQ(frame.truncated, number == odd && truncated) << "frame " << number;
      const std::vector<std::uint16_t> pixels = pixels_of<std::uint16_t>(frame);
      const std::vector<std::uint16_t> whole = pattern_frame(number, frame.shape);
      std::size_t wrong = 0;
      for (std::uint32_t row = 0; row < 576; ++row) {
        for (std::uint32_t column = 0; column < 576; ++column) {
          const std::size_t at = row * 576 + column;
          if (pixels[at] != (frame.arrived(row, column) ? whole[at] : 0)) ++wrong;
        }
      }
      EXPECT_EQ(wrong, 0U) << "frame " << number;
    }
  }
};

TEST_F(camera_faults, missing_module_file) {
  files.erase(files.begin() + 2);
  const auto source = open();
  expect_issue(source->info(), "missing_sector", 6, {"module 2", "no file of this module", "frame number 0"});
  EXPECT_EQ(source->info().missing_frames, 0U);
  frame_batch batch;
  source->read(4, 1, batch);
  EXPECT_EQ(batch.frames[0].present, 0b1011);
  EXPECT_EQ(batch.frames[0].bands[2], nullptr);
  EXPECT_EQ(pixels_of<std::uint16_t>(batch.frames[0])[3 * 144 * 576], pattern(4, 3 * 144, 0));
}

TEST_F(camera_faults, missing_sector_of_one_frame) {
  // Record 3 of module 1 is taken out, the following ones move up.
  auto bytes = load(files[1]);
  bytes.erase(bytes.begin() + 3 * 165904, bytes.begin() + 4 * 165904);
  save(files[1], bytes);
  const auto source = open();
  expect_issue(source->info(), "missing_sector", 1, {"module1", "frame number 3", "column 0, row 1", "sector 1"});
  expect_whole_but(*source, 3, 0b1101);
}

TEST_F(camera_faults, missing_column_sector_reads_as_zero) {
  scan.format = input_format("v4");
  files = write_pattern(scratch.path() / "v4", scan);
  fs::resize_file(files[3], 5 * 165904);
  const auto source = open();
  expect_issue(source->info(), "missing_sector", 1, {"module3", "frame number 5", "sector 3"});
  expect_whole_but(*source, 5, 0b0111);
}

TEST_F(camera_faults, truncated_last_record) {
  fs::resize_file(files[1], 5 * 165904 + 1000);
  const auto source = open();
  expect_issue(source->info(), "truncated_record", 1,
               {"module1", "record 5 (byte 829520)", "1000 of 165904 bytes", "5 complete records"});
  expect_whole_but(*source, 5, 0b1101, true);
}

TEST_F(camera_faults, truncated_header) {
  fs::resize_file(files[1], 5 * 165904 + 15);
  const auto source = open();
  expect_issue(source->info(), "truncated_header", 1, {"module1", "record 5", "within its header", "15 of 165904 bytes"});
  expect_whole_but(*source, 5, 0b1101);
}

TEST_F(camera_faults, truncated_whole_frame) {
  scan.format = input_format("v3");
  files = write_pattern(scratch.path() / "v3", scan);
  fs::resize_file(files[0], 6 * 663568 - 1);
  const auto source = open();
  expect_issue(source->info(), "truncated_record", 1, {"record 5", "663567 of 663568"});
  EXPECT_EQ(source->info().missing_frames, 1U);
  expect_whole_but(*source, 5, 0, true);
}

TEST_F(camera_faults, cut_short_in_one_file_but_whole_in_another) {
  const fs::path copy = scratch / "data_scan0000000001_id0001_module1_raw.data";
  fs::copy_file(files[1], copy);
  fs::resize_file(files[1], 5 * 165904 + 1000);
  files.push_back(copy);
  const auto source = open();
  expect_issue(source->info(), "truncated_record", 1, {"id0000_module1"});
  expect_issue(source->info(), "repeated_record", 5, {"id0001_module1", "record 0"});
  expect_whole_but(*source, 0, all_sectors);
}

TEST_F(camera_faults, sectors_far_apart_and_out_of_order) {
  // The records of module 2 in reverse.
  const auto bytes = load(files[2]);
  std::vector<char> reversed;
  for (int record = 5; record >= 0; --record) {
    reversed.insert(reversed.end(), bytes.begin() + record * 165904, bytes.begin() + (record + 1) * 165904);
  }
  save(files[2], reversed);
  const auto source = open();
  EXPECT_TRUE(source->info().issues.empty());
  expect_pattern(*source);
}

TEST_F(camera_faults, position_outside_scan) {
  edit(0, 4, [](io::camera_header& header) { header.x = 3; });
  const auto source = open();
  expect_issue(source->info(), "position_outside_scan", 1, {"module0", "record 4", "column 3, row 1", "3 x 2"});
  expect_whole_but(*source, 4, 0b1110);
}

TEST_F(camera_faults, every_position_outside_the_scan_asked_for) {
  for (std::size_t file = 0; file < 4; ++file) {
    for (std::uint64_t record = 0; record < 6; ++record) edit(file, record, [](io::camera_header& header) { header.x = 2; });
  }
  source_options options = as(input_format("v5"));
  options.scan = scan_shape{2, 2, 1};
  expect_error<format_error>(files, options, {"module0", "no record"}, advised(advice_kind::check_input));
}

TEST_F(camera_faults, several_frames_at_one_position_are_kept_apart) {
  // Frame number 4 moves to the position of frame number 1: that one then has two, every other position room for two.
  for (std::size_t file = 0; file < 4; ++file) {
    edit(file, 4, [](io::camera_header& header) {
      header.x = 1;
      header.y = 0;
    });
  }
  const auto source = open();
  EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 2}));
  EXPECT_EQ(source->info().missing_frames, 6U);
  expect_issue(source->info(), "several_frames_per_position", 1, {"record 4", "number 4", "column 1, row 0"});
  frame_batch batch;
  source->read(0, 12, batch);
  EXPECT_TRUE(pixels_of<std::uint16_t>(batch.frames[2]) == pattern_frame(1, {576, 576}));
  EXPECT_TRUE(pixels_of<std::uint16_t>(batch.frames[3]) == pattern_frame(4, {576, 576}));
  EXPECT_EQ(batch.frames[1].present, 0);
  EXPECT_EQ(batch.frames[8].present, 0);
  EXPECT_TRUE(pixels_of<std::uint16_t>(batch.frames[10]) == pattern_frame(5, {576, 576}));
}

TEST_F(camera_faults, repeated_record) {
  auto bytes = load(files[0]);
  std::vector<char> again(bytes.begin(), bytes.begin() + 165904);
  again[16] = static_cast<char>(again[16] + 1);  // another pixel value: the first must win
  bytes.insert(bytes.end(), again.begin(), again.end());
  save(files[0], bytes);
  const auto source = open();
  expect_issue(source->info(), "repeated_record", 1, {"module0", "record 6", "frame number 0", "the first is kept"});
  expect_pattern(*source);
}

TEST_F(camera_faults, first_header_disagrees_with_the_rest) {
  edit(0, 0, [](io::camera_header& header) {
    header.scan_width = 512;
    header.scan_height = 1;
  });
  const auto source = open();
  EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 1}));
  expect_issue(source->info(), "header_disagrees", 1, {"module0", "record 0", "512 x 1", "3 x 2"});
  expect_pattern(*source);
}

TEST_F(camera_faults, leftover_record_of_another_scan) {
  edit(0, 0, [](io::camera_header& header) { header.scan_number = 77; });
  const auto source = open();
  expect_issue(source->info(), "other_scan", 1, {"module0", "record 0", "scan 77"});
  expect_whole_but(*source, 0, 0b1110);
}

TEST_F(camera_faults, files_of_different_scans) {
  scan.scan_number = 2;
  files[3] = write_pattern(scratch.path(), scan)[3];
  expect_error<format_error>(files, as(input_format("v5")),
                             {"scan0000000001", "scan0000000002", "scan 1", "scan 2", "one scan"});
}

TEST_F(camera_faults, files_of_scans_of_one_number_and_two_sizes) {
  for (std::uint64_t record = 0; record < 6; ++record)
    edit(3, record, [](io::camera_header& header) { header.scan_width = header.scan_height = 4; });
  expect_error<format_error>(files, as(input_format("v5")), {"module0", "scan 1 of 3 x 2", "module3", "4 x 4", "one scan"});
  source_options options = as(input_format("v5"));
  options.scan = scan_shape{2, 3, 1};
  expect_pattern(*open_source(files, options));
}

TEST_F(camera_faults, records_never_written) {
  fs::resize_file(files[1], 8 * 165904);
  const auto source = open();
  expect_issue(source->info(), "empty_record", 2, {"module1", "record 6"});
  expect_pattern(*source);
}

TEST_F(camera_faults, whole_frames_missing) {
  for (const fs::path& file : files) fs::resize_file(file, 4 * 165904);
  const auto source = open();
  EXPECT_EQ(source->info().missing_frames, 2U);
  expect_issue(source->info(), "missing_frame", 2, {"6 frames", "2 are in none"});
  frame_batch batch;
  source->read(3, 3, batch);
  EXPECT_EQ(batch.frames[0].present, all_sectors);
  EXPECT_EQ(batch.frames[1].present, 0);
  EXPECT_EQ(batch.frames[2].present, 0);
}

TEST_F(camera_faults, wrong_version_named) {
  expect_error<format_error>(files, as(input_format("v3")), {"module0", "663568 bytes", "v5"},
                             advised(advice_kind::input_format, "v5"));
  scan.format = input_format("v3");
  const auto whole = write_pattern(scratch.path() / "v3", scan);
  expect_error<format_error>(whole, as(input_format("v5")), {"module0", "165904 bytes", "it reads well as v3"},
                             advised(advice_kind::input_format, "v3"));
  expect_error<format_error>(whole, as(input_format("v2")), {"it reads well as v3"}, advised(advice_kind::input_format, "v3"));
  expect_error<format_error>(files, as(input_format("v1")), {"block header at byte 0", "it reads well as v5"},
                             advised(advice_kind::input_format, "v5"));
}

TEST_F(camera_faults, module_number_absent_or_too_large) {
  const fs::path nameless = scratch / "frames.data";
  fs::rename(files[0], nameless);
  expect_error<format_error>({nameless}, as(input_format("v5")), {"frames.data", "does not say which module"});
  const fs::path fifth = scratch / "data_module4_x.data";
  fs::rename(nameless, fifth);
  expect_error<format_error>({fifth}, as(input_format("v5")), {"module4", "modules 0 to 3"});
  scan.format = input_format("v3");
  const auto whole = write_pattern(scratch.path() / "v3", scan);
  fs::rename(whole[0], nameless);
  expect_error<format_error>({nameless}, as(input_format("v5")), {"frames.data", "it reads well as v3"},
                             advised(advice_kind::input_format, "v3"));
}

TEST_F(camera_faults, scan_of_zero_positions) {
  for (std::size_t file = 0; file < 4; ++file) {
    for (std::uint64_t record = 0; record < 6; ++record)
      edit(file, record, [](io::camera_header& header) { header.scan_width = 0; });
  }
  expect_error<format_error>(files, as(input_format("v5")), {"module0", "0 x 2 positions"}, advised(advice_kind::scan_size));
  source_options options = as(input_format("v5"));
  options.scan = scan_shape{2, 3, 1};
  expect_pattern(*open_source(files, options));
}

TEST_F(camera_faults, absurd_scan_allocates_nothing) {
  for (std::size_t file = 0; file < 4; ++file) {
    for (std::uint64_t record = 0; record < 6; ++record) {
      edit(file, record, [](io::camera_header& header) { header.scan_width = header.scan_height = 65535; });
    }
  }
  expect_error<format_error>(files, as(input_format("v5")), {"module0", "65535 x 65535"}, advised(advice_kind::scan_size));
  source_options options = as(input_format("v5"));
  options.scan = scan_shape{2, 3, 1};
  expect_pattern(*open_source(files, options));
}

TEST_F(camera_faults, noise_is_refused) {
  std::vector<char> noise(3 * 165904);
  std::uint32_t state = 1;
  for (char& byte : noise) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  const fs::path path = scratch / "x_module0.data";
  save(path, noise);
  expect_error<format_error>({path}, {}, {"x_module0.data", "do not agree on a scan"});
}

TEST_F(camera_faults, shorter_than_a_header) {
  const fs::path path = scratch / "x_module0.data";
  save(path, std::vector<char>(9, 'x'));
  expect_error<format_error>({path}, {}, {"x_module0.data", "no v5 record header", "has 9"});
}

TEST_F(camera_faults, one_record_that_is_cut_short) {
  fs::resize_file(files[0], 165903);
  expect_error<format_error>({files[0]}, as(input_format("v5")), {"module0", "not one whole v5 record", "has 165903"});
}

TEST(camera_names, module_number) {
  EXPECT_EQ(io::module_in_name("data_scan0000000076_id0000_module3_2022.data"), 3U);
  EXPECT_EQ(io::module_in_name("module1_module2.data"), 2U);
  EXPECT_EQ(io::module_in_name("/module1/scan.data"), std::nullopt);
  EXPECT_EQ(io::module_in_name("module_x.data"), std::nullopt);
  EXPECT_EQ(io::module_in_name("module1.raw"), std::nullopt);
  EXPECT_EQ(io::module_in_name("module99999999999.data"), std::nullopt);
}

}  // namespace
}  // namespace countem::testing_io
