// Copies of stores: the status of merged frames, and reading in batches; a store in memory stands in for a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include <countem/centre.hpp>
#include <countem/error.hpp>
#include <countem/store_copy.hpp>

namespace {

using namespace countem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct stored_frame {
  std::vector<std::uint32_t> events;
  std::uint8_t status = all_sectors;
  std::uint32_t xrays = 0;
};

/// A finished store whose frames lie in memory.
class memory_store final : public event_store {
 public:
  memory_store(frame_shape shape, scan_shape scan, std::vector<stored_frame> frames) : frames_(std::move(frames)) {
    description_.shape = shape;
    description_.scan = scan;
    for (const stored_frame& frame : frames_) {
      counts_.push_back(static_cast<std::uint32_t>(frame.events.size()));
      status_.push_back(frame.status);
      xrays_.push_back(frame.xrays);
    }
  }

  const store_description& description() const override { return description_; }
  std::uint64_t frames() const override { return frames_.size(); }
  const std::vector<std::uint32_t>& counts() const override { return counts_; }
  const std::vector<std::uint8_t>& status() const override { return status_; }
  const std::vector<std::uint32_t>& xrays() const override { return xrays_; }
  void read(std::uint64_t first, std::size_t count, event_batch& out, unsigned) const override {
    out.clear();
    out.first_frame = first;
    for (std::uint64_t f = first; f < first + count; ++f) {
      out.indices.insert(out.indices.end(), frames_[f].events.begin(), frames_[f].events.end());
      out.indptr.push_back(out.indices.size());
      out.status.push_back(frames_[f].status);
      out.xrays.push_back(frames_[f].xrays);
    }
  }

 private:
  std::vector<stored_frame> frames_;
  store_description description_;
  std::vector<std::uint32_t> counts_;
  std::vector<std::uint8_t> status_;
  std::vector<std::uint32_t> xrays_;
};

/// Keeps the batches that it gets.
class keeping_sink final : public event_sink {
 public:
  class kept : public encoded {
   public:
    event_batch events;
  };
  void observe(const event_batch&) override {}
  std::unique_ptr<encoded> encode(const event_batch& events) const override {
    auto copy = std::make_unique<kept>();
    copy->events = events;
    return copy;
  }
  void write(const encoded& frames) override {
    const event_batch& events = static_cast<const kept&>(frames).events;
    for (std::size_t f = 0; f < events.frames(); ++f) {
      status.push_back(events.status[f]);
      xrays.push_back(events.xrays[f]);
      const auto of_frame = events.events(f);
      frames_.emplace_back(of_frame.begin(), of_frame.end());
    }
  }
  std::vector<std::uint8_t> status;
  std::vector<std::uint32_t> xrays;
  std::vector<std::vector<std::uint32_t>> frames_;
};

/// What a copy holds.
struct copied_frames {
  std::vector<std::uint8_t> status;
  std::vector<std::uint32_t> xrays;
  std::vector<std::vector<std::uint32_t>> frames;
};

copied_frames copied(const memory_store& store, const copy_plan& plan) {
  keeping_sink sink;
  copy_frames(store, plan, sink, {});
  return {sink.status, sink.xrays, sink.frames_};
}

copy_plan whole_of(const memory_store& store) {
  return {whole(store.description().scan), {0, 0, store.description().shape}};
}

TEST(merged_frame, that_lacks_some_of_what_goes_into_it_is_truncated) {
  // Positions in pairs: both whole; one lacks a sector; both lack the same sector; one never arrived; neither arrived.
  const memory_store store({2, 2}, {1, 10, 1},
                           {{{0}}, {{1}}, {{0}}, {{1}, 0x7}, {{0}, 0x7}, {{1}, 0x7}, {{0}}, {{}, 0}, {{}, 0}, {{}, 0}});
  copy_plan plan = whole_of(store);
  plan.scan_bin = 2;
  // The window is one row high: pairs are merged along it.
  const copied_frames copy = copied(store, plan);
  EXPECT_THAT(copy.status, ElementsAre(all_sectors, 0x7 | status_truncated, 0x7, all_sectors | status_truncated, 0));
  EXPECT_THAT(copy.frames, ElementsAre(ElementsAre(0, 1), ElementsAre(0, 1), ElementsAre(0, 1), ElementsAre(0), ElementsAre()));
}

TEST(lacking_in_copy, counts_merged_frames_that_are_made_of_less) {
  // The same pairs: sectors that both lack are lacking, too.
  const memory_store store({2, 2}, {1, 10, 1},
                           {{{0}}, {{1}}, {{0}}, {{1}, 0x7}, {{0}, 0x7}, {{1}, 0x7}, {{0}}, {{}, 0}, {{}, 0}, {{}, 0}});
  copy_plan plan = whole_of(store);
  EXPECT_TRUE(lacking_in_copy(store, plan, "s.h5").empty());
  plan.scan_bin = 2;
  const std::vector<source_issue> found = lacking_in_copy(store, plan, "s.h5");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, "merged_frames_lack_some");
  EXPECT_EQ(found[0].occurrences, 3U);
  EXPECT_THAT(found[0].text, HasSubstr("s.h5: 3 of 5 merged frames"));
  EXPECT_THAT(found[0].text, HasSubstr("1 never arrived and 3 lack a part"));
  EXPECT_THAT(found[0].text, HasSubstr("1 more, of which nothing arrived, are missing"));
  plan.scan.width = 2;
  EXPECT_TRUE(lacking_in_copy(store, plan, "s.h5").empty());
  plan.scan = {0, 8, 1, 2};  // nothing arrived of any: no merged frame is less than it seems
  EXPECT_TRUE(lacking_in_copy(store, plan, "s.h5").empty());
}

