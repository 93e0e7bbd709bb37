#include <numeric>

#include "tests/io/instrument_samples.hpp"
#include "tests/io/sample_bytes.hpp"

// MIB (docs/formats.md): layouts of R64 by hand, series of files, and the size of the scan from what lies beside them.
namespace countem::testing_io {
namespace {

struct mib_files : ::testing::Test {
  temporary_directory scratch;

  /// Frames of 1 x 2 u8 pixels {n, 2 n} with these numbers n; times in milliseconds where given.
  fs::path write(const std::string& name, const std::vector<int>& numbers, const std::vector<int>& times = {}) const {
    std::vector<char> bytes;
    for (std::size_t at = 0; at < numbers.size(); ++at) {
      const int ms = times.empty() ? 0 : times[at];
      char time[40];
      std::snprintf(time, sizeof time, "2021-05-07 23:59:%02d.%03d000", ms / 1000 % 60, ms % 1000);
      append_text(bytes, merlin_header_text(static_cast<std::uint64_t>(numbers[at]), "U08", 2, 1, time));
      append<std::uint8_t>(bytes, {static_cast<std::uint8_t>(numbers[at]), static_cast<std::uint8_t>(2 * numbers[at])});
    }
    return put(scratch.path(), name, bytes);
  }
  void describe(const std::string& name, const std::string& lines) const {
    std::vector<char> bytes;
    append_text(bytes, "HDR,\t\nCounter Depth (number):\t6\n" + lines + "End\t   ");
    put(scratch.path(), name, bytes);
  }
  [[nodiscard]] static scan_shape scan_of(const std::vector<fs::path>& files) { return open_source(files, {})->info().scan; }
};

TEST_F(mib_files, lost_frames_are_missing_and_shift_nothing) {
  const auto source = open_source({write("a.mib", {1, 2, 5, 6})}, {});
  EXPECT_EQ(source->info().scan, (scan_shape{1, 6, 1}));
  EXPECT_EQ(source->info().missing_frames, 2U);
  expect_issue(source->info(), "missing_frame", 2, {"a.mib", "2 are in none"});
  EXPECT_EQ(all_pixels<std::uint8_t>(*source), (std::vector<std::uint8_t>{1, 2, 2, 4, 0, 0, 0, 0, 5, 10, 6, 12}));
  // The first of a scan may be lost as well.
  EXPECT_EQ(all_pixels<std::uint8_t>(*open_source({write("a.mib", {2, 3})}, {})),
            (std::vector<std::uint8_t>{0, 0, 2, 4, 3, 6}));
}

TEST_F(mib_files, several_files_are_one_scan_in_the_order_of_numbers) {
  const std::vector<fs::path> files{write("b_10.mib", {1, 2}), write("b_2.mib", {5}), write("b_9.mib", {4, 3})};
  describe("b.hdr", "Frames in Acquisition (Number):\t6\nFrames per Trigger (Number):\t3\n");
  const auto source = open_source(files, {});
  EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 1}));
  EXPECT_EQ(source->info().missing_frames, 1U);
  expect_issue(source->info(), "scan_from_triggers", 1, {"b.hdr", "3 x 2 positions", "3 for each trigger"});
  EXPECT_EQ(all_pixels<std::uint8_t>(*source), (std::vector<std::uint8_t>{1, 2, 2, 4, 3, 6, 4, 8, 5, 10, 0, 0}));
  EXPECT_EQ(all_pixels<std::uint8_t>(*open_source({scratch.path()}, {})), all_pixels<std::uint8_t>(*source)) << "the folder";
  EXPECT_EQ(all_pixels<std::uint8_t>(*open_source({scratch / "b.hdr"}, {})), all_pixels<std::uint8_t>(*source))
      << "the description";
  const std::vector<fs::path> all{files[0], scratch / "b.hdr", files[1], files[2]};
  EXPECT_EQ(all_pixels<std::uint8_t>(*open_source(all, {})), all_pixels<std::uint8_t>(*source)) << "all of them";
}

