#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "io/sources/pixel_conversion.hpp"
#include "tests/io/sample_bytes.hpp"
#include "tests/io/source_fixture.hpp"

namespace countem::testing_io {
namespace {

template <class Pixel>
void append_pixels(std::vector<char>& to, const std::vector<Pixel>& pixels, bool big_endian = false) {
  for (Pixel pixel : pixels) {
    auto* const bytes = reinterpret_cast<std::byte*>(&pixel);
    if (big_endian) io::swap_bytes(bytes, 1, sizeof(Pixel));
    const auto* const raw = reinterpret_cast<const char*>(&pixel);
    to.insert(to.end(), raw, raw + sizeof(Pixel));
  }
}

std::vector<char> text(const std::string& words) {
  return {words.begin(), words.end()};
}

/// A .npy header with any dictionary.
std::vector<char> npy(const std::string& dictionary, char version = 1) {
  std::vector<char> bytes = text("\x93NUMPY");
  bytes.push_back(version);
  bytes.push_back(0);
  bytes.push_back(static_cast<char>(dictionary.size() & 0xff));
  bytes.push_back(static_cast<char>(dictionary.size() >> 8));
  if (version > 1) bytes.insert(bytes.end(), 2, '\0');
  bytes.insert(bytes.end(), dictionary.begin(), dictionary.end());
  return bytes;
}

std::string dictionary(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

struct flat : ::testing::Test {
  temporary_directory scratch;
  fs::path path = scratch / "frames.bin";

  static source_options described(frame_shape shape, pixel_type type) {
    source_options options = as(input_format("raw"));
    options.raw = raw_layout{shape, type};
    return options;
  }
};

TEST_F(flat, offset_gap_and_byte_order) {
  std::vector<char> bytes(5, 'h');
  append_pixels<std::uint32_t>(bytes, {1, 2, 0x01020304}, true);
  bytes.insert(bytes.end(), 3, 'g');
  append_pixels<std::uint32_t>(bytes, {4, 5, 6}, true);
  save(path, bytes);
  source_options options = described({1, 3}, pixel_type::u32);
  options.raw->big_endian = true;
  options.raw->offset_bytes = 5;
  options.raw->gap_bytes = 3;
  const auto source = open_source({path}, options);
  EXPECT_TRUE(source->info().issues.empty());
  EXPECT_EQ(all_pixels<std::uint32_t>(*source), (std::vector<std::uint32_t>{1, 2, 0x01020304, 4, 5, 6}));
}

TEST_F(flat, floats_with_rows_that_are_no_image) {
  // As one detector writes them: 130 rows of which 128 are image.
  std::vector<float> rows(3 * 130 * 128);
  std::iota(rows.begin(), rows.end(), 0.5F);
  std::vector<char> bytes;
  append_pixels(bytes, rows);
  save(path, bytes);
  source_options options = described({128, 128}, pixel_type::f32);
  options.raw->gap_bytes = std::uint64_t{2} * 128 * 4;
  const auto pixels = all_pixels<float>(*open_source({path}, options));
  ASSERT_EQ(pixels.size(), 3U * 128U * 128U);
  EXPECT_EQ(pixels[128 * 128], 130 * 128 + 0.5F);
}

TEST_F(flat, cut_short_or_too_long) {
  save(path, std::vector<char>(25, 'x'));
  source_options options = described({2, 5}, pixel_type::u8);
  const auto source = open_source({path}, options);
  EXPECT_EQ(source->info().scan.frames(), 2U);
  expect_issue(source->info(), "truncated_record", 1, {"frames.bin", "frame 2 (byte 20)", "5 of 10 bytes"});

  options.scan = scan_shape{2, 2, 1};
  const auto missing = open_source({path}, options);
  EXPECT_EQ(missing->info().missing_frames, 2U);
  expect_issue(missing->info(), "missing_frame", 2, {"2 whole frames", "takes 4"});
  frame_batch batch;
  missing->read(0, 4, batch);
  EXPECT_EQ(batch.frames[1].present, all_sectors);
  EXPECT_EQ(batch.frames[2].present, 0);
  EXPECT_TRUE(batch.frames[2].truncated);
  EXPECT_EQ(batch.frames[3].present, 0);
  EXPECT_FALSE(batch.frames[3].truncated);

  options.scan = scan_shape{1, 1, 1};
  expect_issue(open_source({path}, options)->info(), "more_frames_than_scan", 1, {"2 frames", "takes 1"});
}

TEST_F(flat, descriptions_that_make_no_sense) {
  save(path, std::vector<char>(25, 'x'));
  expect_error<invalid_argument>({path}, as(input_format("raw")), {"frames.bin", "needs a description"},
                                 advised(advice_kind::raw_layout));
  expect_error<format_error>({path}, described({0, 5}, pixel_type::u8), {"frames.bin", "0 x 5"});
  expect_error<format_error>({path}, described({0xffff'ffff, 0xffff'ffff}, pixel_type::u8), {"frames.bin", "make no sense"});
  expect_error<format_error>({path}, described({5, 6}, pixel_type::u8), {"frames.bin", "not one whole frame"});
  source_options options = described({1, 1}, pixel_type::u8);
  options.raw->offset_bytes = ~std::uint64_t{0};
  expect_error<format_error>({path}, options, {"frames.bin", "makes no sense"});
  options.raw->offset_bytes = 25;
  expect_error<format_error>({path}, options, {"frames.bin", "not one whole frame"});
}

TEST_F(flat, lines_that_run_backwards_may_span_files) {
  for (const char* name : {"a.bin", "b.bin"}) save(scratch / name, text(name[0] == 'a' ? "abcde" : "fghij"));
  source_options options = described({1, 1}, pixel_type::u8);
  options.scan = scan_shape{3, 3, 1};
  options.path.snake = true;
  for (const bool in_place : {false, true}) {
    options.in_place = in_place;
    const auto source = open_source({scratch / "a.bin", scratch / "b.bin"}, options);
    for (const std::size_t most : {1U, 2U, 9U}) {
      std::string seen;
      frame_batch batch;
      source->visit(0, 9, most, batch, [&](std::uint64_t first, std::span<const frame_view> frames) {
        EXPECT_EQ(first, seen.size());
        for (const frame_view& frame : frames) seen += static_cast<char>(pixels_of<std::uint8_t>(frame)[0]);
      });
      EXPECT_EQ(seen, "abcfedghi") << in_place << most;
    }
  }
}

TEST_F(flat, of_several_files_one_that_is_short_shifts_nothing) {
  const auto put = [&](const std::string& name, const std::string& pixels) {
    save(scratch / name, text(pixels));
    return scratch / name;
  };
  source_options options = described({1, 2}, pixel_type::u8);
  const std::vector<fs::path> files{put("a.bin", "aabbc"), put("b.bin", "eeffgg")};
  expect_error<format_error>(files, options, {"a.bin", "truncated", "number of frames in each file"});
  options.raw->frames = 3;
  const auto source = open_source(files, options);
  EXPECT_EQ(source->info().scan, (scan_shape{1, 6, 1}));
  EXPECT_EQ(source->info().missing_frames, 1U);
  const auto pixels = all_pixels<std::uint8_t>(*source);
  EXPECT_EQ(std::string(pixels.begin(), pixels.end()), std::string("aabb\0\0eeffgg", 12));
  frame_batch batch;
  source->read(2, 1, batch);
  EXPECT_TRUE(batch.frames[0].truncated);
  options.raw->frames = 2;
  expect_issue(open_source(files, options)->info(), "trailing_bytes", 1, {"a.bin", "1 bytes"});
  options.raw->frames = 1;
  EXPECT_EQ(open_source({files[1]}, options)->info().scan, (scan_shape{1, 1, 1})) << "of one file, too";
}

TEST_F(flat, pixels_of_types_that_frames_do_not_have) {
  std::vector<char> bytes;
  append_pixels<std::int16_t>(bytes, {-300, 5}, true);
  save(path, bytes);
  source_options options = described({1, 2}, pixel_type::u16);
  options.raw->stored_as = "i16";
  options.raw->big_endian = true;
  EXPECT_EQ(all_pixels<float>(*open_source({path}, options)), (std::vector<float>{-300, 5}));
  options.raw->stored_as = "i17";
  expect_error<invalid_argument>({path}, options, {"'i17'"});
}

struct npy_files : flat {
  npy_files() { path = scratch / "frames.npy"; }

  template <class Pixel>
  void store(const std::string& descr, const std::string& shape, const std::vector<Pixel>& pixels, char version = 1) {
    std::vector<char> bytes = npy(dictionary(descr, shape), version);
    append_pixels(bytes, pixels, descr[0] == '>');
    save(path, bytes);
  }
};

TEST_F(npy_files, numbers_of_axes) {
  const std::vector<std::uint8_t> pixels{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  for (const auto& [shape, scan] : std::vector<std::pair<std::string, scan_shape>>{{"(4, 3)", {1, 1, 1}},
                                                                                   {"(2, 2, 3)", {1, 2, 1}},
                                                                                   {"(2, 1, 2, 3)", {2, 1, 1}},
                                                                                   {"(1, 1, 2, 2, 3)", {1, 1, 2}},
                                                                                   {"(2,2,3,)", {1, 2, 1}}}) {
    store("|u1", shape, pixels);
    const auto source = open_source({path}, {});
    EXPECT_EQ(source->info().scan, scan) << shape;
    EXPECT_EQ(all_pixels<std::uint8_t>(*source), pixels) << shape;
  }
  for (const char* shape :
       {"()", "(12,)", "(1, 1, 1, 1, 4, 3)", "(0, 4, 3)", "(99999999999, 4, 3)", "(99999999999999999999999, 4, 3)"}) {
    store("|u1", shape, pixels);
    expect_error<format_error>({path}, {}, {"frames.npy", "shape"});
  }
  store("|u1", "(4000000000, 4000000000, 4, 3)", pixels);
  expect_error<format_error>({path}, {}, {"frames.npy", "claims a scan"}, advised(advice_kind::scan_size));
}

TEST_F(npy_files, types_keep_their_values) {
  const std::string shape = "(1, 1, 4)";
  store<std::int8_t>("|i1", shape, {-128, 0, 1, 127});
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{-128, 0, 1, 127}));
  store<std::int16_t>("<i2", shape, {-32768, 0, 1, 32767});
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{-32768, 0, 1, 32767}));
  store<std::int16_t>(">i2", shape, {-32768, 0, 1, 32767}, 2);
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{-32768, 0, 1, 32767}));
  store<std::uint32_t>("<u4", shape, {0, 1, 70000, 0xffff'ffff}, 3);
  EXPECT_EQ(all_pixels<std::uint32_t>(*open_source({path}, {})), (std::vector<std::uint32_t>{0, 1, 70000, 0xffff'ffff}));
  store<std::int32_t>("<i4", shape, {-16777216, 0, 1, 16777216});
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{-16777216, 0, 1, 16777216}));
  store<std::int64_t>("<i8", shape, {-5, 0, 1, 16777216});
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{-5, 0, 1, 16777216}));
  store<std::uint64_t>("<u8", shape, {5, 0, 1, 0xffff'ffff});
  EXPECT_EQ(all_pixels<std::uint32_t>(*open_source({path}, {})), (std::vector<std::uint32_t>{5, 0, 1, 0xffff'ffff}));
  store<float>(">f4", shape, {-0.5F, 0, 1.25F, 1e30F});
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{-0.5F, 0, 1.25F, 1e30F}));
}

TEST_F(npy_files, half_floats) {
  // One, minus two, the largest, the least normal and subnormal ones, infinity: bits and values of IEEE 754 binary16.
  const std::vector<std::uint16_t> halves{0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000, 0x7c00, 0xfc00, 0x3555};
  const std::vector<float> values{1, -2, 65504, 0x1p-14F, 0x1p-24F, 0, INFINITY, -INFINITY, 0.333251953125F};
  for (const char* descr : {"<f2", ">f2"}) {
    store<std::uint16_t>(descr, "(1, 1, 9)", halves);
    const auto source = open_source({path}, {});
    EXPECT_EQ(source->info().type, pixel_type::f32);
    EXPECT_EQ(all_pixels<float>(*source), values) << descr;
  }
  store<std::uint16_t>("<f2", "(1, 1, 2)", {0x7c01, 0xffff});
  for (const float odd : all_pixels<float>(*open_source({path}, {}))) EXPECT_NE(odd, odd);
}

TEST_F(npy_files, shapes_of_python_2) {
  store<std::uint16_t>("<u2", "(2L, 1L, 2L)", {1, 2, 3, 4});
  const auto source = open_source({path}, {});
  EXPECT_EQ(source->info().scan, (scan_shape{1, 2, 1}));
  EXPECT_EQ(all_pixels<std::uint16_t>(*source), (std::vector<std::uint16_t>{1, 2, 3, 4}));
  for (const char* shape : {"(2LL, 1, 2)", "(L, 1, 2)", "(2l, 1, 2)"}) {
    store<std::uint16_t>("<u2", shape, {1, 2, 3, 4});
    expect_error<format_error>({path}, {}, {"frames.npy", "not a tuple of numbers"});
  }
}

TEST_F(npy_files, one_image_in_fortran_order_is_turned) {
  for (const char* shape : {"(2, 3)", "(1, 2, 3)", "(1, 1, 2, 3)"}) {
    for (const bool big_endian : {false, true}) {
      std::vector<char> bytes = npy(dictionary(big_endian ? ">f8" : "<f8", shape, "True"));
      append_pixels<double>(bytes, {1, 4, 2, 5, 3, 6.5}, big_endian);
      save(path, bytes);
      EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{1, 2, 3, 4, 5, 6.5})) << shape;
    }
  }
}

TEST_F(npy_files, doubles_give_the_charges_they_would) {
  // rint(16 v) is the charge: 1/32 + a hair above must stay above the tie.
  store<double>("<f8", "(1, 1, 5)", {1.0 / 32 + 1e-12, 1.0 / 32, -3.0 / 32, 1048575.9999, 16777216});
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})), (std::vector<float>{1.0F / 16, 0, -2.0F / 16, 1048576, 16777216}));
  store<double>("<f8", "(1, 1, 2)", {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()});
  const auto odd = all_pixels<float>(*open_source({path}, {}));
  EXPECT_EQ(odd[0], std::numeric_limits<float>::infinity());
  EXPECT_NE(odd[1], odd[1]);
}

