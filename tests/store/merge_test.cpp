// One store of the parts of a scan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/scan_share.hpp>
#include <countem/stop.hpp>

#include "tests/store/store_checks.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using test::description_of;
using test::mean_events;
using test::random_batch;
using test::read_all;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

/// A finished store that holds frames [first, end) of the scan.
std::filesystem::path write_part(const std::filesystem::path& path, const store_description& description, std::uint64_t first,
                                 std::uint64_t end, const store_options& options = {}) {
  const auto writer = create_event_store(path, description, options);
  for (; first < end; ++first) test::put(*writer, random_batch(first, 1, description, mean_events));
  writer->finish();
  return path;
}

/// The message of a merge that fails; its output must not be there then.
template <class Error>
std::string refusal(const std::vector<std::filesystem::path>& parts, const std::filesystem::path& output) {
  std::string text = "merged";
  try {
    merge_event_stores(parts, output);
  } catch (const Error& reason) {
    text = reason.what();
  }
  EXPECT_FALSE(std::filesystem::exists(output));
  return text;
}

class merge : public testing::Test {
 protected:
  test::temporary_directory directory_;
  store_description description_ = description_of({32, 48}, {6, 10, 1});
};

struct merge_case {
  const char* name;
  scan_shape scan;
  store_options options;
  event_value values;
};

class merge_of_parts : public testing::TestWithParam<merge_case> {};

TEST_P(merge_of_parts, equals_the_whole) {
  const merge_case& tried = GetParam();
  const test::temporary_directory directory;
  store_description description = description_of({32, 48}, tried.scan);
  description.options.values = tried.values;
  const std::uint64_t frames = tried.scan.frames();
  const auto a = write_part(directory / "a.h5", description, 0, frames / 3, tried.options);
  const auto b = write_part(directory / "b.h5", description, frames / 3, frames / 2, tried.options);
  const auto c = write_part(directory / "c.h5", description, frames / 2, frames, tried.options);
  const merge_report report = merge_event_stores({c, a, b}, directory / "whole.h5");
  EXPECT_EQ(test::expect_frames(directory / "whole.h5", description, mean_events, frames), report.frames);
  const event_batch whole = read_all(directory / "whole.h5");
  const event_batch expected = random_batch(0, frames, description, mean_events);
  EXPECT_EQ(whole.values, expected.values);
  EXPECT_EQ(report.events, expected.indices.size());
  EXPECT_EQ(report.scan_frames, frames);
  EXPECT_EQ(report.shared, 0U);
}

INSTANTIATE_TEST_SUITE_P(forms, merge_of_parts,
                         testing::Values(merge_case{"plain", {6, 10, 1}, {}, event_value::none},
                                         merge_case{"everything", {4, 3, 5}, {true, true}, event_value::charge},
                                         merge_case{"long", {20, 20, 1}, {}, event_value::none}),
                         [](const auto& tried) { return std::string(tried.param.name); });

TEST_F(merge, keeps_gaps_and_marks_of_frames_without_events) {
  const auto a = write_part(directory_ / "a.h5", description_, 0, 20);
  {
    const auto writer = create_event_store(directory_ / "b.h5", description_, {});
    event_batch cut = random_batch(50, 1, description_, 0);
    cut.indices.clear();
    cut.indptr = {0, 0};
    cut.status = {status_truncated};  // of a frame that was cut short beyond use
    cut.xrays = {0};
    test::put(*writer, cut);
    writer->finish();
  }
  const merge_report report = merge_event_stores({a, directory_ / "b.h5"}, directory_ / "whole.h5");
  EXPECT_EQ(report.frames, 19U);  // frame 3 never arrived
  const auto store = open_event_store(directory_ / "whole.h5");
  for (std::uint64_t frame = 20; frame < 60; ++frame) EXPECT_EQ(store->counts()[frame], not_written) << frame;
  EXPECT_EQ(store->status()[50], status_truncated);
  EXPECT_EQ(store->status()[51], 0U);
  EXPECT_THAT(verify_event_store(directory_ / "whole.h5"), IsEmpty());
}