TEST_F(mib_files, two_scans_are_not_one) {
  expect_error<format_error>({write("a.mib", {1, 2}), write("b.mib", {2, 3})}, {}, {"a.mib", "b.mib", "frame number 2"});
  std::vector<char> other;
  append_text(other, merlin_header_text(4, "U16", 2, 1));
  append<std::uint16_t>(other, {1, 2});
  expect_error<format_error>({write("a.mib", {1, 2}), put(scratch.path(), "c.mib", other)}, {},
                             {"a.mib", "c.mib", "different kinds"});
  expect_issue(open_source({write("a.mib", {1, 2, 2})}, {})->info(), "repeated_record", 1, {"a.mib", "frame number 2"});
}

TEST_F(mib_files, the_scan_is_what_lies_beside_it) {
  const fs::path file = write("s_7.mib", {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(scan_of({file}), (scan_shape{1, 6, 1})) << "no description";
  describe("s.hdr", "ScanX:\t2\nScanY:\t3\nFrames in Acquisition (Number):\t6\nFrames per Trigger (Number):\t3\n");
  EXPECT_EQ(scan_of({file}), (scan_shape{3, 2, 1}));
  EXPECT_TRUE(open_source({file}, {})->info().issues.empty());
  describe("s_7.hdr", "Frames in Acquisition (Number):\t8\nFrames per Trigger (Number):\t1\n");
  EXPECT_EQ(scan_of({file}), (scan_shape{1, 8, 1})) << "its own description comes first";
  EXPECT_EQ(open_source({file}, {})->info().missing_frames, 2U);
  describe("s_7.hdr", "Frames in Acquisition (Number):\t0\nFrames per Trigger (Number):\t0\n");
  EXPECT_EQ(scan_of({file}), (scan_shape{1, 6, 1})) << "without an end";
  describe("s_7.hdr", "Frames in Acquisition (Number):\t8\nFrames per Trigger (Number):\t3\n");
  EXPECT_EQ(scan_of({file}), (scan_shape{1, 8, 1})) << "no rectangle";
  describe("lonely.hdr", "");
  expect_error<format_error>({scratch / "lonely.hdr"}, {}, {"lonely.hdr", "lonely.mib"});
  expect_error<format_error>({scratch / "s.hdr", scratch / "s_7.hdr", file}, {}, {"s.hdr", "s_7.hdr", "two scans"});
}

TEST_F(mib_files, descriptions_are_read_in_every_encoding) {
  const fs::path file = write("s_7.mib", {1, 2, 3, 4, 5, 6});
  fs::copy_file(file, scratch / "s.mib");
  for (const std::string& text : encoded("HDR,\t\r\nScanX:\t2\r\nScanY:\t3\r\nEnd\t   ")) {
    put_text(scratch / "s.hdr", text);
    EXPECT_EQ(scan_of({file}), (scan_shape{3, 2, 1}));
    EXPECT_EQ(scan_of({file, scratch / "s.hdr"}), (scan_shape{3, 2, 1}));
  }
}

TEST_F(mib_files, descriptions_without_a_word_hide_no_other) {
  const fs::path file = write("s_7.mib", {1, 2, 3, 4, 5, 6});
  describe("s.hdr", "ScanX:\t2\nScanY:\t3\n");
  for (const char* text : {"", "notes\n", "ENVI\nlines = 3\n"}) {
    put_text(scratch / "s_7.hdr", text);
    const source_info info = open_source({file}, {})->info();
    EXPECT_EQ(info.scan, (scan_shape{3, 2, 1}));
    expect_issue(info, "empty_description", 1, {"s_7.hdr", "not used"});
  }
}

TEST_F(mib_files, sizes_that_are_no_sizes_are_named) {
  const fs::path file = write("s.mib", {1, 2, 3, 4, 5, 6});
  for (const char* wrong : {"4.0", "-4", "4294967296", "2 px"}) {
    describe("s.hdr", std::string("ScanX:\t") + wrong + "\nScanY:\t3\nFrames in Acquisition (Number):\t6\n");
    const source_info info = open_source({file}, {})->info();
    EXPECT_EQ(info.scan, (scan_shape{1, 6, 1}));
    expect_issue(info, "unreadable_number", 1, {"s.hdr", std::string("ScanX = ") + wrong});
  }
  describe("s.hdr", "ScanX:\t0\nScanY:\t0\nFrames in Acquisition (Number):\t-6\n");
  expect_issue(open_source({file}, {})->info(), "unreadable_number", 1, {"Frames in Acquisition (Number) = -6"});
}

TEST_F(mib_files, rows_show_in_the_times_of_frames) {
  const std::vector<int> numbers{1, 2, 3, 4, 5, 6};
  const auto source = open_source({write("t.mib", numbers, {10, 20, 31, 50, 60, 70})}, {});
  EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 1}));
  expect_issue(source->info(), "scan_from_times", 1, {"t.mib", "3 x 2 positions"});
  EXPECT_EQ(scan_of({write("t.mib", numbers, {10, 20, 40, 50, 70, 80})}), (scan_shape{3, 2, 1}));
  EXPECT_EQ(scan_of({write("t.mib", numbers, {59970, 59980, 59990, 10, 20, 30})}), (scan_shape{2, 3, 1})) << "midnight";
  EXPECT_EQ(scan_of({write("t.mib", numbers, {10, 20, 40, 50, 60, 70})}), (scan_shape{1, 6, 1})) << "one row shorter";
  EXPECT_EQ(scan_of({write("t.mib", numbers, {10, 20, 30, 40, 60, 70})}), (scan_shape{1, 6, 1})) << "4 and 2";
  EXPECT_EQ(scan_of({write("t.mib", numbers, {10, 20, 30, 40, 50, 60})}), (scan_shape{1, 6, 1})) << "all alike";
  EXPECT_EQ(scan_of({write("t.mib", {1, 2, 3, 5, 6}, {10, 20, 30, 60, 70})}), (scan_shape{1, 6, 1})) << "one is lost";
}