TEST(lacking_in_copy, counts_each_repeat) {
  // Two positions with two frames each; the second frame of the second position is missing.
  const memory_store store({2, 2}, {1, 2, 2}, {{{0}}, {{1}}, {{0}}, {{}, 0}});
  copy_plan plan = whole_of(store);
  plan.scan_bin = 2;
  const std::vector<source_issue> found = lacking_in_copy(store, plan, "s.h5");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].text, HasSubstr("1 of 2 merged frames"));
  EXPECT_THAT(found[0].text, Not(HasSubstr("are missing")));
}

/// The frames of a copy whose positions are merged, each from the frames that go into it.
std::vector<std::vector<std::uint32_t>> merged_by_hand(const std::vector<stored_frame>& frames, std::uint32_t height,
                                                       std::uint32_t width, std::uint32_t bin) {
  const std::uint32_t to_width = (width + bin - 1) / bin;
  std::vector<std::vector<std::uint32_t>> merged(std::size_t{to_width} * ((height + bin - 1) / bin));
  for (std::uint32_t row = 0; row < height; ++row) {
    for (std::uint32_t column = 0; column < width; ++column) {
      const std::vector<std::uint32_t>& from = frames[std::size_t{row} * width + column].events;
      std::vector<std::uint32_t>& into = merged[std::size_t{row / bin} * to_width + column / bin];
      into.insert(into.end(), from.begin(), from.end());
    }
  }
  for (std::vector<std::uint32_t>& frame : merged) std::ranges::sort(frame);
  return merged;
}