TEST_F(merge, says_where_its_frames_came_from) {
  const auto a = write_part(directory_ / "a.h5", description_, 0, 20);
  const auto b = write_part(directory_ / "b.h5", description_, 20, 60);
  merge_event_stores({a, b}, directory_ / "whole.h5");
  const std::vector<source_issue> lacking = merge_event_stores({directory_ / "whole.h5", a}, directory_ / "again.h5").issues;
  ASSERT_EQ(lacking.size(), 1U);
  EXPECT_EQ(lacking.front().text, "1 of 60 frames are in no part, the first is frame 3: they stay missing");
  const auto store = open_event_store(directory_ / "again.h5");
  auto provenance = store->description().provenance;
  std::erase_if(provenance, [](const auto& entry) { return entry.first == "issues"; });
  ASSERT_FALSE(provenance.empty());
  EXPECT_EQ(provenance.back().first, "merged_from");
  EXPECT_EQ(nlohmann::json::parse(provenance.back().second), nlohmann::json({(directory_ / "whole.h5").string(), a.string()}));
  provenance.pop_back();
  EXPECT_EQ(provenance, description_.provenance);
}

/// The codes of b were trained on other frames than those of a: the bytes of their chunks differ, their content does not.
TEST_F(merge, takes_a_frame_that_two_parts_hold_alike_once) {
  const auto a = write_part(directory_ / "a.h5", description_, 0, 40);
  const auto b = write_part(directory_ / "b.h5", description_, 30, 60);
  const merge_report report = merge_event_stores({a, b}, directory_ / "whole.h5");
  EXPECT_EQ(report.shared, 10U);
  EXPECT_EQ(report.frames, 59U);
  EXPECT_EQ(test::expect_frames(directory_ / "whole.h5", description_, mean_events, 60), 59U);
}

TEST_F(merge, refuses_a_frame_that_two_parts_hold_differently) {
  description_.options.values = event_value::charge;
  const auto a = write_part(directory_ / "a.h5", description_, 0, 40);
  const auto with = [&](const char* name, auto change) {
    const auto writer = create_event_store(directory_ / name, description_, {});
    event_batch frame = random_batch(30, 1, description_, mean_events);
    change(frame);
    test::put(*writer, frame);
    writer->finish();
    return directory_ / name;
  };
  const auto refused = [&](const std::filesystem::path& part) {
    EXPECT_THAT(refusal<invalid_argument>({a, part}, directory_ / "whole.h5"),
                AllOf(HasSubstr("frame 30 is also in"), HasSubstr("other content")));
  };
  refused(with("pixel.h5", [](event_batch& frame) { frame.indices.back() = 32 * 48 - 1; }));
  refused(with("value.h5", [](event_batch& frame) { frame.values.front() += 1; }));
  refused(with("status.h5", [](event_batch& frame) {
    frame.status = {0x07};
    frame.xrays = {0};
  }));
  refused(with("xrays.h5", [](event_batch& frame) {
    frame.status[0] |= status_xray;
    frame.xrays[0] += 5;
  }));
  refused(with("fewer.h5", [](event_batch& frame) {
    frame.indices.pop_back();
    frame.values.pop_back();
    frame.indptr.back() -= 1;
  }));
  EXPECT_EQ(merge_event_stores({a, with("same.h5", [](event_batch&) {})}, directory_ / "whole.h5").shared, 1U);
}

