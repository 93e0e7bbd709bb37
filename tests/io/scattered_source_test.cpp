#include <algorithm>
#include <array>
#include <numeric>

#include "io/files/file.hpp"
#include "io/sources/frame_axes.hpp"
#include "io/sources/scattered_source.hpp"
#include "tests/io/sample_bytes.hpp"
#include "tests/io/source_fixture.hpp"
#include "tests/io/source_samples.hpp"

// Arrays whose pixels do not lie frame by frame and row by row: NPY with stated axes, or in Fortran order.
namespace countem::testing_io {
namespace {

using lengths = std::vector<std::size_t>;
using axis_names = std::vector<std::string>;

axis_names usual_names_of(std::size_t rank) {
  if (rank == 3) return {"frame", "row", "column"};
  if (rank == 4) return {"scan_row", "scan_column", "row", "column"};
  return {"scan_row", "scan_column", "repeat", "row", "column"};
}

std::string joined(const axis_names& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

/// Any value, other ones at neighbouring places. `at`: in the usual order.
std::uint16_t value_at(std::size_t at) {
  return static_cast<std::uint16_t>(at * 40503 >> 3);
}

struct scattered_arrays : ::testing::Test {
  temporary_directory scratch;
  fs::path path = scratch / "frames.npy";

  /// Axis number i of the array is number place[i] of the usual order.
  void write(const lengths& usual, const lengths& place, bool fortran, bool big_endian = false) const {
    const std::size_t rank = usual.size();
    lengths usual_step(rank, 1);
    for (std::size_t axis = rank - 1; axis-- > 0;) usual_step[axis] = usual_step[axis + 1] * usual[axis + 1];
    std::string shape;
    for (const std::size_t axis : place) shape += std::to_string(usual[axis]) + ", ";
    const std::string header = std::string("{'descr': '") + (big_endian ? ">u2" : "<u2") +
                               "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': (" + shape + "), }\n";
    std::vector<char> bytes{'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<char>(header.size()), 0};
    bytes.insert(bytes.end(), header.begin(), header.end());
    lengths in_file = place;
    if (fortran) std::reverse(in_file.begin(), in_file.end());
    lengths index(rank, 0);
    std::size_t elements = 1;
    for (const std::size_t length : usual) elements *= length;
    bytes.reserve(bytes.size() + 2 * elements);
    for (std::size_t count = 0, at = 0; count < elements; ++count) {
      const std::uint16_t value = value_at(at);
      bytes.push_back(static_cast<char>(big_endian ? value >> 8 : value & 0xff));
      bytes.push_back(static_cast<char>(big_endian ? value & 0xff : value >> 8));
      for (std::size_t axis = rank; axis-- > 0;) {
        const std::size_t number = in_file[axis];
        at += usual_step[number];
        if (++index[axis] < usual[number]) break;
        at -= usual_step[number] * usual[number];
        index[axis] = 0;
      }
    }
    save(path, bytes);
  }

  [[nodiscard]] std::unique_ptr<frame_source> open(const std::string& axes) const {
    source_options options;
    options.axes = axes;
    return open_source({path}, options);
  }

  /// Of write().
  static io::scattered_layout layout_of(const lengths& usual, const lengths& place, bool fortran) {
    io::scattered_layout layout;
    const auto side = [&](std::size_t axis) { return static_cast<std::uint32_t>(usual[axis]); };
    layout.flat.shape = {side(2), side(3)};
    layout.flat.claimed = scan_shape{side(0), side(1), 1};
    layout.axes = io::placed_axes(place);
    for (const std::size_t axis : place) layout.extent.push_back(usual[axis]);
    if (!fortran) return layout;
    std::reverse(layout.extent.begin(), layout.extent.end());
    layout.axes = io::reversed_axes(layout.axes);
    return layout;
  }

  [[nodiscard]] std::unique_ptr<frame_source> open(io::scattered_layout layout) const {
    io::file_handle file = io::file_handle::open_read(path);
    layout.flat.offset_bytes = file.size() - layout.flat.claimed->frames() * layout.flat.shape.pixels() * 2;
    return io::open_scattered(std::move(file), input_format("npy"), layout, {}, {});
  }

  static void expect_frame(const frame_source& source, std::uint64_t frame) {
    frame_batch batch;
    source.read(frame, 1, batch);
    const std::vector<std::uint16_t> read = pixels_of<std::uint16_t>(batch.frames[0]);
    const std::size_t pixels = source.info().shape.pixels();
    for (std::size_t pixel = 0; pixel < pixels; ++pixel)
      ASSERT_EQ(read[pixel], value_at(frame * pixels + pixel)) << frame << " " << pixel;
  }
};

TEST_F(scattered_arrays, every_order_of_axes) {
  for (const lengths& usual : {lengths{6, 3, 5}, lengths{4, 3, 2, 5}, lengths{2, 3, 4, 5, 2}}) {
    const axis_names names = usual_names_of(usual.size());
    lengths place(usual.size());
    std::iota(place.begin(), place.end(), 0U);
    do {
      axis_names given;
      for (const std::size_t axis : place) given.push_back(names[axis]);
      for (const bool fortran : {false, true}) {
        SCOPED_TRACE(joined(given) + (fortran ? " in Fortran order" : ""));
        write(usual, place, fortran, place[0] == 1);
        const auto source = open(joined(given));
        const std::size_t rank = usual.size();
        EXPECT_EQ(source->info().shape,
                  (frame_shape{static_cast<std::uint32_t>(usual[rank - 2]), static_cast<std::uint32_t>(usual[rank - 1])}));
        std::string shown = joined(given);
        for (std::size_t comma = 0; (comma = shown.find(',', comma)) != std::string::npos; ++comma)
          shown.insert(comma + 1, " ");
        EXPECT_EQ(source->info().axes, shown);
        EXPECT_TRUE(source->info().issues.empty());
        for (std::uint64_t frame = 0; frame < source->info().scan.frames(); ++frame) expect_frame(*source, frame);
      }
    } while (std::next_permutation(place.begin(), place.end()));
  }
}

TEST_F(scattered_arrays, fortran_order_needs_no_names) {
  write({2, 3, 4, 5}, {0, 1, 2, 3}, true);
  const auto source = open("");
  EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 1}));
  for (std::uint64_t frame = 0; frame < 6; ++frame) expect_frame(*source, frame);
  std::ofstream(path, std::ios::binary | std::ios::app) << "more";
  const auto longer = open("");
  expect_issue(longer->info(), "trailing_bytes", 1, {"frames.npy", "4 bytes follow the 6 frames"});
  expect_frame(*longer, 5);
  EXPECT_EQ(longer->arrival(5), frame_arrival::whole);
}

TEST_F(scattered_arrays, frames_that_the_scan_lacks) {
  write({2, 3, 4, 5}, {0, 1, 2, 3}, true);
  source_options options;
  options.scan = scan_shape{2, 4, 1};
  const auto source = open_source({path}, options);
  EXPECT_EQ(source->info().missing_frames, 2U);
  EXPECT_EQ(source->arrival(6), frame_arrival::nothing);
  frame_batch batch;
  source->read(4, 4, batch);
  EXPECT_EQ(pixels_of<std::uint16_t>(batch.frames[1])[19], value_at(119));
  EXPECT_EQ(batch.frames[2].present, 0U);
}

TEST_F(scattered_arrays, lines_that_run_backwards) {
  write({2, 3, 4, 5}, {0, 1, 2, 3}, true);
  source_options options;
  options.path.snake = true;
  const auto source = open_source({path}, options);
  frame_batch batch;
  source->read(3, 3, batch);
  for (std::size_t column = 0; column < 3; ++column)
    EXPECT_EQ(pixels_of<std::uint16_t>(batch.frames[column])[7], value_at((5 - column) * 20 + 7));
}

TEST_F(scattered_arrays, more_than_a_block_in_any_order_of_reading) {
  // 300 frames of 70 bytes: two lines and a half of the scan are a block, so that two lines are put together at once.
  const lengths usual{15, 20, 5, 7};
  lengths place{0, 1, 2, 3};
  do {
    for (const bool fortran : {true, false}) {
      SCOPED_TRACE(::testing::PrintToString(place) + (fortran ? " in Fortran order" : ""));
      write(usual, place, fortran);
      io::scattered_layout layout = layout_of(usual, place, fortran);
      layout.block_bytes = 50 * 70;
      const auto source = open(layout);
      for (const std::uint64_t frame : {299U, 0U, 280U, 279U, 150U, 151U, 20U, 299U, 75U}) expect_frame(*source, frame);
      for (std::uint64_t frame = 0; frame < 300; ++frame) expect_frame(*source, frame);
    }
  } while (std::next_permutation(place.begin(), place.end()));
}

TEST_F(scattered_arrays, long_lines_of_small_frames_are_cut) {
  // A line of 1,000 frames of 6 bytes is more than a block of 300: parts of it are put together.
  write({1, 1000, 1, 3}, {3, 0, 1, 2}, false);
  io::scattered_layout layout = layout_of({1, 1000, 1, 3}, {3, 0, 1, 2}, false);
  layout.block_bytes = 300 * 6 + 5;
  const auto source = open(layout);
  for (const std::uint64_t frame : {999U, 0U, 299U, 300U, 899U, 900U}) expect_frame(*source, frame);
}

TEST_F(scattered_arrays, columns_that_lie_pages_apart_are_read_together) {
  // Planes of 8,192 frames, 16 kB each: a piece for each of 32 columns.
  write({64, 128, 2, 40}, {2, 3, 0, 1}, false, true);
  const auto source = open("row,column,scan_row,scan_column");
  for (const std::uint64_t frame : {8191U, 0U, 4000U, 77U}) expect_frame(*source, frame);
}

TEST_F(scattered_arrays, what_does_not_fit_is_refused) {
  write({2, 3, 4, 5}, {0, 1, 2, 3}, false);
  for (const char* axes : {"frame,row,column", "row,column,scan_row", "scan_row,scan_row,row,column", "a,b,c,d", ",,,"})
    expect_error<invalid_argument>([&] { (void)open(axes); }, {"frames.npy", "has 4 axes", "scan_row,scan_column,row,column"});
  write({2, 3, 4, 5}, {0, 1, 2, 3}, true);
  fs::resize_file(path, fs::file_size(path) - 1);
  expect_error<format_error>([&] { (void)open(""); }, {"frames.npy", "is truncated", "6 frames of 4 x 5"});
}

TEST(names_of_axes, are_taken_or_refused_by_every_format) {
  for (const source_sample& sample : source_samples()) {
    SCOPED_TRACE(sample.name);
    const temporary_directory scratch;
    source_options options = sample.options();
    options.axes = "scan_column,frame";
    const bool has_axes = facts_of(sample.format).has_axes;
    expect_error<invalid_argument>(sample.write(scratch / "scan", {2, 3, 1}), options,
                                   {has_axes ? "'scan_column,frame' does not name" : "which defines its axes"});
  }
}

}  // namespace
}  // namespace countem::testing_io
