// What an unfinished store may be resumed with, and from where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/folded_store.hpp>

#include "io/store/difference.hpp"
#include "tests/store/store_checks.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using test::description_of;
using test::mean_events;
using test::random_batch;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct changed_field {
  const char* difference;
  std::function<void(store_description&)> change;
};

/// One change of each field that decides what a counted frame holds.
const std::vector<changed_field>& changed_fields() {
  static const std::vector<changed_field> fields = {
      {"frames of another size",
       [](store_description& of) {
         of.shape = {48, 32};
       }},
      {"another scan size",
       [](store_description& of) {
         of.scan = {3, 2, 1};
       }},
      {"another path of the scan",
       [](store_description& of) {
         record_path(of, {2, 0, true});
       }},
      {"other axes", [](store_description& of) { of.geometry.scan_row.first = 2; }},
      {"another upsampling", [](store_description& of) { of.options.upsample = 2; }},
      {"another counting method", [](store_description& of) { of.options.method = counting_method::maximum; }},
      {"another correction of row noise", [](store_description& of) { of.options.row_noise = row_noise_method::mean; }},
      {"another subtraction of the frames' shift",
       [](store_description& of) { of.options.background = background_method::frame; }},
      {"another smallest cluster size", [](store_description& of) { of.options.min_cluster_size = 2; }},
      {"another largest cluster size", [](store_description& of) { of.options.max_cluster_size = 9; }},
      {"other event values", [](store_description& of) { of.options.values = event_value::size; }},
      {"another dark reference", [](store_description& of) { of.calibrated.dark16[7] += 1; }},
      {"another gain reference", [](store_description& of) { of.calibrated.gain[7] = 1.5F; }},
      {"another pixel mask", [](store_description& of) { of.calibrated.mask[7] = mask_hot; }},
      {"another background threshold", [](store_description& of) { of.calibrated.background16 += 1; }},
      {"other background thresholds of pixels",
       [](store_description& of) { of.calibrated.pixel_background16.assign(of.shape.pixels(), 5); }},
      {"another score threshold", [](store_description& of) { of.calibrated.score16 = 700; }},
      {"another X-ray threshold", [](store_description& of) { of.calibrated.xray16 -= 1; }},
  };
  return fields;
}

store_description full_description() {
  store_description description = description_of({32, 48}, {2, 3, 1});
  description.calibrated.shape = description.shape;
  description.calibrated.dark16.assign(description.shape.pixels(), 320);
  description.calibrated.gain.assign(description.shape.pixels(), 1.25F);
  description.calibrated.mask.assign(description.shape.pixels(), 0);
  return description;
}

TEST(difference, names_each_field_that_differs) {
  const store_description description = full_description();
  EXPECT_THAT(io::differences({description, 1}, {description, 1}), IsEmpty());
  EXPECT_THAT(io::differences({description, 1}, {description, 2}), ElementsAre("counts of another width"));
  for (const changed_field& field : changed_fields()) {
    store_description other = description;
    field.change(other);
    EXPECT_THAT(io::differences({description, 1}, {other, 1}), ElementsAre(field.difference));
    EXPECT_THAT(io::differences({other, 1}, {description, 1}), ElementsAre(field.difference));
    EXPECT_THAT(io::differences({other, 1}, {other, 1}), IsEmpty());
  }
}

TEST(difference, has_a_test_for_each_entry_of_its_table) {
  constexpr std::size_t width_and_the_two_that_compare_everything = 3;
  EXPECT_EQ(io::compared_fields().size(), changed_fields().size() + width_and_the_two_that_compare_everything);
}

/// How a calibration came about does not decide what is counted; a gain that is not a number is no difference from itself.
TEST(difference, ignores_where_a_calibration_came_from) {
  store_description description = full_description();
  description.calibrated.gain[3] = std::numeric_limits<float>::quiet_NaN();
  store_description other = description;
  other.provenance.clear();
  other.calibrated.dark_frames = 100;
  other.calibrated.dark_sigma_adu.assign(other.shape.pixels(), 2.0F);
  other.calibrated.fit = noise_fit{};
  EXPECT_THAT(io::differences({description, 1}, {other, 1}), IsEmpty());
}

TEST(difference, lists_words) {
  const std::vector<std::string> words = {"one", "two", "three"};
  EXPECT_EQ(io::list_of(std::span(words).first(0)), "");
  EXPECT_EQ(io::list_of(std::span(words).first(1)), "one");
  EXPECT_EQ(io::list_of(std::span(words).first(2)), "one and two");
  EXPECT_EQ(io::list_of(words), "one, two and three");
}

TEST(resume, starts_from_nothing_where_nothing_is_left) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {2, 3, 1});
  resumed_event_store resumed = resume_event_store(directory / "counted.h5", description, {});
  EXPECT_EQ(resumed.next_frame, 0U);
  test::put_rest(*resumed.writer, 0, description, 4, mean_events);
  resumed.writer->finish();
  test::expect_frames(directory / "counted.h5", description, mean_events, 6);
}