TEST_F(mib_files, numbers_that_go_on_from_another_acquisition) {
  const fs::path file = write("a.mib", {11, 12, 14, 15});
  describe("a.hdr", "ScanX:\t3\nScanY:\t2\n");
  const auto source = open_source({file}, {});
  EXPECT_EQ(all_pixels<std::uint8_t>(*source), (std::vector<std::uint8_t>{11, 22, 12, 24, 0, 0, 14, 28, 15, 30, 0, 0}));
  expect_issue(source->info(), "first_number", 1, {"a.mib", "11", "15"});
  describe("a.hdr", "ScanX:\t2\nScanY:\t2\n");
  const auto little = open_source({file}, {});
  expect_issue(little->info(), "position_outside_scan", 4, {"a.mib", "frame number 11", "2 x 2"});
  EXPECT_EQ(little->info().missing_frames, 4U);
}

TEST_F(mib_files, damaged_headers) {
  const fs::path file = write("a.mib", {1, 2, 3});
  std::vector<char> bytes = load(file);
  bytes[386 + 1] = 'x';
  save(file, bytes);
  const auto source = open_source({file}, {});
  expect_issue(source->info(), "damaged_header", 1, {"a.mib", "frame 1 of the file (byte 386)"});
  EXPECT_EQ(all_pixels<std::uint8_t>(*source), (std::vector<std::uint8_t>{1, 2, 0, 0, 3, 6}));
  bytes.resize(2 * 386 + 100);
  save(file, bytes);
  expect_issue(open_source({file}, {})->info(), "truncated_header", 1, {"a.mib", "byte 772", "100 of 384"});

  const auto refused = [&](const std::string& header, const std::vector<std::string>& words) {
    bytes.assign(header.begin(), header.end());
    bytes.resize(5000);
    save(file, bytes);
    expect_error<format_error>({file}, {}, words);
  };
  refused("MQ1,1,384,1,2", {"a.mib", "not a MIB file"});
  refused("MQ1,1,99999,1,2,1,U08,1x1,01,", {"a.mib", "not a MIB file"});
  refused("MQ1,1,99999,1,2,1,U08,1x1,01,2021,", {"a.mib", "99999 bytes"});
  refused("MQ1,1,127,1,2,1,U08,1x1,01,2021,", {"a.mib", "127 bytes"});
  refused(merlin_header_text(1, "U64", 2, 1), {"a.mib", "'U64'"});
  refused(merlin_header_text(1, "U08", 0, 1), {"a.mib", "1 x 0"});
  refused(merlin_header_text(1, "R64", 256, 1, "", 1, "1x1", 7), {"a.mib", "7 bits"});
  refused(merlin_header_text(1, "R64", 100, 1, "", 1, "1x1", 1), {"a.mib", "whole words"});
  refused(merlin_header_text(1, "R64", 1024, 1, "", 4, "4x1", 1), {"a.mib", "4 chips", "4x1"});
  refused(merlin_header_text(0, "U08", 2, 1), {"a.mib", "not one whole frame"});
}

