#include <numeric>

#include "tests/io/sample_bytes.hpp"

// DM3 and DM4 (docs/formats.md): orders of axes, types, and tags that are damaged.
namespace countem::testing_io {
namespace {

struct dm_files : ::testing::Test {
  temporary_directory scratch;

  [[nodiscard]] fs::path write(const dm_recipe& recipe, const std::string& name = "frames.dm4") const {
    return put(scratch.path(), name, dm_file(recipe));
  }
  /// u16 pixels 0, 1, 2 ... in the order of the file.
  [[nodiscard]] static dm_recipe counted(const std::vector<std::uint32_t>& dimensions) {
    dm_recipe recipe;
    recipe.dimensions = dimensions;
    recipe.elements = std::accumulate(dimensions.begin(), dimensions.end(), std::uint64_t{1}, std::multiplies<>());
    std::vector<std::uint16_t> pixels(recipe.elements);
    std::iota(pixels.begin(), pixels.end(), std::uint16_t{0});
    append(recipe.pixels, pixels);
    return recipe;
  }
};

TEST_F(dm_files, a_stack_of_either_version_and_byte_order) {
  for (const int version : {3, 4}) {
    for (const bool big_endian : {false, true}) {
      dm_recipe recipe = counted({3, 2, 4});
      recipe.version = version;
      recipe.big_endian = big_endian;
      recipe.pixels.clear();
      std::vector<std::uint16_t> pixels(24);
      std::iota(pixels.begin(), pixels.end(), std::uint16_t{1});
      append(recipe.pixels, pixels, big_endian);
      const auto source = open_source({write(recipe, "frames.dat")}, {});
      EXPECT_EQ(source->info().format, input_format("dm"));
      EXPECT_EQ(source->info().shape, (frame_shape{2, 3}));
      EXPECT_EQ(source->info().scan, (scan_shape{1, 4, 1}));
      EXPECT_TRUE(source->info().issues.empty());
      EXPECT_EQ(all_pixels<std::uint16_t>(*source), pixels) << version << big_endian;
    }
  }
}

TEST_F(dm_files, four_axes_in_both_orders) {
  // Detector of 3 x 2 (columns x rows), scan of 2 x 4 positions (width x height).
  dm_recipe recipe = counted({3, 2, 2, 4});
  recipe.order_swapped = true;
  const auto whole = open_source({write(recipe)}, {});
  EXPECT_EQ(whole->info().scan, (scan_shape{4, 2, 1}));
  EXPECT_EQ(whole->info().shape, (frame_shape{2, 3}));
  std::vector<std::uint16_t> ascending(48);
  std::iota(ascending.begin(), ascending.end(), std::uint16_t{0});
  EXPECT_EQ(all_pixels<std::uint16_t>(*whole), ascending);

  recipe = counted({2, 4, 3, 2});
  recipe.order_swapped = false;
  const auto scattered = open_source({write(recipe)}, {});
  EXPECT_EQ(scattered->info().scan, (scan_shape{4, 2, 1}));
  EXPECT_EQ(scattered->info().shape, (frame_shape{2, 3}));
  std::vector<std::uint16_t> expected;
  for (std::uint16_t frame = 0; frame < 8; ++frame) {
    for (std::uint16_t pixel = 0; pixel < 6; ++pixel) expected.push_back(static_cast<std::uint16_t>(8 * pixel + frame));
  }
  EXPECT_EQ(all_pixels<std::uint16_t>(*scattered), expected);

  recipe.order_swapped.reset();
  expect_error<format_error>({write(recipe)}, {}, {"frames.dm4", "2, 4, 3, 2", "cannot be told", "Data Order Swapped"});
}

TEST_F(dm_files, scattered_frames_of_other_types_and_scans) {
  dm_recipe recipe = counted({2, 2, 3, 1});
  recipe.order_swapped = false;
  recipe.big_endian = true;
  recipe.data_type = 7;
  recipe.element_type = 3;
  recipe.pixels.clear();
  append<std::int32_t>(recipe.pixels, {-1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 70000}, true);
  source_options options;
  options.scan = scan_shape{1, 5, 1};
  const auto source = open_source({write(recipe)}, options);
  EXPECT_EQ(source->info().missing_frames, 1U);
  EXPECT_EQ(all_pixels<float>(*source), (std::vector<float>{-1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 70000, 0, 0, 0}));
  frame_batch batch;
  source->read(3, 2, batch);
  EXPECT_EQ(pixels_of<float>(batch.frames[0]), (std::vector<float>{4, 8, 70000}));
  EXPECT_EQ(batch.frames[1].present, 0);
  fs::resize_file(scratch / "frames.dm4", fs::file_size(scratch / "frames.dm4") / 2);
  const auto again = [&] { source->read(0, 1, batch); };
  EXPECT_NO_THROW(again()) << "the block is kept";
  expect_error<format_error>({scratch / "frames.dm4"}, {}, {"frames.dm4", "was cut"});
}

TEST_F(dm_files, few_scattered_frames_and_many) {
  // Planes of 80 bytes, and of 8 kB.
  for (const auto& [frames, side] : {std::pair(40U, 64U), std::pair(4000U, 30U)}) {
    dm_recipe recipe;
    recipe.dimensions = {frames / 4, 4, side, side};
    recipe.order_swapped = false;
    recipe.elements = std::uint64_t{frames} * side * side;
    std::vector<std::uint16_t> pixels(recipe.elements);
    for (std::size_t at = 0; at < pixels.size(); ++at) pixels[at] = static_cast<std::uint16_t>(at % frames + at / frames % 997);
    append(recipe.pixels, pixels);
    const auto source = open_source({write(recipe)}, {});
    frame_batch batch;
    for (const std::uint32_t frame : {frames - 1, 0U, frames - 7, frames / 2, 31U, 32U}) {
      source->read(frame, 1, batch);
      const auto read = pixels_of<std::uint16_t>(batch.frames[0]);
      for (const std::size_t pixel : {std::size_t{0}, std::size_t{500}, read.size() - 1})
        EXPECT_EQ(read[pixel], static_cast<std::uint16_t>(frame + pixel % 997)) << frame << " " << pixel;
    }
  }
}

TEST_F(dm_files, what_is_no_stack_of_frames) {
  dm_recipe recipe = counted({3, 2});
  EXPECT_EQ(open_source({write(recipe)}, {})->info().scan, (scan_shape{1, 1, 1})) << "one image";
  recipe.thumbnail = false;
  EXPECT_EQ(open_source({write(recipe)}, {})->info().scan, (scan_shape{1, 1, 1}));
  recipe = counted({3, 2, 4});
  recipe.format = "Spectrum image";
  expect_error<format_error>({write(recipe)}, {}, {"frames.dm4", "spectrum image"});
  recipe = counted({3, 2, 4});
  recipe.data_type = 3;
  expect_error<format_error>({write(recipe)}, {}, {"frames.dm4", "DataType 3"});
  recipe = counted({12});
  expect_error<format_error>({write(recipe)}, {}, {"frames.dm4", "no image of two to four axes"});
  recipe = counted({3, 2, 4});
  recipe.dimensions = {3, 2, 5};
  expect_error<format_error>({write(recipe)}, {}, {"frames.dm4", "24 elements", "3, 2, 5"});
  recipe.dimensions = {3, 2, 0};
  expect_error<format_error>({write(recipe)}, {}, {"frames.dm4", "(0, 2, 3)"});
}

TEST_F(dm_files, damaged_tags) {
  const file_bytes sound = dm_file(counted({3, 2, 4}));
  const auto damaged = [&](std::size_t at, char byte) {
    file_bytes bytes = sound;
    bytes[at] = byte;
    expect_error<format_error>({put(scratch.path(), "frames.dm4", bytes)}, as(input_format("dm")),
                               {"frames.dm4", "damaged at byte"});
  };
  damaged(3, 5);    // version
  damaged(25, 99);  // number of tags
  damaged(26, 22);  // kind of the first tag
  for (std::size_t bytes = 1; bytes < sound.size(); bytes += 7) {
    const fs::path file =
        put(scratch.path(), "frames.dm4", {sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(bytes)});
    expect_error<format_error>({file}, as(input_format("dm")), {"frames.dm4"});
  }
  // Groups in groups without an end.
  file_bytes deep{0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  for (int level = 0; level < 100; ++level) {
    deep.insert(deep.end(), {1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0});
  }
  expect_error<format_error>({put(scratch.path(), "deep.dm4", deep)}, {}, {"deep.dm4", "too deep"});
}

TEST_F(dm_files, a_real_stack) {
  const fs::path file = real_file("dm4_int16_64x65x66.dm4");
  if (!fs::exists(file)) GTEST_SKIP() << "the real file " << file << " is not on this machine";
  const auto source = open_source({file}, {});
  EXPECT_EQ(source->info().shape, (frame_shape{65, 64}));
  EXPECT_EQ(source->info().scan, (scan_shape{1, 66, 1}));
  const auto pixels = all_pixels<float>(*source);  // i16
  EXPECT_EQ(std::accumulate(pixels.begin(), pixels.end(), 0.0), 8648640);
  EXPECT_EQ(*std::max_element(pixels.begin(), pixels.end()), 63);
}

}  // namespace
}  // namespace countem::testing_io
