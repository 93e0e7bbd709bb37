// How large a batch is, what it has room for, and when that grows: numbers, no device.
#include "kernels/cuda/batch_sizes.hpp"

#include <gtest/gtest.h>

#include <vector>

#include <countem/error.hpp>

namespace countem::cuda {
namespace {

counting_setup setup_of(frame_shape shape, pixel_type type, counting_method method, std::uint32_t upsample = 1) {
  counting_setup setup;
  setup.shape = shape;
  setup.type = type;
  setup.options.method = method;
  setup.options.upsample = upsample;
  return setup;
}

batch_sizes cluster_sizes(frame_shape shape, std::uint32_t upsample = 1, std::size_t batch_frames = 0) {
  device_options options;
  options.batch_frames = batch_frames;
  return {setup_of(shape, pixel_type::u16, counting_method::cluster, upsample), options};
}

TEST(batch_sizes, a_batch_is_as_large_as_the_cache) {
  const batch_sizes camera = cluster_sizes({576, 576});
  EXPECT_EQ(camera.frame_bytes, 663'552U);
  EXPECT_EQ(camera.frames, 50U);  // 32 MiB
  EXPECT_EQ(cluster_sizes({2, 2}).frames, 4096U);
  EXPECT_EQ(cluster_sizes({8192, 8192}).frames, 1U);
  EXPECT_EQ(cluster_sizes({576, 576}, 1, 7).frames, 7U);
  EXPECT_EQ(cluster_sizes({576, 576}, 1, 5000).frames, 4096U);
}

TEST(batch_sizes, pixels_of_a_batch_have_numbers_of_32_bits) {
  EXPECT_EQ(cluster_sizes({40'000, 50'000}, 1, 3).frames, 2U);
  EXPECT_EQ(cluster_sizes({60'000, 60'000}, 1, 3).frames, 1U);
}

TEST(batch_sizes, words_end_with_the_row) {
  EXPECT_EQ(cluster_sizes({3, 31}).words, 3U);
  EXPECT_EQ(cluster_sizes({3, 32}).words, 3U);
  EXPECT_EQ(cluster_sizes({3, 33}).words, 6U);
  EXPECT_EQ(cluster_sizes({3, 33}).words_per_row, 2U);
}

TEST(batch_sizes, buckets_cover_the_event_grid) {
  for (const std::uint32_t width : {1U, 31U, 32U, 33U, 95U, 577U}) {
    for (const std::uint32_t upsample : {1U, 2U, 7U, 64U}) {
      const event_layout layout = cluster_sizes({5, width}, upsample).layout;
      EXPECT_EQ(layout.grid_width, width * upsample);
      EXPECT_EQ(layout.buckets, std::uint64_t{5} * upsample * layout.segments_per_row);
      EXPECT_GE(layout.segments_per_row * layout.segment_width, layout.grid_width);
      EXPECT_LT((layout.segments_per_row - 1) * layout.segment_width, layout.grid_width) << "the last bucket holds nothing";
      EXPECT_LE(layout.segments_per_row, (width + 31) / 32);
    }
  }
}

TEST(batch_sizes, methods_without_components_have_a_bucket_per_word) {
  for (const counting_method method : {counting_method::maximum, counting_method::pixels, counting_method::counts}) {
    const batch_sizes sizes(setup_of({5, 33}, pixel_type::u8, method), {});
    EXPECT_EQ(sizes.layout.buckets, sizes.words);
  }
}

TEST(capacities, first_guess) {
  const batch_sizes sizes = cluster_sizes({64, 64}, 1, 2);
  EXPECT_EQ(first_capacities(sizes, 0), (capacities{8192 / 64 + 1024, 8192 / 256 + 1024, (8192 / 256 + 1024) / 16 + 1, false}));
  EXPECT_EQ(first_capacities(sizes, 1), (capacities{1, 1, 1, false}));
  EXPECT_EQ(first_capacities(sizes, 48), (capacities{48, 48, 4, false}));
}

TEST(capacities, a_full_batch_has_room_and_one_more_of_anything_has_not) {
  const capacities room{10, 5, 2, true};
  const batch_totals full{.found = 10, .thread_overflows = 5, .warp_overflows = 2, .events = 10};
  EXPECT_TRUE(had_room(room, full));
  EXPECT_EQ(grown(room, full), room);
  batch_totals more = full;
  more.found = 11;
  EXPECT_FALSE(had_room(room, more));
  EXPECT_EQ(grown(room, more), (capacities{11, 5, 2, true}));
  more = full;
  more.events = 12;
  EXPECT_FALSE(had_room(room, more));
  EXPECT_EQ(grown(room, more), (capacities{12, 5, 2, true}));
  more = full;
  more.thread_overflows = 6;
  EXPECT_FALSE(had_room(room, more));
  EXPECT_EQ(grown(room, more), (capacities{10, 6, 2, true}));
  more = full;
  more.warp_overflows = 3;
  EXPECT_FALSE(had_room(room, more));
  EXPECT_EQ(grown(room, more), (capacities{10, 5, 3, true}));
}

TEST(capacities, labels_are_made_when_a_component_needs_them_and_kept) {
  const capacities room{10, 5, 2, false};
  EXPECT_TRUE(had_room(room, {.thread_overflows = 5}));
  EXPECT_FALSE(had_room(room, {.warp_overflows = 1}));
  const capacities with_labels = grown(room, {.warp_overflows = 1});
  EXPECT_EQ(with_labels, (capacities{10, 5, 2, true}));
  EXPECT_EQ(grown(with_labels, {}), with_labels);
}

TEST(capacities, what_has_no_number_is_refused) {
  std::vector<unsigned long long> frames(15, most_counted_events);
  EXPECT_NO_THROW(require_numbers({}));
  EXPECT_NO_THROW(require_numbers(frames));
  frames.push_back(most_counted_events - 1);
  EXPECT_NO_THROW(require_numbers(frames));  // 2^32 - 1
  ++frames.back();
  EXPECT_THROW(require_numbers(frames), cuda_error);
  frames.assign({0, most_counted_events + 1});
  EXPECT_THROW(require_numbers(frames), format_error);
}

}  // namespace
}  // namespace countem::cuda