TEST_F(merge, refuses_parts_that_do_not_belong_together) {
  const auto a = write_part(directory_ / "a.h5", description_, 0, 20);
  store_description other = description_;
  other.calibrated.background16 += 1;
  other.options.max_cluster_size = 7;
  const auto b = write_part(directory_ / "b.h5", other, 20, 60);
  const std::filesystem::path whole = directory_ / "whole.h5";
  EXPECT_THAT(refusal<invalid_argument>({a, b}, whole),
              AllOf(HasSubstr("b.h5"), HasSubstr("another largest cluster size and another background threshold")));
  const auto wide = write_part(directory_ / "wide.h5", description_, 20, 60, {true});
  EXPECT_THAT(refusal<invalid_argument>({a, wide}, whole), HasSubstr("counts of another width"));
  EXPECT_THAT(refusal<io_error>({a, directory_ / "absent.h5"}, whole), HasSubstr("absent.h5"));
  EXPECT_THAT(refusal<invalid_argument>({}, whole), HasSubstr("at least one part"));
  EXPECT_THROW(merge_event_stores({a, b}, a), invalid_argument);
  EXPECT_THROW(merge_event_stores({a}, std::filesystem::path(directory_ / ".") / "a.h5"), invalid_argument);
  EXPECT_EQ(open_event_store(a)->counts()[0], random_batch(0, 1, description_, mean_events).indices.size());
}

TEST_F(merge, refuses_a_damaged_part_and_takes_what_was_recovered_of_it) {
  const auto a = write_part(directory_ / "a.h5", description_, 0, 20);
  const auto b = write_part(directory_ / "b.h5", description_, 20, 60);
  test::damage_chunk(b, description_.scan, 33, 5);
  EXPECT_THAT(refusal<format_error>({a, b}, directory_ / "whole.h5"), AllOf(HasSubstr("b.h5"), HasSubstr("frame 33")));
  recover_event_store(b, directory_ / "saved.h5");
  EXPECT_EQ(merge_event_stores({a, directory_ / "saved.h5"}, directory_ / "whole.h5").frames, 58U);
  EXPECT_EQ(open_event_store(directory_ / "whole.h5")->counts()[33], not_written);
}

TEST_F(merge, refuses_a_part_whose_xrays_are_no_longer_those_that_were_written) {
  const auto a = write_part(directory_ / "a.h5", description_, 0, 60);
  constexpr std::int64_t xrays = 12 - 48;  // of the footer, which no decoding of the events reads
  test::damage_chunk(a, description_.scan, 33, xrays);
  EXPECT_THAT(refusal<format_error>({a}, directory_ / "whole.h5"), AllOf(HasSubstr("a.h5"), HasSubstr("frame 33")));
}

TEST_F(merge, overwrites_only_when_allowed) {
  const auto a = write_part(directory_ / "a.h5", description_, 0, 60);
  write_part(directory_ / "whole.h5", description_, 0, 1);
  EXPECT_THROW(merge_event_stores({a}, directory_ / "whole.h5", {existing_file::kept, {}}), invalid_argument);
  EXPECT_EQ(open_event_store(directory_ / "whole.h5")->counts()[1], not_written);
  EXPECT_EQ(merge_event_stores({a}, directory_ / "whole.h5").frames, 59U);
}

TEST_F(merge, leaves_nothing_where_it_is_stopped) {
  const auto a = write_part(directory_ / "a.h5", description_, 0, 20);
  const auto b = write_part(directory_ / "b.h5", description_, 20, 60);
  stop_requested = true;  // seen after the first frame
  EXPECT_THROW(merge_event_stores({a, b}, directory_ / "stopped.h5"), interrupted);
  stop_requested = false;
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    left.push_back(entry.path().filename().string());
  EXPECT_THAT(left, testing::UnorderedElementsAre("a.h5", "b.h5"));
}

TEST_F(merge, takes_parts_that_interleave) {
  const auto every_third = [&](std::uint64_t first) {
    const std::filesystem::path path = directory_ / ("every_third_" + std::to_string(first) + ".h5");
    const auto writer = create_event_store(path, description_, {});
    for (std::uint64_t frame = 0; frame < 60; ++frame) {
      event_batch one = random_batch(frame, 1, description_, mean_events);
      if (frame % 3 != first) one = random_batch(3, 1, description_, mean_events);  // the one that never arrives
      one.first_frame = frame;
      test::put(*writer, one);
    }
    writer->finish();
    return path;
  };
  EXPECT_EQ(merge_event_stores({every_third(2), every_third(0), every_third(1)}, directory_ / "whole.h5").frames, 59U);
  EXPECT_EQ(test::expect_frames(directory_ / "whole.h5", description_, mean_events, 60), 59U);
}

