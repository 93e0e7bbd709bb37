#include <bit>
#include <cstring>
#include <limits>
#include <numeric>

#include "tests/io/sample_bytes.hpp"

namespace countem::testing_io {
namespace {

struct mrc_files : ::testing::Test {
  temporary_directory scratch;
  fs::path path = scratch / "frames.mrc";

  /// Header words by number from 1, the stamp, extended header bytes, pixels.
  template <class Pixel>
  void store(std::int32_t mode, const std::vector<Pixel>& pixels, std::int32_t columns, std::int32_t rows,
             std::int32_t sections, bool big_endian = false, std::int32_t extended = 0,
             const std::vector<std::pair<std::size_t, std::int32_t>>& more = {}) {
    std::vector<std::int32_t> words(256);
    words[0] = columns;
    words[1] = rows;
    words[2] = sections;
    words[3] = mode;
    words[23] = extended;
    for (const auto& [number, value] : more) words[number - 1] = value;
    std::vector<char> bytes;
    append(bytes, words, big_endian);
    std::memcpy(&bytes[208], "MAP ", 4);
    std::memcpy(&bytes[212], big_endian ? "\x11\x11\0\0" : "\x44\x44\0\0", 4);
    bytes.insert(bytes.end(), static_cast<std::size_t>(std::max(0, extended)), 'e');
    append(bytes, pixels, big_endian);
    save(path, bytes);
  }
};

TEST_F(mrc_files, modes) {
  store<std::int8_t>(0, {-1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 3, 2, 2);
  const auto source = open_source({path}, {});
  EXPECT_EQ(source->info().format, input_format("mrc"));
  EXPECT_EQ(source->info().shape, (frame_shape{2, 3}));
  EXPECT_EQ(source->info().scan, (scan_shape{1, 2, 1}));
  EXPECT_EQ(all_pixels<float>(*source), (std::vector<float>{-1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  store<std::int16_t>(1, {-300, 5}, 2, 1, 1);
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{-300, 5}));
  store<float>(2, {-0.5F, 5}, 2, 1, 1);
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{-0.5F, 5}));
  store<std::uint16_t>(6, {65535, 5}, 2, 1, 1);
  EXPECT_EQ(all_pixels<std::uint16_t>(*open_source({path}, {})), (std::vector<std::uint16_t>{65535, 5}));
  store<std::uint8_t>(0, {255, 5}, 2, 1, 1, false, 0, {{39, 1146047817}});
  EXPECT_EQ(all_pixels<std::uint8_t>(*open_source({path}, {})), (std::vector<std::uint8_t>{255, 5}));
  store<std::uint16_t>(12, {0x3c00, 0xc500}, 2, 1, 1);
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{1, -5}));
  store<std::uint16_t>(3, {1, 2}, 2, 1, 1);
  expect_error<format_error>({path}, {}, {"frames.mrc", "mode 3"});
}

