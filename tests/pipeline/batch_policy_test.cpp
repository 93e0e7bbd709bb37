#include "host/engine/batch_policy.hpp"

#include <gtest/gtest.h>

namespace countem::engine {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

/// A long scan of small frames: 4 KiB each.
batch_facts small_frames(unsigned threads) {
  return {.frame_bytes = 4096, .frames = 1'000'000, .threads = threads};
}

TEST(batch_policy, pieces_fit_the_second_level_cache) {
  EXPECT_EQ(choose_batch_sizes(small_frames(1)).piece_frames, 192U) << "768 KiB";
  batch_facts camera = small_frames(1);
  camera.frame_bytes = 576 * 576 * 2;
  EXPECT_EQ(choose_batch_sizes(camera).piece_frames, 1U);
  camera.frame_bytes = std::size_t{3} << 17;
  EXPECT_EQ(choose_batch_sizes(camera).piece_frames, 2U) << "just two of them";
  camera.frame_bytes += 1;
  EXPECT_EQ(choose_batch_sizes(camera).piece_frames, 1U);
}

TEST(batch_policy, batches_share_memory_between_threads) {
  batch_facts facts = small_frames(1);
  facts.frame_bytes = mib;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 64U) << "never more than 64 MiB";
  facts.threads = 8;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 64U);
  facts.threads = 16;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 32U) << "512 MiB together";
  facts.threads = 64;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 8U);
  facts.threads = 1000;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 8U) << "never less than 8 MiB";
}

TEST(batch_policy, small_frames_are_at_most_4096_to_a_batch_in_whole_pieces) {
  batch_facts facts = small_frames(1);
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 4096U - 4096U % 192U);
  facts.frame_bytes = 1;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 4096U);
  EXPECT_EQ(choose_batch_sizes(facts).piece_frames, 4096U);
}

TEST(batch_policy, a_short_scan_has_eight_batches_per_thread) {
  batch_facts facts = small_frames(2);
  facts.frame_bytes = mib;
  facts.frames = 160;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 10U);
  facts.frames = 159;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 9U);
  facts.frames = 15;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 1U);
  facts.frames = 0;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 1U);
}

TEST(batch_policy, devices_alone_get_batches_that_are_worth_a_launch) {
  batch_facts facts = small_frames(1);
  facts.frame_bytes = mib;
  facts.on_device = true;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 64U);
  facts.threads = 16;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 32U);
  facts.threads = 1000;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 32U) << "however many fill them";
  facts.frames = 3;
  EXPECT_EQ(choose_batch_sizes(facts).batch_frames, 8U) << "and not too few of a short scan";
}

TEST(batch_policy, a_device_numbers_pixels_of_a_batch_with_32_bits) {
  EXPECT_EQ(most_device_frames({2, 2}), 4096U);
  EXPECT_EQ(most_device_frames({40'000, 50'000}), 2U);
  EXPECT_EQ(most_device_frames({65'536, 65'536}), 1U);
}

TEST(batch_policy, what_is_asked_for_is_taken) {
  batch_facts facts = small_frames(4);
  for (const std::size_t asked : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
    facts.asked_batch_frames = asked;
    EXPECT_EQ(choose_batch_sizes(facts).batch_frames, asked);
    EXPECT_EQ(choose_batch_sizes(facts).piece_frames, std::min<std::size_t>(asked, 192));
  }
}

TEST(batch_policy, survives_facts_at_their_limits) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 40}) {
    for (const unsigned threads : {0U, 1U, 100'000U}) {
      const batch_sizes sizes = choose_batch_sizes({.frame_bytes = bytes, .frames = 1, .threads = threads});
      EXPECT_GE(sizes.batch_frames, 1U);
      EXPECT_GE(sizes.piece_frames, 1U);
      EXPECT_LE(sizes.piece_frames, sizes.batch_frames);
    }
  }
}

}  // namespace
}  // namespace countem::engine