TEST_F(npy_files, values_that_no_pixel_holds) {
  const auto expect_refusal = [&](const std::string& value) {
    const auto source = open_source({path}, {});
    frame_batch batch;
    source->read(0, 1, batch);
    try {
      source->read(1, 1, batch);
      FAIL() << "read " << value;
    } catch (const format_error& problem) {
      for (const std::string& word : {std::string("frames.npy"), std::string("frame 1, row 1, column 0"), value})
        EXPECT_THAT(problem.what(), ::testing::HasSubstr(word));
    }
  };
  store<std::int32_t>("<i4", "(2, 2, 1)", {1, 1, 1, 16777217});
  expect_refusal("16777217");
  store<double>("<f8", "(2, 2, 1)", {1, 1, 1, 1048576.5});
  expect_refusal("1048576.5");
}

TEST_F(npy_files, values_beyond_all_charges_are_the_largest) {
  store<std::uint64_t>("<u8", "(1, 1, 3)", {0xffff'ffff, 0x1'0000'0000, 0xffff'ffff'ffff'ffff});
  EXPECT_EQ(all_pixels<std::uint32_t>(*open_source({path}, {})),
            (std::vector<std::uint32_t>{0xffff'ffff, 0xffff'ffff, 0xffff'ffff}));
  store<double>("<f8", "(1, 1, 2)", {67'108'865.3, -1e300});
  EXPECT_EQ(all_pixels<float>(*open_source({path}, {})),
            (std::vector<float>{67'108'864, -std::numeric_limits<float>::infinity()}));
}

TEST_F(npy_files, cut_short_and_too_long) {
  store<std::uint16_t>("<u2", "(2, 2, 1, 2)", {1, 2, 3, 4, 5});
  const auto source = open_source({path}, {});
  EXPECT_EQ(source->info().scan, (scan_shape{2, 2, 1}));
  EXPECT_EQ(source->info().missing_frames, 2U);
  expect_issue(source->info(), "truncated_record", 1, {"frames.npy", "frame 2", "2 of 4 bytes"});
  store<std::uint16_t>("<u2", "(1, 1, 2)", {1, 2, 3});
  expect_issue(open_source({path}, {})->info(), "trailing_bytes", 1, {"frames.npy", "2 bytes"});
  store<std::uint16_t>("<u2", "(5000, 5000, 1, 2)", {1, 2, 3});
  expect_error<format_error>({path}, {}, {"frames.npy", "5000 x 5000", "1 frames"}, advised(advice_kind::scan_size));
}

TEST_F(npy_files, damaged_headers) {
  const auto refused = [&](const std::vector<char>& bytes, const std::vector<std::string>& words) {
    save(path, bytes);
    expect_error<format_error>({path}, as(input_format("npy")), words);
  };
  refused(text("no numpy file"), {"frames.npy", "not a .npy file"});
  refused(text("\x93NUMPY"), {"frames.npy", "not a .npy file"});
  refused(npy(dictionary("<u2", "(1, 1, 1)"), 4), {"version 4.0"});
  refused(npy(dictionary("<u2", "(2, 1, 1)", "True")), {"is truncated", "2 frames of 1 x 1"});
  refused(npy(dictionary("<u2", "(1, 1, 1)", "Maybe")), {"neither True nor False"});
  refused(npy(dictionary("<c8", "(1, 1, 1)")), {"'<c8'"});
  refused(npy(dictionary("", "(1, 1, 1)")), {"''"});
  refused(npy("{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (1,), }"), {"several fields"});
  refused(npy("{'descr': '<u2', 'shape': (1, 1, 1)}"), {"does not have the keys"});
  refused(npy("{'descr': '<u2', 'fortran_order': False, 'shape': (1, 1"), {"damaged"});
  refused(npy("{'descr': '<u2"), {"damaged"});
  refused(npy("{'descr"), {"damaged"});
  refused(npy("{"), {"damaged"});
  refused(npy(""), {"damaged"});
  refused(npy("{'descr': '<u2', 'other': 1}"), {"unknown key other"});
  auto lying = npy("{}");
  lying[8] = lying[9] = static_cast<char>(0xff);
  refused(lying, {"ends within its .npy header"});
  auto huge = npy("{}", 2);
  huge[8] = huge[9] = huge[10] = huge[11] = static_cast<char>(0xff);
  refused(huge, {"4294967295 bytes"});
}

}  // namespace
}  // namespace countem::testing_io