TEST_F(mrc_files, half_bytes_begin_each_row_with_a_byte) {
  store<std::uint8_t>(101, {0x21, 0x03, 0x54, 0xf6, 0x87, 0x09, 0xba, 0x0c}, 3, 2, 2);
  const auto source = open_source({path}, {});
  EXPECT_EQ(source->info().type, pixel_type::u8);
  EXPECT_TRUE(source->info().issues.empty());
  EXPECT_EQ(all_pixels<std::uint8_t>(*source), (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  store<std::uint8_t>(101, {0x21, 0x03, 0x54, 0xf6, 0x87, 0x09, 0xba}, 3, 2, 2);
  expect_issue(open_source({path}, {})->info(), "truncated_record", 1, {"frame 1 (byte 1028)", "3 of 4 bytes"});
}

TEST_F(mrc_files, the_sign_of_bytes_is_what_the_header_shows) {
  const auto bits = [](float value) { return std::bit_cast<std::int32_t>(value); };
  const auto stored = [&](float least, float largest, bool big_endian = false) {
    store<std::uint8_t>(0, {200, 5}, 2, 1, 1, big_endian, 0, {{20, bits(least)}, {21, bits(largest)}});
    return open_source({path}, {});
  };
  for (const bool big_endian : {false, true}) {
    const auto source = stored(5, 200, big_endian);
    EXPECT_EQ(all_pixels<std::uint8_t>(*source), (std::vector<std::uint8_t>{200, 5}));
    expect_issue(source->info(), "bytes_without_sign", 1, {"frames.mrc", "0 to 255", "200"});
  }
  EXPECT_EQ(all_pixels<std::uint8_t>(*stored(0, 127.5F)), (std::vector<std::uint8_t>{200, 5}));
  EXPECT_EQ(all_pixels<float>(*stored(0, 127)), (std::vector<float>{-56, 5}));
  EXPECT_EQ(all_pixels<float>(*stored(-1, 200)), (std::vector<float>{-56, 5}));
  EXPECT_TRUE(stored(-56, 5)->info().issues.empty());
  expect_issue(stored(0, 0)->info(), "bytes_with_sign", 1, {"frames.mrc", "-128 to 127"});
  expect_issue(stored(0, std::numeric_limits<float>::quiet_NaN())->info(), "bytes_with_sign", 1, {"frames.mrc"});
}

TEST_F(mrc_files, big_endian_and_extended_header) {
  store<std::uint16_t>(6, {1, 2, 3, 0x0405}, 2, 1, 2, true, 100);
  EXPECT_EQ(all_pixels<std::uint16_t>(*open_source({path}, {})), (std::vector<std::uint16_t>{1, 2, 3, 0x0405}));
}

TEST_F(mrc_files, headers_that_lie) {
  store<std::uint16_t>(6, {1, 2, 3}, 2, 1, 2);
  const auto source = open_source({path}, {});
  EXPECT_EQ(source->info().missing_frames, 1U);
  expect_issue(source->info(), "truncated_record", 1, {"frames.mrc", "frame 1"});
  store<std::uint16_t>(6, {1, 2}, -2, 1, 1);
  expect_error<format_error>({path}, {}, {"frames.mrc", "-2 columns"});
  store<std::uint16_t>(6, {1, 2}, 2, 1, 1, false, -1);
  expect_error<format_error>({path}, {}, {"frames.mrc", "-1 bytes of extended header"});
  store<std::uint16_t>(6, {1, 2}, 2, 1, 2000000000);
  expect_error<format_error>({path}, {}, {"frames.mrc", "claims a scan"}, advised(advice_kind::scan_size));
  store<std::uint16_t>(6, {1, 2}, 2000000000, 2, 1);
  expect_error<format_error>({path}, {}, {"frames.mrc", "not one whole frame"});
  save(path, std::vector<char>(1000));
  expect_error<format_error>({path}, {}, {"frames.mrc", "1024 bytes"});
}

TEST_F(mrc_files, what_the_camera_notes_beside_a_movie) {
  store<std::uint16_t>(6, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2, 1, 6);
  const fs::path folder = path.parent_path();
  const fs::path movie = folder / "20250429_06688_0_movie.mrc";
  fs::copy_file(path, movie, fs::copy_options::overwrite_existing);
  const auto noted = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder / name) << text;
    const auto source = open_source({movie}, {});
    fs::remove(folder / name);
    return source->info();
  };
  const std::string raster = "Scan - Enable = Enable\nScan - Type       = Raster\r\n";
  const std::string sizes = "Scan - Size X  = 3\nScan - Size Y  = 2\n";
  for (const char* name : {"20250429_06688_info.txt", "20250429_06688_0_info.txt"})
    EXPECT_EQ(noted(name, raster + sizes).scan, (scan_shape{2, 3, 1}));
  EXPECT_EQ(noted("20250429_06688_info.txt", raster + sizes +
                                                 "Scan - ROI Enable = Enable\nScan - ROI Size X = 1\n"
                                                 "Scan - ROI Size Y = 2\nScan - Camera Frames Per Point = 3\n")
                .scan,
            (scan_shape{2, 1, 3}));

  const source_info steps =
      noted("20250429_06688_info.txt", raster + sizes +
                                           "Specimen Pixel Size X (nanometers) = .5\n"
                                           "Specimen Pixel Size Y (nanometers) = 0.5\nDiffraction Pixel Size X = 0.1\n"
                                           "Diffraction Pixel Size Y = 0.1\nInstrument Accelerating Voltage (V) = 300000\n");
  EXPECT_DOUBLE_EQ(steps.lengths.scan_step_nm, 0.5);
  EXPECT_NEAR(steps.lengths.pixel_mrad, 0.1 * 1.96875, 1e-4);  // wavelength at 300 kV: 1.96875 pm

  const source_info random = noted("20250429_06688_info.txt", "Scan - Enable = Enable\nScan - Type = Random\n" + sizes);
  EXPECT_EQ(random.scan, (scan_shape{1, 6, 1}));
  expect_issue(random, "scan_is_no_raster", 1, {"20250429_06688_info.txt", "type Random"});
  const source_info other = noted("20250429_06688_info.txt", raster + "Scan - Size X = 3\nScan - Size Y = 3\n");
  EXPECT_EQ(other.scan, (scan_shape{1, 6, 1}));
  expect_issue(other, "scan_disagrees", 1, {"3 x 3 positions", "6 frames"});
  for (const char* nothing : {"", "Scan - Enable = Disable\nScan - Type = Raster\n", "\n=\n = 3\nScan - Size X"})
    EXPECT_TRUE(noted("20250429_06688_info.txt", nothing + sizes).issues.empty());
  EXPECT_EQ(noted("20250429_06688_info.txt", raster + "Scan - Size X = 3x\nScan - Size Y = -2\n").scan, (scan_shape{1, 6, 1}));
}

