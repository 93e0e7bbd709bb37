// One counter on a device that several threads feed, piece by piece.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include <countem/device_counter.hpp>
#include <countem/error.hpp>
#include <countem/reductions.hpp>

#include "counting_fixture.hpp"

namespace countem::parity {
namespace {

/// A feed whose slots hold these frames.
std::unique_ptr<cuda::device_feed> feed_for(const parity_case& drawn, unsigned slots, const cuda::device_options& more = {}) {
  cuda::device_options options = more;
  options.batch_frames = std::max<std::size_t>(1, drawn.frames.size());
  options.slots = slots;
  return cuda::make_device_feed(cuda::make_plan(drawn.setup), options);
}

/// Puts frames that lie elsewhere, so many at a time.
void fill(cuda::feed_slot& slot, std::span<const frame_view> frames, std::size_t at_a_time) {
  slot.clear();
  while (!frames.empty()) {
    const std::size_t next = std::min({frames.size(), at_a_time, slot.piece_frames()});
    static_cast<void>(slot.next_piece());
    slot.put(frames.first(next));
    frames = frames.subspan(next);
  }
}

event_batch counted_by_reference(const parity_case& drawn) {
  event_batch expected;
  reference::make_counter(drawn.setup)->count(drawn.frames, expected);
  return expected;
}

/// The frames of a case one after the other in the memory that a slot reads into.
void read_into(frame_batch& raw, const parity_case& drawn, std::size_t first, std::size_t count) {
  const frame_shape shape = drawn.setup.shape;
  const std::size_t row_bytes = shape.width * size_of(drawn.setup.type);
  std::byte* to = raw.storage(count * shape.height * row_bytes);
  raw.frames.clear();
  for (std::size_t f = 0; f < count; ++f) {
    const frame_view& from = drawn.frames[first + f];
    raw.frames.push_back(contiguous_frame(shape, drawn.setup.type, to));
    raw.frames.back().split = from.split;
    for (std::uint32_t row = 0; row < shape.height; ++row, to += row_bytes) std::copy_n(from.row(row), row_bytes, to);
  }
}

using device_feed = cuda_counting;

TEST_F(device_feed, random_cases_in_pieces) {
  for (std::uint64_t seed = 0; seed < 120 && !HasFailure(); seed += share) {
    const parity_case drawn = random_case(9000 + seed);
    if (drawn.setup.shape.pixels() > most_pixels) continue;
    device_model::set_schedule({.seed = seed, .random = seed % 8 != 0});
    cuda::device_options options;
    options.event_capacity = seed % 3 == 0 ? 1 + static_cast<std::uint32_t>(seed % 5) : 0;
    const auto feed = feed_for(drawn, 1, options);
    cuda::feed_slot& slot = *feed->slots().front();
    const event_batch expected = counted_by_reference(drawn);
    for (int round = 0; round < 2; ++round) {
      event_batch found;
      fill(slot, drawn.frames, 1 + seed % 3);
      slot.count(found);
      EXPECT_EQ(difference(expected, found), "") << "seed " << 9000 + seed << ", round " << round << ": " << describe(drawn);
    }
  }
}

TEST_F(device_feed, a_piece_is_free_when_the_device_has_fetched_it) {
  parity_case drawn = plain_case({24, 40}, content::clouds, 0.05, 9);
  drawn.frames.resize(23, drawn.frames.front());
  const event_batch expected = counted_by_reference(drawn);
  for (std::uint64_t seed = 0; seed < 20; seed += share) {
    device_model::set_schedule({.seed = seed, .eager_permille = 0});  // copies as late as may be
    const auto feed = feed_for(drawn, 1);
    cuda::feed_slot& slot = *feed->slots().front();
    slot.clear();
    for (std::size_t first = 0; first < drawn.frames.size(); first += 2) {
      const std::size_t count = std::min<std::size_t>(2, drawn.frames.size() - first);
      frame_batch& raw = slot.next_piece();
      read_into(raw, drawn, first, count);
      slot.put(raw.frames);
    }
    event_batch found;
    slot.count(found);
    EXPECT_EQ(difference(expected, found), "") << "schedule " << seed;
  }
}

TEST_F(device_feed, a_batch_that_was_given_up_leaves_nothing) {
  parity_case drawn = plain_case({24, 40}, content::clouds, 0.05, 9);
  drawn.frames.resize(6, drawn.frames.front());
  parity_case other = plain_case({24, 40}, content::full, 0, 3);
  device_model::set_schedule({.seed = 3, .eager_permille = 0});
  const auto feed = feed_for(drawn, 1);
  cuda::feed_slot& slot = *feed->slots().front();
  fill(slot, other.frames, 1);  // and a source failed
  event_batch found;
  fill(slot, drawn.frames, 4);
  slot.count(found);
  EXPECT_EQ(difference(counted_by_reference(drawn), found), "");
  fill(slot, other.frames, 1);  // abandoned with copies under way
}

TEST_F(device_feed, threads_with_a_slot_each) {
  constexpr std::size_t pixels = 24 * 40;
  std::vector<parity_case> cases;
  for (const content kind : {content::clouds, content::full, content::scattered, content::stripes}) {
    cases.push_back(plain_case({24, 40}, kind, 0.03, 11));
    cases.back().setup.calibrated = cases.front().setup.calibrated;
    cases.back().frames.resize(5, cases.back().frames.front());
  }
  std::vector<std::uint64_t> expected_sum(pixels);
  std::vector<std::uint32_t> expected_maximum(pixels);
  std::vector<event_batch> expected;
  const auto reference = reference::make_reducer();
  for (parity_case& one : cases) {
    one.setup = cases.front().setup;
    expected.push_back(counted_by_reference(one));
    reference->load(view_of(expected.back(), one.setup.shape));
    for (int round = 0; round < 3; ++round) reference->add_sum(expected_sum);
    reference->raise_maximum(expected_maximum);
  }
  const virtual_detector disk = parse_detector("disk:9");
  const detector_masks masks = make_masks({&disk, 1}, {24, 40}, middle_of({24, 40}));
  for (std::uint64_t seed = 0; seed < 8; seed += share) {
    device_model::set_schedule({.seed = seed});
    cuda::device_options options;
    options.event_capacity = 1;  // room grows while others are counted
    options.keeps_sum = true;
    options.keeps_maximum = true;
    const auto feed = feed_for(cases.front(), static_cast<unsigned>(cases.size()), options);
    const std::vector<cuda::feed_slot*> slots = feed->slots();
    ASSERT_EQ(slots.size(), cases.size());
    std::vector<std::string> differences(cases.size());
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < cases.size(); ++t) {
      threads.emplace_back([&, t] {
        const auto expected_counts = reference::make_reducer();
        expected_counts->load(view_of(expected[t], {24, 40}));
        for (int round = 0; round < 3; ++round) {
          event_batch found;
          fill(*slots[t], cases[t].frames, 2);
          slots[t]->count(found);
          differences[t] += difference(expected[t], found);
          std::vector<std::uint32_t> inside(found.frames());
          std::vector<std::uint32_t> expected_inside(found.frames());
          slots[t]->reducer().virtual_counts(masks, inside);
          expected_counts->virtual_counts(masks, expected_inside);
          if (inside != expected_inside) differences[t] += "virtual counts differ";
          slots[t]->add_to_patterns();
        }
      });
    }
    std::vector<std::uint64_t> meanwhile(pixels);  // a picture while they count
    feed->read_patterns(meanwhile, {});
    for (std::thread& one : threads) one.join();
    EXPECT_EQ(differences, std::vector<std::string>(cases.size())) << "schedule " << seed;
    std::vector<std::uint64_t> sum(pixels, 7);
    std::vector<std::uint32_t> maximum(pixels);
    feed->read_patterns(sum, maximum);
    for (std::uint64_t& one : sum) one -= 7;  // it was added
    EXPECT_EQ(sum, expected_sum) << "schedule " << seed;
    EXPECT_EQ(maximum, expected_maximum) << "schedule " << seed;
    EXPECT_TRUE(std::ranges::equal(meanwhile, sum, std::ranges::less_equal{}));
  }
}

TEST_F(device_feed, maps_cross_once) {
  parity_case drawn = plain_case({24, 40}, content::clouds, 0.05, 9);
  const virtual_detector disk = parse_detector("disk:9");
  const detector_masks masks = make_masks({&disk, 1}, {24, 40}, middle_of({24, 40}));
  const auto feed = feed_for(drawn, 2);
  std::vector<std::uint64_t> copies;
  for (cuda::feed_slot* const slot : feed->slots()) {
    event_batch found;
    fill(*slot, drawn.frames, 1);
    slot->count(found);
    event_reducer& reducer = slot->reducer();
    for (int call = 0; call < 2; ++call) {
      const std::uint64_t before = device_model::stats().copies;
      std::vector<std::uint32_t> inside(found.frames());
      reducer.virtual_counts(masks, inside);
      copies.push_back(device_model::stats().copies - before);
    }
  }
  EXPECT_EQ(copies, (std::vector<std::uint64_t>{2, 1, 1, 1})) << "the result crosses each time, the map only the first";
  // A reducer of its own fetches its maps each time, unless they are to stay.
  event_batch found = counted_by_reference(drawn);
  const auto alone = cuda::make_reducer();
  alone->load(view_of(found, {24, 40}));
  std::vector<std::uint32_t> inside(found.frames());
  const auto copies_of_a_call = [&] {
    const std::uint64_t before = device_model::stats().copies;
    alone->virtual_counts(masks, inside);
    return device_model::stats().copies - before;
  };
  EXPECT_EQ(copies_of_a_call(), 2U);
  EXPECT_EQ(copies_of_a_call(), 2U);
  alone->keep_maps();
  EXPECT_EQ(copies_of_a_call(), 2U);
  EXPECT_EQ(copies_of_a_call(), 1U);
}

TEST_F(device_feed, has_as_many_slots_as_there_is_memory_for) {
  const parity_case drawn = plain_case({64, 64}, content::clouds, 0.02, 9);
  const auto slots_within = [&](std::uint64_t bytes) {
    device_model::set_limits({.memory_bytes = bytes});
    return feed_for(drawn, 50)->slots().size();
  };
  EXPECT_EQ(slots_within(1ULL << 30), 50U);
  const std::size_t few = slots_within(400'000);
  EXPECT_GE(few, 1U);
  EXPECT_LT(few, 50U);
  EXPECT_THROW(static_cast<void>(slots_within(20'000)), cuda_error);
}

TEST_F(device_feed, misuse_is_refused) {
  parity_case drawn = plain_case({24, 40}, content::clouds, 0.02, 9);
  drawn.frames.resize(2, drawn.frames.front());
  const auto plan = cuda::make_plan(drawn.setup);
  cuda::device_options options;
  options.batch_frames = 2;
  options.slots = 0;
  EXPECT_THROW(static_cast<void>(cuda::make_device_feed(plan, options)), invalid_argument);
  options.slots = 1;
  EXPECT_THROW(static_cast<void>(cuda::make_device_feed(reference::make_plan(drawn.setup), options)), invalid_argument);
  options.device = 1;
  EXPECT_THROW(static_cast<void>(cuda::make_device_feed(plan, options)), cuda_error);
  options.device = 0;
  const auto feed = cuda::make_device_feed(plan, options);
  cuda::feed_slot& slot = *feed->slots().front();
  EXPECT_THROW(static_cast<void>(slot.reducer()), invalid_argument);
  EXPECT_THROW(slot.add_to_patterns(), invalid_argument);
  slot.clear();
  static_cast<void>(slot.next_piece());
  slot.put(std::span(drawn.frames).first(1));
  EXPECT_THROW(slot.put(std::span(drawn.frames).first(1)), invalid_argument) << "the piece is on its way";
  static_cast<void>(slot.next_piece());
  EXPECT_THROW(slot.put(drawn.frames), invalid_argument) << "the batch is full";
  frame_view other = drawn.frames.front();
  other.shape = {8, 9};
  EXPECT_THROW(slot.put({&other, 1}), invalid_argument);
}

}  // namespace
}  // namespace countem::parity