/// Boundaries are floor(frames * k / n), whose product may not fit 64 bits: taken in wider arithmetic here.
TEST(scan_shares, divide_a_scan_by_whole_numbers) {
  EXPECT_EQ(share_of({2, 5, 1}, 1, 4).first_frame(), 0U);
  EXPECT_EQ(share_of({2, 5, 1}, 2, 4).first_frame(), 2U);
  EXPECT_EQ(share_of({2, 5, 1}, 3, 4).first_frame(), 5U);
  EXPECT_EQ(share_of({2, 5, 1}, 4, 4).first_frame(), 7U);
  EXPECT_EQ(share_of({2, 5, 1}, 4, 4).end_frame(), 10U);
  for (const std::uint64_t frames :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{12'345}, std::uint64_t{1} << 40U, (std::uint64_t{1} << 40U) - 7}) {
    for (const std::uint32_t of : {1U, 3U, 1000U, 999'999U, 0xffff'ffffU}) {
      for (const std::uint32_t number : {1U, 2U, of / 2, of - 1, of}) {
        if (number == 0 || number > of) continue;
        const scan_share share{number, of, frames};
        EXPECT_EQ(share.first_frame(), static_cast<std::uint64_t>(static_cast<unsigned __int128>(frames) * (number - 1) / of));
        EXPECT_EQ(share.end_frame(), static_cast<std::uint64_t>(static_cast<unsigned __int128>(frames) * number / of));
      }
    }
  }
  EXPECT_THROW((void)share_of({2, 5, 1}, 0, 4), invalid_argument);
  EXPECT_THROW((void)share_of({2, 5, 1}, 5, 4), invalid_argument);
}

TEST(scan_shares, are_recorded_and_found_again) {
  store_description description = description_of({32, 48}, {6, 10, 1});
  EXPECT_EQ(recorded_share(description), std::nullopt);
  const auto before = description.provenance.size();
  record_share(description, share_of(description.scan, 2, 3));
  record_share(description, share_of(description.scan, 3, 4));
  EXPECT_EQ(description.provenance.size(), before + 1);
  EXPECT_EQ(recorded_share(description), (scan_share{3, 4, 60}));
  EXPECT_EQ(name_of(*recorded_share(description)), "part 3 of 4");
  const auto record = nlohmann::json::parse(description.provenance.back().second);
  EXPECT_EQ(record["first_frame"], 30);
  EXPECT_EQ(record["end_frame"], 45);
  description.scan.height = 3;  // a crop: no longer that scan
  EXPECT_EQ(recorded_share(description), std::nullopt);
  description.scan.height = 6;
  for (const char* wrong : {"", "3", "{}", R"({"number":0,"of":4,"scan_frames":60})", R"({"number":5,"of":4,"scan_frames":60})",
                            R"({"number":-1,"of":4,"scan_frames":60})", R"({"number":"1","of":4,"scan_frames":60})"}) {
    description.provenance.back().second = wrong;
    EXPECT_EQ(recorded_share(description), std::nullopt) << wrong;
  }
}

/// The bytes of the sum are those of docs/event_store.md: Python's struct and a table-driven CRC-32C gave the expected value.
TEST(scan_shares, name_a_calibration_by_its_sum) {
  calibration used;
  used.background16 = 144;
  used.xray16 = 32'000;
  EXPECT_EQ(calibration_crc32c(used), "3d7dc899");
  used.score16 = 500;
  used.dark16 = {320, -5};
  used.gain = {1.5F, 0.75F};
  used.mask = {0, 2};
  EXPECT_EQ(calibration_crc32c(used), "3aa8f76c");
}

}  // namespace
}  // namespace countem