/// A movie of six frames, and what is noted beside it.
struct movies : mrc_files {
  const fs::path folder = scratch / "movie";
  const fs::path movie = folder / "day_1_0_movie.mrc";
  const fs::path beside = folder / "day_1_info.txt";
  const std::string raster = "Scan - Enable = Enable\nScan - Type = Raster\n";
  const std::string steps = "Specimen Pixel Size X (nanometers) = 0.5\nSpecimen Pixel Size Y (nanometers) = 0.5\n";

  void SetUp() override {
    mrc_files::SetUp();
    store<std::uint16_t>(6, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2, 1, 6);
    fs::create_directory(folder);
    fs::copy_file(path, movie);
  }
  [[nodiscard]] source_info noted(const std::string& text, const std::optional<scan_shape>& given = {}) const {
    put_text(beside, text);
    source_options options;
    options.scan = given;
    return open_source({movie}, options)->info();
  }
  [[nodiscard]] static std::string sized(const std::string& width, const std::string& height) {
    return "Scan - Size X = " + width + "\nScan - Size Y = " + height + "\n";
  }
};

TEST_F(movies, sizes_that_are_no_sizes_are_named) {
  for (const char* wrong : {"4.0", "0", "-4", "4294967296", "99999999999999999999", "3x", "+3", "three", "0x3", "nan"}) {
    for (const std::string& sizes : {sized(wrong, "2"), sized("3", wrong)}) {
      const source_info info = noted(raster + sizes);
      EXPECT_EQ(info.scan, (scan_shape{1, 6, 1})) << wrong;
      expect_issue(info, "unreadable_number", 1, {"day_1_info.txt", std::string(" = ") + wrong, "one line"});
    }
  }
  expect_issue(noted(raster + sized("-1", "no")), "unreadable_number", 1, {"Size X = -1 and Scan - Size Y = no"});
  expect_issue(noted(raster + sized("3", "2") + "Scan - Camera Frames Per Point = few\n"), "unreadable_number", 1, {"few"});
  expect_issue(noted(raster + "Scan - ROI Enable = Enable\n" + sized("3", "2")), "scan_without_size", 1, {"day_1_info.txt"});
  expect_issue(noted(raster + "Scan - Size X = 3\nScan - Size Y = \n"), "scan_without_size", 1, {"one line"});
  expect_issue(noted("Scan - Enable = Enable\n" + sized("3", "2")), "scan_is_no_raster", 1, {"without its type", "may be"});
  // The product of the three is 6 beyond a multiple of 2^64.
  const source_info most = noted(raster + sized("2724573685", "4272279229") + "Scan - Camera Frames Per Point = 3954436294\n");
  EXPECT_EQ(most.scan, (scan_shape{1, 6, 1}));
  expect_issue(most, "scan_disagrees", 1, {"2724573685 x 4272279229"});
  expect_issue(noted(raster + sized("3", "2") + "Specimen Pixel Size X (nanometers) = wide\n"), "unreadable_number", 1,
               {"Specimen Pixel Size X (nanometers) = wide", "not taken over"});
  EXPECT_EQ(noted(raster + sized("3", "2") + "Specimen Pixel Size X (nanometers) = -1\n").issues.size(), 0U);
}