TEST(merged_rows, are_made_in_parts_where_they_are_long) {
  constexpr std::uint32_t height = 3;
  constexpr std::uint32_t width = 40'001;  // 20,001 positions of the copy: more than are made at a time
  std::vector<stored_frame> frames(std::size_t{height} * width);
  for (std::uint32_t frame = 0; frame < frames.size(); ++frame) {
    frames[frame].events.assign(frame % 4, frame * 7 % 64);  // at one pixel, up to three times
    frames[frame].xrays = frame % 3;
  }
  const memory_store store({8, 8}, {height, width, 1}, frames);
  copy_plan plan = whole_of(store);
  plan.scan_bin = 2;
  std::size_t largest = 0;
  std::uint64_t next = 0;
  for_copied_batches(store, plan, {}, [&](const event_batch& made) {
    EXPECT_EQ(made.first_frame, next);
    next += made.frames();
    largest = std::max(largest, made.frames());
  });
  EXPECT_EQ(next, 2 * 20'001U);
  EXPECT_LT(largest, 20'001U);
  const copied_frames copy = copied(store, plan);
  EXPECT_EQ(copy.frames, merged_by_hand(frames, height, width, 2));
  std::vector<std::uint32_t> xrays(copy.frames.size());
  for (std::uint32_t frame = 0; frame < frames.size(); ++frame)
    xrays[frame / width / 2 * 20'001 + frame % width / 2] += frame % 3;
  EXPECT_EQ(copy.xrays, xrays);
}

TEST(merged_rows, are_made_in_parts_where_they_have_many_events) {
  constexpr std::uint32_t width = 64;
  std::vector<stored_frame> frames(width);
  for (std::uint32_t frame = 0; frame < width; ++frame)
    frames[frame].events.assign(300'000, frame % 4);  // more events than pixels: counted per pixel
  const memory_store store({2, 2}, {1, width, 1}, frames);
  copy_plan plan = whole_of(store);
  plan.scan_bin = 2;
  std::vector<std::size_t> events;
  for_copied_batches(store, plan, {}, [&](const event_batch& made) { events.push_back(made.indices.size()); });
  EXPECT_GT(events.size(), 3U);
  for (const std::size_t some : events) EXPECT_LE(some, std::size_t{1} << 22U);
  EXPECT_EQ(copied(store, plan).frames, merged_by_hand(frames, 1, width, 2));
}

TEST(merged_frame, keeps_every_flag_and_adds_xrays) {
  const memory_store store(
      {2, 2}, {1, 4, 1},
      {{{0}, all_sectors | status_xray, 2}, {{1}, all_sectors, 3}, {{}, all_sectors | status_truncated}, {{}}});
  copy_plan plan = whole_of(store);
  plan.scan_bin = 2;
  const copied_frames copy = copied(store, plan);
  EXPECT_THAT(copy.status, ElementsAre(all_sectors | status_xray, all_sectors | status_truncated));
  EXPECT_THAT(copy.xrays, ElementsAre(5, 0));
}

TEST(copied_frame, is_as_whole_as_the_one_it_is_a_copy_of) {
  const memory_store store({2, 2}, {1, 3, 1}, {{{0}}, {{1}, 0x7}, {{}, 0}});
  EXPECT_THAT(copied(store, whole_of(store)).status, ElementsAre(all_sectors, 0x7, 0));
}

TEST(copied_frame, of_a_scan_that_no_bin_divides_has_what_is_left) {
  const memory_store store({1, 4}, {3, 3, 1}, {{{0}}, {{1}}, {{2}}, {{0}}, {{1}}, {{2}}, {{3}}, {{3}}, {{1}}});
  copy_plan plan = whole_of(store);
  plan.scan_bin = 2;
  EXPECT_EQ(describe_copy(store.description(), plan).scan, (scan_shape{2, 2, 1}));
  EXPECT_THAT(copied(store, plan).frames,
              ElementsAre(ElementsAre(0, 0, 1, 1), ElementsAre(2, 2), ElementsAre(3, 3), ElementsAre(1)));
}

TEST(copied_frame, keeps_the_pixels_of_the_window_in_bins) {
  const memory_store store({4, 4}, {1, 1, 1}, {{{0, 5, 6, 9, 10, 15}}});
  copy_plan plan = whole_of(store);
  plan.detector = {1, 1, {3, 3}};
  EXPECT_THAT(copied(store, plan).frames, ElementsAre(ElementsAre(0, 1, 3, 4, 8)));
  plan.bin = 2;
  EXPECT_THAT(copied(store, plan).frames, ElementsAre(ElementsAre(0, 0, 0, 0, 3)));
}

TEST(store_copy, windows_that_keep_nothing_or_reach_too_far_are_refused) {
  const memory_store store({4, 4}, {2, 3, 1}, std::vector<stored_frame>(6));
  const auto refused = [&](auto change) {
    copy_plan plan = whole_of(store);
    change(plan);
    EXPECT_THROW((void)describe_copy(store.description(), plan), invalid_argument);
  };
  refused([](copy_plan& plan) { plan.bin = 0; });
  refused([](copy_plan& plan) { plan.scan_bin = 0; });
  refused([](copy_plan& plan) { plan.detector.shape.height = 5; });
  refused([](copy_plan& plan) { plan.detector.column = 1; });
  refused([](copy_plan& plan) { plan.detector.shape.width = 0; });
  refused([](copy_plan& plan) { plan.scan.height = 0; });
  refused([](copy_plan& plan) { plan.scan.row = 1; });
  refused([](copy_plan& plan) { plan.scan.column = 1; });
  refused([](copy_plan& plan) { plan.scan.width = 4; });
  copy_plan last = whole_of(store);
  last.scan = {1, 2, 1, 1};
  last.detector = {3, 3, {1, 1}};
  EXPECT_NO_THROW((void)describe_copy(store.description(), last));
}

TEST(store_batches, show_a_window_in_order_with_numbers_of_their_own) {
  const memory_store store({1, 9}, {3, 3, 1}, {{{0}}, {{1}}, {{2}}, {{3}}, {{4}}, {{5}}, {{6}}, {{7}}, {{8}}});
  const auto shown = [&](const scan_window& window) {
    std::vector<std::uint32_t> events;
    std::uint64_t expected = 0;
    for_batches(store, window, {}, [&](const event_batch& batch) {
      EXPECT_EQ(batch.first_frame, expected);
      expected += batch.frames();
      events.insert(events.end(), batch.indices.begin(), batch.indices.end());
    });
    return events;
  };
  EXPECT_THAT(shown({1, 0, 2, 3}), ElementsAre(3, 4, 5, 6, 7, 8));
  EXPECT_THAT(shown({1, 1, 2, 2}), ElementsAre(4, 5, 7, 8));
  EXPECT_THAT(shown({2, 2, 1, 1}), ElementsAre(8));
  EXPECT_THROW(shown({2, 2, 1, 2}), invalid_argument);
  EXPECT_THROW(shown({3, 0, 1, 1}), invalid_argument);
  const std::atomic<bool> stop{true};
  reading_options stopped;
  stopped.stop = &stop;
  EXPECT_THROW(for_batches(store, whole(store.description().scan), stopped, [](const event_batch&) {}), interrupted);
}

TEST(store_batches, are_small_where_frames_are_full) {
  const std::vector<stored_frame> frames(5, {std::vector<std::uint32_t>(100'000)});  // each electron in pixel 0
  const memory_store store({1, 1}, {5, 1, 1}, frames);
  std::vector<std::size_t> sizes;
  reading_options one_thread;
  one_thread.threads = 1;
  for_batches(store, whole(store.description().scan), one_thread,
              [&](const event_batch& batch) { sizes.push_back(batch.frames()); });
  EXPECT_THAT(sizes, ElementsAre(3, 2)) << "2^18 events are reached with the third frame";
}

TEST(parse_ranges, takes_halves_and_nothing_beyond_the_end) {
  const auto parsed = [](std::string_view text) { return parse_ranges(text, 10, 20); };
  const index_ranges all = parsed(":,:");
  EXPECT_EQ(all.row, 0U);
  EXPECT_EQ(all.row_end, 10U);
  EXPECT_EQ(all.column_end, 20U);
  const index_ranges part = parsed("3:4,19:20");
  EXPECT_EQ(part.row, 3U);
  EXPECT_EQ(part.row_end, 4U);
  EXPECT_EQ(part.column, 19U);
  for (const char* wrong : {"", "1:2", "1,2", "2:2,:", "3:2,:", "0:11,:", ":,0:21", "a:2,:", "1:2x,:", "-1:2,:"}) {
    EXPECT_THROW((void)parsed(wrong), invalid_argument) << wrong;
  }
}

TEST(copied_calibration, is_cropped_with_the_pixels_or_stays_that_of_the_detector) {
  store_description store;
  store.shape = {4, 6};
  store.scan = {1, 1, 1};
  store.geometry = counted_geometry({4, 6}, 1);
  store.calibrated.shape = {4, 6};
  store.calibrated.mask.assign(24, 0);
  store.calibrated.mask[1 * 6 + 3] = mask_hot;
  const copy_plan cut{whole(store.scan), {1, 2, {3, 4}}};
  const store_description cropped = describe_copy(store, cut);
  EXPECT_EQ(cropped.calibrated.shape, (frame_shape{3, 4}));
  EXPECT_EQ(cropped.calibrated.mask, (std::vector<std::uint8_t>{0, mask_hot, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));

  copy_plan merged{whole(store.scan), {0, 2, {4, 4}}, 2};
  const store_description binned = describe_copy(store, merged);
  EXPECT_EQ(binned.calibrated.mask, store.calibrated.mask) << "the axes place it";
  EXPECT_EQ(masked_events(binned.calibrated, binned.shape, binned.geometry), (std::vector<std::uint8_t>{mask_hot, 0, 0, 0}));
  EXPECT_EQ(masked_events(describe_copy(binned, {whole(store.scan), {0, 1, {2, 1}}}).calibrated, {2, 1},
                          describe_copy(binned, {whole(store.scan), {0, 1, {2, 1}}}).geometry),
            (std::vector<std::uint8_t>{0, 0}));

  for (const auto& [from, plan] :
       {std::pair(store, cut), std::pair(store, merged), std::pair(binned, copy_plan{whole(store.scan), {0, 1, {2, 1}}}),
        std::pair(cropped, copy_plan{whole(store.scan), {0, 0, {2, 4}}, 2})}) {
    const store_description copy = describe_copy(from, plan);
    EXPECT_EQ(masked_in_copy(from, plan), masked_events(copy.calibrated, copy.shape, copy.geometry));
  }
  EXPECT_EQ(masked_in_copy(store, merged), (std::vector<std::uint8_t>{mask_hot, 0, 0, 0}));

  merged = {whole(store.scan), {0, 0, {2, 4}}, 2};
  EXPECT_TRUE(describe_copy(cropped, merged).calibrated.mask.empty()) << "of cropped pixels that are merged nothing is kept";
}

}  // namespace