/// One frame of R64.
struct raw_mib : mib_files {
  [[nodiscard]] std::unique_ptr<frame_source> raw(int bits, int chips, std::uint64_t width, std::uint64_t height,
                                                  const std::vector<std::uint8_t>& packed) const {
    std::vector<char> bytes;
    append_text(bytes, merlin_header_text(1, "R64", width, height, "", chips, chips == 1 ? "1x1" : "2x2", bits));
    append(bytes, packed);
    return open_source({put(scratch.path(), "raw.mib", bytes)}, {});
  }
};

TEST_F(raw_mib, of_one_chip) {
  // Pixels 0, 9, 63, 64 and 127 are set: the last byte of a word holds its first pixels, the lowest bit first.
  std::vector<std::uint8_t> bits(16);
  bits[7] = 0x01;
  bits[6] = 0x02;
  bits[0] = 0x80;
  bits[15] = 0x01;
  bits[8] = 0x80;
  std::vector<std::uint8_t> expected(128);
  for (const std::size_t pixel : {0U, 9U, 63U, 64U, 127U}) expected[pixel] = 1;
  EXPECT_EQ(all_pixels<std::uint8_t>(*raw(1, 1, 128, 1, bits)), expected);

  const std::vector<std::uint8_t> bytes{8, 7, 6, 5, 4, 3, 2, 1, 16, 15, 14, 13, 12, 11, 10, 9};
  std::vector<std::uint8_t> ascending(16);
  std::iota(ascending.begin(), ascending.end(), std::uint8_t{1});
  EXPECT_EQ(all_pixels<std::uint8_t>(*raw(6, 1, 8, 2, bytes)), ascending);

  EXPECT_EQ(all_pixels<std::uint16_t>(*raw(12, 1, 4, 2, {0, 4, 0, 3, 0, 2, 0x0f, 0xff, 0, 8, 0, 7, 0, 6, 0, 5})),
            (std::vector<std::uint16_t>{0xfff, 2, 3, 4, 5, 6, 7, 8}));
  // Two images of 4 pixels; the width counts both.
  EXPECT_EQ(all_pixels<std::uint32_t>(*raw(24, 1, 8, 1, {0, 4, 0, 3, 0, 2, 0x0f, 0xff, 0, 8, 0, 7, 0, 6, 0x0f, 0xfe})),
            (std::vector<std::uint32_t>{0xfff'ffe, 2 * 4096 + 6, 3 * 4096 + 7, 4 * 4096 + 8}));
}

TEST_F(raw_mib, of_four_chips) {
  // Chips of 8 pixels by 1 row: 4, 3, 2, 1 in the file.
  std::vector<std::uint8_t> packed;
  for (const int chip : {4, 3, 2, 1}) {
    for (int pixel = 8; pixel-- > 0;) packed.push_back(static_cast<std::uint8_t>(10 * chip + pixel));
  }
  const auto source = raw(6, 4, 32, 1, packed);
  EXPECT_EQ(source->info().shape, (frame_shape{2, 16}));
  EXPECT_EQ(all_pixels<std::uint8_t>(*source),
            (std::vector<std::uint8_t>{10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27,  //
                                       37, 36, 35, 34, 33, 32, 31, 30, 47, 46, 45, 44, 43, 42, 41, 40}));
}

struct real_mib : ::testing::Test {
  static void expect(const std::string& name, frame_shape shape, scan_shape scan, std::uint64_t sum, std::uint64_t most) {
    const fs::path file = real_file(name);
    if (!fs::exists(file)) GTEST_SKIP() << "the real file " << file << " is not on this machine";
    const auto source = open_source({file}, {});
    EXPECT_EQ(source->info().shape, shape);
    EXPECT_EQ(source->info().scan, scan);
    EXPECT_EQ(source->info().missing_frames, 0U);
    std::vector<std::uint64_t> pixels;
    if (source->info().type == pixel_type::u8) {
      const auto read = all_pixels<std::uint8_t>(*source);
      pixels.assign(read.begin(), read.end());
    } else {
      const auto read = all_pixels<std::uint16_t>(*source);
      pixels.assign(read.begin(), read.end());
    }
    EXPECT_EQ(std::accumulate(pixels.begin(), pixels.end(), std::uint64_t{0}), sum);
    EXPECT_EQ(*std::max_element(pixels.begin(), pixels.end()), most);
  }
};

TEST_F(real_mib, one_chip_of_12_bits) {
  expect("Single_1_Frame_CounterDepth_12_Rows_256.mib", {256, 256}, {1, 1, 1}, 28911, 2239);
}

TEST_F(real_mib, a_region_of_interest_whose_rows_show_in_the_times) {
  expect("002_4x2_6bit_roi128.mib", {128, 256}, {2, 4, 1}, 3263829, 63);
}

TEST_F(real_mib, four_chips_of_6_bits) {
  expect("Quad_1_Frame_CounterDepth_6_Rows_256.mib", {512, 512}, {1, 1, 1}, 115263, 63);
}

TEST_F(real_mib, raw_bits) {
  for (const auto& [name, side, frames] : {std::tuple{"Single_1_Frame_CounterDepth_1_Rows_256RAW.mib", 256U, 1U},
                                           std::tuple{"Single_9_Frame_CounterDepth_1_Rows_256RAW.mib", 256U, 9U},
                                           std::tuple{"Quad_1_Frame_CounterDepth_1_Rows_256RAW.mib", 512U, 1U}}) {
    const fs::path file = real_file(name);
    if (!fs::exists(file)) GTEST_SKIP() << "the real file " << file << " is not on this machine";
    const auto source = open_source({file}, {});
    EXPECT_EQ(source->info().shape, (frame_shape{side, side}));
    EXPECT_EQ(source->info().scan, (scan_shape{1, frames, 1}));
    EXPECT_TRUE(source->info().issues.empty());
    // Bits that are set, whatever their places.
    std::uint64_t set = 0;
    const std::vector<char> bytes = load(file);
    const std::size_t header = side == 512 ? 768 : 384;
    const std::size_t distance = header + std::size_t{side} * side / 8;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      if (at % distance >= header) set += static_cast<std::uint64_t>(std::popcount(static_cast<unsigned char>(bytes[at])));
    }
    const auto pixels = all_pixels<std::uint8_t>(*source);
    EXPECT_EQ(std::accumulate(pixels.begin(), pixels.end(), std::uint64_t{0}), set);
  }
}

}  // namespace
}  // namespace countem::testing_io