TEST_F(movies, descriptions_are_read_in_every_encoding) {
  for (const std::string& text : encoded(raster + sized("3", "2") + steps)) {
    const source_info info = noted(text);
    EXPECT_EQ(info.scan, (scan_shape{2, 3, 1}));
    EXPECT_DOUBLE_EQ(info.lengths.scan_step_nm, 0.5);
  }
  std::string lines = raster + sized("3", "2");
  std::replace(lines.begin(), lines.end(), '\n', '\r');
  EXPECT_EQ(noted(lines).scan, (scan_shape{2, 3, 1})) << "lines of old systems";
}

TEST_F(movies, descriptions_without_a_word_hide_no_other) {
  const fs::path nearer = folder / "day_1_0_info.txt";
  for (const char* text : {"", "\n\n", "Sample = gold\n", "\xff\xfe"}) {
    put_text(nearer, text);
    const source_info info = noted(raster + sized("3", "2"));
    EXPECT_EQ(info.scan, (scan_shape{2, 3, 1}));
    expect_issue(info, "empty_description", 1, {"day_1_0_info.txt", "not used"});
  }
  put_text(nearer, raster + sized("2", "3"));
  EXPECT_EQ(noted(raster + sized("3", "2")).scan, (scan_shape{3, 2, 1})) << "the nearer one";
}

TEST_F(movies, steps_are_those_of_the_scan_that_is_given) {
  const scan_shape given{2, 3, 1};
  const source_info same = noted(raster + sized("3", "2") + steps, given);
  EXPECT_DOUBLE_EQ(same.lengths.scan_step_nm, 0.5);
  EXPECT_EQ(find_issue(same, "scan_step_not_taken"), nullptr);
  const auto left_out = [&](const std::string& text, const std::string& words) {
    const source_info other = noted(text + steps, given);
    EXPECT_EQ(other.lengths.scan_step_nm, 0) << words;
    expect_issue(other, "scan_step_not_taken", 1, {"day_1_info.txt", words, "3 x 2 positions", "give the step"});
  };
  left_out(raster + sized("2", "3"), "2 x 3 positions");
  left_out(raster + sized("4.0", "2"), "unknown size");
  left_out("Scan - Enable = Enable\nScan - Type = Random\n" + sized("3", "2"), "type Random");
  left_out("Scan - Enable = Disable\n", "no scan");
  EXPECT_TRUE(noted(raster + sized("2", "3"), given).issues.empty()) << "no step is noted";
  const std::string pairs = raster + sized("3", "1") + "Scan - Camera Frames Per Point = 2\n";
  EXPECT_EQ(noted(pairs, scan_shape{1, 3, 0}).scan, (scan_shape{1, 3, 2}));
  EXPECT_EQ(noted(pairs, scan_shape{3, 1, 0}).scan, (scan_shape{3, 1, 2}));
  EXPECT_EQ(noted(pairs, given).scan, given);
  EXPECT_DOUBLE_EQ(noted(pairs + steps, scan_shape{1, 3, 0}).lengths.scan_step_nm, 0.5);
}

TEST_F(mrc_files, a_camera_movie) {
  const fs::path movie = real_file("ROI_Random_Scan_movie.mrc");
  if (!fs::exists(movie)) GTEST_SKIP() << "the real movie " << movie << " is not on this machine";
  const auto source = open_source({movie}, {});
  EXPECT_EQ(source->info().shape, (frame_shape{16, 16}));
  EXPECT_EQ(source->info().type, pixel_type::u16);
  EXPECT_EQ(source->info().scan, (scan_shape{1, 348, 1}));
  expect_issue(source->info(), "axes_not_taken", 1, {"-10 A", "no angle"});
  expect_issue(source->info(), "scan_is_no_raster", 1, {"ROI_Random_Scan_info.txt", "Random"});
  const auto pixels = all_pixels<std::uint16_t>(*source);
  EXPECT_EQ(std::accumulate(pixels.begin(), pixels.end(), std::uint64_t{0}), 104477835U);
  EXPECT_EQ(*std::min_element(pixels.begin(), pixels.end()), 681);
  EXPECT_EQ(*std::max_element(pixels.begin(), pixels.end()), 1596);
}

}  // namespace
}  // namespace countem::testing_io