TEST(resume, refuses_to_mix_what_was_counted_differently) {
  const test::temporary_directory directory;
  const store_description description = full_description();
  const std::filesystem::path path = directory / "counted.h5";
  {
    const auto writer = create_event_store(path, description, {});
    test::put(*writer, random_batch(0, 3, description, mean_events));
    (void)writer->abandon();
  }
  const auto refused = [&](const store_description& as, const store_options& options) -> std::string {
    try {
      (void)resume_event_store(path, as, options);
    } catch (const invalid_argument& reason) {
      return reason.what();
    }
    return "resumed";
  };
  for (const changed_field& field : changed_fields()) {
    store_description other = description;
    field.change(other);
    EXPECT_THAT(refused(other, {}), HasSubstr(std::string("was counted with ") + field.difference + ";"));
  }
  EXPECT_THAT(refused(description, {true}), HasSubstr("counts of another width;"));
  store_description other = description;
  other.options.min_cluster_size = 2;
  other.calibrated.xray16 -= 1;
  EXPECT_THAT(refused(other, {}), HasSubstr("another smallest cluster size and another X-ray threshold"));
  EXPECT_EQ(resume_event_store(path, description, {}).next_frame, 3U);
  EXPECT_EQ(resume_event_store(path, description, {}).next_frame, 3U);  // an abandoned resumption loses nothing
}

/// A store whose first part was counted from inputs that changed holds a record of it, even where they do not change any more.
TEST(resume, keeps_what_was_recorded_about_inputs_that_changed) {
  const test::temporary_directory directory;
  const store_description description = full_description();
  const std::filesystem::path path = directory / "counted.h5";
  const auto interrupt = [&](event_store_writer& writer, std::uint64_t frame, std::vector<source_issue> issues) {
    test::put(writer, random_batch(frame, 1, description, mean_events));
    (void)writer.abandon(issues);
  };
  interrupt(*create_event_store(path, description, {}), 0,
            {{"input_changed", "a.npy: changed"}, {"truncated_record", "a.npy: found anew when it is opened again"}});
  interrupt(*resume_event_store(path, description, {}).writer, 1, {{"input_changed", "b.npy: changed"}});
  const resumed_event_store resumed = resume_event_store(path, description, {});
  EXPECT_EQ(resumed.next_frame, 2U);
  resumed.writer->finish({}, std::vector<source_issue>{{"input_changed", "c.npy: changed"}});
  std::string issues;
  const auto store = open_event_store(path);
  for (const auto& [name, text] : store->description().provenance) {
    if (name == "issues") issues = text;
  }
  EXPECT_EQ(issues, R"([{"kind":"input_changed","text":"a.npy: changed","occurrences":1},)"
                    R"({"kind":"input_changed","text":"b.npy: changed","occurrences":1},)"
                    R"({"kind":"input_changed","text":"c.npy: changed","occurrences":1}])");
}

/// Frames of the description in the unfinished store of `path`, of which the chunks of `damaged` are broken.
void leave_damaged_part(const std::filesystem::path& path, const store_description& description,
                        const std::vector<std::uint64_t>& damaged) {
  const auto writer = create_event_store(path, description, {});
  test::put_rest(*writer, 0, description, 7, mean_events);
  const std::filesystem::path part = writer->abandon();
  for (const std::uint64_t frame : damaged) test::damage_chunk(part, description.scan, frame, 0);
}

/// A damaged chunk is counted again, and so is every frame after it, whole or not.
TEST(resume, counts_again_from_the_first_damaged_chunk) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {6, 10, 1});
  const std::filesystem::path path = directory / "counted.h5";
  struct damaged_case {
    std::vector<std::uint64_t> damaged;
    std::uint64_t next;
  };
  for (const damaged_case& tried :
       {damaged_case{{}, 60}, damaged_case{{59}, 59}, damaged_case{{12}, 12}, damaged_case{{40, 12}, 12}, damaged_case{{4}, 3},
        damaged_case{{1}, 1}, damaged_case{{0, 59}, 0}}) {
    SCOPED_TRACE(testing::PrintToString(tried.damaged));
    leave_damaged_part(path, description, tried.damaged);
    resumed_event_store resumed = resume_event_store(path, description, {});
    EXPECT_EQ(resumed.next_frame, tried.next);  // frame 3 never arrived: before frame 4 the last one written is frame 2
    test::put_rest(*resumed.writer, resumed.next_frame, description, 7, mean_events);
    resumed.writer->finish();
    EXPECT_EQ(test::expect_frames(path, description, mean_events, 60), 59U);
  }
}

/// Nothing of a damaged part may be read as a frame of the resumed one before it is counted again.
TEST(resume, holds_only_the_frames_before_the_damage) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {6, 10, 1});
  const std::filesystem::path path = directory / "counted.h5";
  leave_damaged_part(path, description, {30, 20});
  const std::filesystem::path part = resume_event_store(path, description, {}).writer->abandon();
  const auto store = open_event_store(part);
  for (std::uint64_t frame = 0; frame < 60; ++frame) {
    EXPECT_EQ(store->counts()[frame] != not_written, frame < 20 && frame != 3) << frame;
  }
  EXPECT_THAT(verify_event_store(part), IsEmpty());
}

TEST(resume, takes_over_what_was_abandoned_while_its_writer_lives) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {2, 3, 1});
  const auto first = create_event_store(directory / "x.h5", description, {});
  test::put(*first, random_batch(0, 2, description, mean_events));
  EXPECT_EQ(first->abandon(), directory / "x.h5.part");
  EXPECT_EQ(resume_event_store(directory / "x.h5", description, {}).next_frame, 2U) << "nothing of it is locked any more";
}

}  // namespace
}  // namespace countem
