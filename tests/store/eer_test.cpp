#include "io/event_files/eer_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/store/eer_samples.hpp"
#include "tests/store/import_fixture.hpp"

namespace countem {
namespace {

using test::no_electrons;
using test::packed_bits;
using test::tiff_directory;
using test::two_electrons;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint32_t fine_width = 16;
/// Pixel 1, sub-pixel (row 0, column 3); pixel 6, which is (1, 2), sub-pixel (row 2, column 0).
constexpr std::uint32_t first_electron = 0 * fine_width + 4 + 3;
constexpr std::uint32_t second_electron = (4 + 2) * fine_width + 8 + 0;

class eer : public test::imported_file {
 protected:
  eer() : imported_file("a.eer") {}
};

import_options of_scan(scan_shape scan) {
  import_options options;
  options.scan = scan;
  return options;
}

import_options of_frame(frame_shape frame) {
  import_options options;
  options.frame = frame;
  return options;
}

bool unpack(const std::string& packed, frame_shape shape, io::eer_code code, std::vector<std::uint32_t>& events) {
  const auto* bytes = reinterpret_cast<const std::byte*>(packed.data());
  return io::unpack_eer({bytes, bytes + packed.size()}, shape, code, events);
}

TEST_F(eer, electrons_keep_their_places_in_the_pixels) {
  EXPECT_THAT(import(test::tiff_file({{.strips = {two_electrons()}}, {.strips = {no_electrons()}}})), IsEmpty());
  EXPECT_EQ(description().shape, (frame_shape{8, fine_width}));
  EXPECT_EQ(description().scan, (scan_shape{1, 2, 1}));
  EXPECT_EQ(description().options.upsample, 4U);
  EXPECT_EQ(description().geometry, counted_geometry({2, 4}, 4));
  EXPECT_THAT(events().indices, ElementsAre(first_electron, second_electron));
  EXPECT_THAT(events().indptr, ElementsAre(0U, 2U, 2U));
  EXPECT_THAT(events().status, ElementsAre(all_sectors, all_sectors));
}

TEST_F(eer, runs_of_eight_bits_and_of_widths_in_tags) {
  const std::string eight = packed_bits({{1, 8}, {1, 2}, {2, 2}, {4, 8}, {2, 2}, {0, 2}, {1, 8}});
  import(test::tiff_file({{.compression = 65000, .strips = { eight } }}));
  EXPECT_THAT(events().indices, ElementsAre(first_electron, second_electron));

  // Three bits of run, of which 7 is none; one of place: column 1 and row 0 of pixel 7.
  const tiff_directory tagged{.compression = 65002,
                              .strips = {packed_bits({{7, 3}, {0, 3}, {0, 1}, {1, 1}})},
                              .numbers = {{65007, 3}, {65008, 1}, {65009, 1}}};
  import(test::tiff_file({tagged}));
  EXPECT_EQ(description().options.upsample, 2U);
  EXPECT_THAT(events().indices, ElementsAre(2U * 8 + 7));
}

TEST_F(eer, strips_of_a_frame_are_one_stream) {
  const std::string whole = two_electrons();
  import(test::tiff_file({{.strips = { whole.substr(0, 1), whole.substr(1) } }}));
  EXPECT_THAT(events().indices, ElementsAre(first_electron, second_electron));
}

TEST_F(eer, electrons_in_one_row_of_pixels_are_sorted_by_finer_rows) {
  std::vector<std::uint32_t> events;
  // Pixel 0 in finer row 3, pixel 1 in finer row 0, both in finer column 2; then nothing.
  EXPECT_TRUE(unpack(packed_bits({{0, 7}, {0, 2}, {1, 2}, {0, 7}, {0, 2}, {2, 2}, {6, 7}}), {2, 4}, {7, 2}, events));
  EXPECT_THAT(events, ElementsAre(0U + 4 + 2, 3U * fine_width + 2));
}

TEST_F(eer, a_run_that_is_full_has_no_electron_behind_it) {
  std::vector<std::uint32_t> events;
  EXPECT_TRUE(unpack(packed_bits({{127, 7}, {127, 7}, {1, 7}, {2, 2}, {2, 2}}), {1, 256}, {7, 2}, events));
  EXPECT_THAT(events, ElementsAre(255U * 4));
  events.clear();
  EXPECT_TRUE(unpack(packed_bits({{127, 7}, {127, 7}, {2, 7}}), {1, 256}, {7, 2}, events));
  EXPECT_THAT(events, IsEmpty());
}

TEST_F(eer, a_sum_before_the_frames_is_passed_over) {
  const tiff_directory sum{.compression = 1, .strips = {std::string(8, 'x')}, .metadata = "<metadata/>"};
  EXPECT_THAT(import(test::tiff_file({sum, {.strips = {two_electrons()}}})), IsEmpty());
  EXPECT_THAT(events().indices, SizeIs(2));
  EXPECT_THAT(description().provenance, testing::Contains(testing::Pair("camera_metadata", "<metadata/>")));
  std::vector<tiff_directory> many(9, sum);
  many.push_back({.strips = {two_electrons()}});
  EXPECT_THAT(import(test::tiff_file(many)), IsEmpty());
  EXPECT_THAT(events().indices, SizeIs(2));
  const std::vector<source_issue> issues =
      import(test::tiff_file({{.strips = {two_electrons()}}, sum, {.strips = {two_electrons()}}}));
  ASSERT_THAT(issues, SizeIs(1));
  EXPECT_THAT(issues[0].text, HasSubstr("TIFF directory 1 holds no electrons (compression 1)"));
  EXPECT_EQ(description().scan.frames(), 2U);
}

TEST_F(eer, frames_that_are_not_whole_are_missing) {
  const std::string short_frame = packed_bits({{1, 7}, {1, 2}, {2, 2}, {4, 7}});
  const std::string long_frame = packed_bits({{9, 7}});
  const std::vector<source_issue> issues = import(test::tiff_file({{.strips = {two_electrons()}},
                                                                   {.strips = {short_frame}},
                                                                   {.strips = {two_electrons()}},
                                                                   {.strips = {long_frame}},
                                                                   {.strips = {}}}));
  ASSERT_THAT(issues, SizeIs(1));
  EXPECT_THAT(issues[0].text, HasSubstr("packed electrons of frame 1 end before its last pixel"));
  EXPECT_EQ(issues[0].occurrences, 3U);
  EXPECT_THAT(events().status, ElementsAre(all_sectors, 0, all_sectors, 0, 0));
  EXPECT_THAT(events().indices, SizeIs(4));
}

TEST_F(eer, a_file_without_one_whole_frame_is_refused) {
  EXPECT_THAT(refusal(test::tiff_file({{.strips = {packed_bits({{9, 7}})}}, {.strips = {}}})),
              HasSubstr("not one of its frames"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "store.h5"));
}

TEST_F(eer, strips_that_lie_outside_the_file_lose_their_frame_alone) {
  // As many bytes as the file has may be there only once: a count that is damaged must not use them up.
  for (const std::uint32_t damaged : {0x8000'0000U, 0xffff'ffffU, 1'000U}) {
    SCOPED_TRACE(damaged);
    std::string file = test::tiff_file(std::vector<tiff_directory>(4, {.strips = {two_electrons()}}));
    const std::size_t sizes = file.find(std::string("\x17\x01\x04\0\x01\0\0\0", 8));  // tag 279, one number of 32 bits
    ASSERT_NE(sizes, std::string::npos);
    std::memcpy(file.data() + sizes + 8, &damaged, sizeof damaged);
    EXPECT_THAT(import(file), SizeIs(1));
    EXPECT_THAT(events().status, ElementsAre(0, all_sectors, all_sectors, all_sectors));
    EXPECT_THAT(events().indices, SizeIs(6));
  }
}

TEST_F(eer, tiles_are_no_strips) {
  // libtiff then has as many places as there are tiles, however many strips the rows would make.
  const tiff_directory tiled{.strips = {two_electrons()}, .height = 65'536, .width = 32, .in_tiles = true};
  EXPECT_THAT(refusal(test::tiff_file({tiled})), HasSubstr("not one of its frames"));
}

TEST_F(eer, scans_of_other_numbers_of_frames) {
  const std::string file = test::tiff_file(std::vector<tiff_directory>(5, {.strips = {two_electrons()}}));
  const std::vector<source_issue> issues = import(file, of_scan({2, 3, 1}));
  ASSERT_THAT(issues, SizeIs(1));
  EXPECT_THAT(
      issues[0].text,
      HasSubstr("holds 5 whole frames, the scan of 3 x 2 positions (width x height) takes 6; the last ones are missing"));
  EXPECT_EQ(events().status.back(), 0);
  EXPECT_THAT(import(file, of_scan({2, 2, 1}))[0].text,
              HasSubstr("holds 5 frames, the scan of 2 x 2 positions (width x height) takes 4; the rest is left out"));
  EXPECT_THAT(events().status, SizeIs(4));
  EXPECT_THAT(refusal(file, of_frame({4, 4})), HasSubstr("2 x 4 pixels, not 4 x 4"));
  EXPECT_THAT(refusal(file, of_scan({20'000, 20'000, 1})), HasSubstr("must have 1 to 268435456 frames"));
  EXPECT_THAT(refusal(file, of_scan({0, 4, 1})), HasSubstr("must have 1 to"));
}

TEST_F(eer, what_cannot_be_is_refused) {
  const tiff_directory frame{.strips = {two_electrons()}};
  EXPECT_THAT(refusal(test::tiff_file({frame, {.strips = {two_electrons()}, .height = 3}})),
              HasSubstr("directory 1 is of 3 x 4 pixels"));
  EXPECT_THAT(refusal(test::tiff_file({{.compression = 65002, .strips = {"x"}}})),
              HasSubstr("directory 0 does not state in whole numbers how its electrons are packed"));
  const auto tagged = [](std::uint16_t run, std::uint16_t x, std::uint16_t y) {
    return test::tiff_file({{.compression = 65002, .strips = {"x"}, .numbers = {{65007, run}, {65008, x}, {65009, y}}}});
  };
  EXPECT_THAT(refusal(tagged(0, 2, 2)), HasSubstr("0 bits"));
  EXPECT_THAT(refusal(tagged(17, 2, 2)), HasSubstr("17 bits"));
  EXPECT_THAT(refusal(tagged(7, 2, 1)), HasSubstr("2 x 1 of places"));
  EXPECT_THAT(refusal(tagged(7, 3, 3)), HasSubstr("3 x 3 of places"));
  EXPECT_THAT(refusal(test::tiff_file({{.strips = {"x"}, .height = 1U << 30U, .width = 1U << 30U}})), HasSubstr("more than"));
  EXPECT_THAT(refusal(test::tiff_file({{.strips = {"x"}, .height = 0}})),
              HasSubstr("is a TIFF file without frames of electrons (EER)"));
  EXPECT_THAT(refusal(test::tiff_file({{.compression = 1, .strips = {"x"}}})),
              HasSubstr("is a TIFF file without frames of electrons (EER)"));
}

TEST_F(eer, a_file_cut_anywhere_is_refused_or_lacks_frames) {
  const std::string file =
      test::tiff_file(std::vector<tiff_directory>(3, {.strips = {two_electrons()}, .metadata = "<metadata/>"}));
  for (std::size_t bytes = 0; bytes < file.size(); bytes += 3) {
    SCOPED_TRACE(bytes);
    try {
      EXPECT_THAT(import(file.substr(0, bytes)), testing::Not(IsEmpty()));
    } catch (const error& reason) {
      EXPECT_THAT(reason.what(), HasSubstr("a.eer"));
    }
  }
}

TEST_F(eer, directories_in_a_circle_end) {
  std::string file = test::tiff_file({{.strips = {two_electrons()}}});
  std::memcpy(file.data() + file.size() - 4, file.data() + 4, 4);
  ASSERT_THAT(import(file), SizeIs(1));
  EXPECT_EQ(description().scan.frames(), 1U);
}

}  // namespace
}  // namespace countem
