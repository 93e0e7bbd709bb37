#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/compare.hpp>
#include <countem/counting.hpp>
#include <countem/error.hpp>
#include <countem/frame_source.hpp>

namespace {

using namespace countem;
using testing::ElementsAre;

/// One frame without events.
event_batch one_empty_frame() {
  event_batch batch;
  batch.indptr.push_back(0);
  batch.status.push_back(all_sectors);
  return batch;
}

void compare_empty(frame_shape grid, std::uint32_t upsample, double radius) {
  comparison sum;
  simulated_truth truth;
  truth.indptr = {0, 0};
  compare(one_empty_frame(), grid, upsample, truth, {radius, 0}, sum);
}

TEST(compare_limits, grids_and_radii) {
  EXPECT_NO_THROW(compare_empty({65535, 65537}, 1, 1.5)) << "2^32 - 1 pixels";
  EXPECT_THROW(compare_empty({65536, 65536}, 1, 1.5), invalid_argument);
  EXPECT_THROW(compare_empty({0, 5}, 1, 1.5), invalid_argument);
  EXPECT_THROW(compare_empty({5, 5}, 0, 1.5), invalid_argument);
  EXPECT_NO_THROW(compare_empty({5, 5}, 1, 1000));
  EXPECT_THROW(compare_empty({5, 5}, 1, std::nextafter(1000.0, 2000.0)), invalid_argument);
  EXPECT_THROW(compare_empty({5, 5}, 1, 0), invalid_argument);
}

TEST(compare_limits, columns_of_the_truth_have_one_length) {
  for (const int torn : {0, 1, 2}) {
    simulated_truth truth;
    truth.indptr = {0, 1};
    truth.rows.assign(torn == 0 ? 2 : 1, 1);
    truth.columns.assign(torn == 1 ? 2 : 1, 1);
    truth.charges_adu.assign(torn == 2 ? 2 : 1, 1);
    comparison sum;
    EXPECT_THROW(compare(one_empty_frame(), {5, 5}, 1, truth, {1, 0}, sum), invalid_argument) << torn;
  }
}

TEST(compare_limits, extremes_are_the_first_frames_that_reach_them) {
  // Two electrons per frame; 1, 1 and 3, 3 events. Of equal frames the first is kept.
  event_batch events;
  simulated_truth truth;
  for (const std::uint32_t count : {1U, 1U, 3U, 3U}) {
    for (std::uint32_t i = 0; i < count; ++i) events.indices.push_back(i);
    events.indptr.push_back(events.indices.size());
    events.status.push_back(all_sectors);
    for (const float column : {0.0F, 1.0F}) {
      truth.rows.push_back(0);
      truth.columns.push_back(column);
    }
    truth.indptr.push_back(truth.rows.size());
  }
  comparison sum;
  compare(events, {4, 4}, 1, truth, {0.25, 0}, sum);
  EXPECT_EQ(sum.fewest_events.frame, 0U);
  EXPECT_EQ(sum.fewest_events.value, 0.5);
  EXPECT_EQ(sum.most_events.frame, 2U);
  EXPECT_EQ(sum.most_events.value, 1.5);
  EXPECT_EQ(sum.worst_recall.frame, 0U);
  EXPECT_EQ(sum.worst_recall.value, 0.5);
  EXPECT_EQ(sum.worst_precision.frame, 2U);
  EXPECT_DOUBLE_EQ(sum.worst_precision.value, 2.0 / 3);
}

TEST(calibration_limits, thresholds_in_adu) {
  EXPECT_EQ(background_from_adu(0), 0);
  EXPECT_THROW((void)background_from_adu(-0.001), invalid_argument);
  EXPECT_EQ(background_from_adu(1.99 / 16), 1);
  const double limit_adu = charge_limit / charge_units_per_adu;
  EXPECT_EQ(background_from_adu(limit_adu - 1.0 / 16), charge_limit - 1);
  EXPECT_THROW((void)background_from_adu(limit_adu), invalid_argument);
  EXPECT_THROW((void)xray_from_adu(0), invalid_argument);
  EXPECT_EQ(xray_from_adu(0.5), 8);
  EXPECT_EQ(xray_from_adu(0.51), 9);
  EXPECT_EQ(xray_from_adu(limit_adu), charge_limit);
  EXPECT_EQ(xray_from_adu(limit_adu + 0.01), no_xray_threshold);
}

calibration sound_calibration() {
  calibration used;
  used.shape = {1, 2};
  used.background16 = 10;
  used.xray16 = 11;
  return used;
}

TEST(calibration_limits, what_is_refused) {
  EXPECT_NO_THROW(validate(sound_calibration(), {1, 2}));
  calibration used = sound_calibration();
  used.xray16 = 10;
  EXPECT_THROW(validate(used, {1, 2}), invalid_argument) << "no electron would be left";
  used = sound_calibration();
  used.background16 = -1;
  EXPECT_THROW(validate(used, {1, 2}), invalid_argument);
  used.background16 = 0;
  EXPECT_NO_THROW(validate(used, {1, 2}));
  used.dark16 = {-charge_limit, charge_limit};
  EXPECT_NO_THROW(validate(used, {1, 2}));
  EXPECT_THROW(validate(used, {2, 1}), invalid_argument);
  for (const std::int32_t beyond : {-charge_limit - 1, charge_limit + 1}) {
    used.dark16 = {0, beyond};
    EXPECT_THROW(validate(used, {1, 2}), invalid_argument) << beyond;
  }
}

TEST(calibration_limits, thresholds_per_pixel_may_lie_above_the_xray_threshold) {
  calibration used = sound_calibration();
  used.pixel_background16 = {0, 500};
  EXPECT_NO_THROW(validate(used, {1, 2}));
  used.xray16 = 1;
  EXPECT_NO_THROW(validate(used, {1, 2}));
  used.xray16 = 0;
  EXPECT_THROW(validate(used, {1, 2}), invalid_argument);
  used.xray16 = 11;
  used.pixel_background16 = {0, -1};
  EXPECT_THROW(validate(used, {1, 2}), invalid_argument);
}

TEST(calibration_limits, every_image_has_the_size_of_the_frame) {
  for (const int image : {0, 1, 2, 3}) {
    calibration used = sound_calibration();
    if (image == 0) used.dark16.assign(3, 0);
    if (image == 1) used.gain.assign(3, 1);
    if (image == 2) used.mask.assign(3, 0);
    if (image == 3) used.pixel_background16.assign(3, 0);
    EXPECT_THROW(validate(used, {1, 2}), invalid_argument) << image;
    used.shape = {2, 1};
    EXPECT_THROW(validate(used, {1, 2}), invalid_argument) << image << ": another shape";
  }
}

counting_setup setup_of(frame_shape shape, const counting_options& options = {}) {
  counting_setup setup;
  setup.shape = shape;
  setup.type = pixel_type::u16;
  setup.calibrated.background16 = 16;
  setup.options = options;
  return setup;
}

TEST(counting_limits, frames_and_grids) {
  EXPECT_NO_THROW(validate(setup_of({65535, 65537})));
  EXPECT_THROW(validate(setup_of({65536, 65536})), invalid_argument);
  EXPECT_THROW(validate(setup_of({0, 4})), invalid_argument);
  EXPECT_THROW(validate(setup_of({4, 0})), invalid_argument);
  counting_options finer;
  finer.upsample = 64;
  EXPECT_NO_THROW(validate(setup_of({1023, 1024}, finer))) << "1023 * 1024 * 4096 = 2^32 - 2^22";
  EXPECT_THROW(validate(setup_of({1024, 1024}, finer)), invalid_argument);
  EXPECT_THROW(validate(setup_of({1, 0x0400'0000}, finer)), invalid_argument) << "2^32 columns";
  EXPECT_THROW(validate(setup_of({0x0400'0000, 1}, finer)), invalid_argument) << "2^32 rows";
  finer.upsample = 65;
  EXPECT_THROW(validate(setup_of({4, 4}, finer)), invalid_argument);
  finer.upsample = 0;
  EXPECT_THROW(validate(setup_of({4, 4}, finer)), invalid_argument);
}

TEST(counting_limits, sizes_of_components) {
  counting_options options;
  options.min_cluster_size = 3;
  options.max_cluster_size = 3;
  EXPECT_NO_THROW(validate(setup_of({4, 4}, options)));
  options.max_cluster_size = 2;
  EXPECT_THROW(validate(setup_of({4, 4}, options)), invalid_argument);
}

TEST(counting_limits, only_components_have_sizes_and_fractions_of_pixels) {
  for (const counting_method method : {counting_method::maximum, counting_method::pixels}) {
    counting_options options;
    options.method = method;
    EXPECT_NO_THROW(validate(setup_of({4, 4}, options)));
    options.min_cluster_size = 0;
    EXPECT_NO_THROW(validate(setup_of({4, 4}, options)));
    options.min_cluster_size = 2;
    EXPECT_THROW(validate(setup_of({4, 4}, options)), invalid_argument);
    options.min_cluster_size = 1;
    options.max_cluster_size = 0xffff'fffe;
    EXPECT_THROW(validate(setup_of({4, 4}, options)), invalid_argument);
    options.max_cluster_size = 0xffff'ffff;
    options.upsample = 2;
    EXPECT_THROW(validate(setup_of({4, 4}, options)), invalid_argument);
  }
}

/// Frames of one pixel; remembers what was read.
class counted_reads : public frame_source {
 public:
  [[nodiscard]] const source_info& info() const override { return info_; }
  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    reads.emplace_back(first, count);
    batch.first_frame = first;
    batch.frames.assign(count, contiguous_frame({1, 1}, pixel_type::u8, &pixel_));
  }
  mutable std::vector<std::pair<std::uint64_t, std::size_t>> reads;

 private:
  source_info info_;
  std::uint8_t pixel_ = 0;
};

TEST(visit_limits, frames_come_in_pieces_of_at_most_the_wanted_number) {
  using read = std::pair<std::uint64_t, std::size_t>;
  const auto reads = [](std::size_t count, std::size_t most) {
    counted_reads source;
    frame_batch batch;
    std::vector<read> used;
    source.visit(10, count, most, batch,
                 [&](std::uint64_t first, std::span<const frame_view> frames) { used.emplace_back(first, frames.size()); });
    EXPECT_EQ(used, source.reads);
    return used;
  };
  EXPECT_THAT(reads(6, 3), ElementsAre(read{10, 3}, read{13, 3}));
  EXPECT_THAT(reads(7, 3), ElementsAre(read{10, 3}, read{13, 3}, read{16, 1}));
  EXPECT_THAT(reads(2, 0), ElementsAre(read{10, 1}, read{11, 1})) << "at least one";
  EXPECT_THAT(reads(0, 3), ElementsAre());
}

/// Ordinary memory that counts what it gives and takes back.
class counted_memory : public frame_memory {
 public:
  std::byte* allocate(std::size_t bytes) override {
    ++given;
    return static_cast<std::byte*>(::operator new[](bytes, std::align_val_t{64}));
  }
  void release(std::byte* memory) noexcept override {
    ++taken_back;
    ::operator delete[](memory, std::align_val_t{64});
  }
  int given = 0;
  int taken_back = 0;
};

TEST(frame_batch_limits, memory_goes_back_to_where_it_came_from) {
  const auto memory = std::make_shared<counted_memory>();
  {
    frame_batch batch(memory);
    std::byte* const first = batch.storage(100);
    EXPECT_EQ(memory->given, 1);
    EXPECT_EQ(batch.storage(100), first) << "there is room";
    EXPECT_EQ(batch.storage(1), first);
    EXPECT_EQ(memory->given, 1);
    static_cast<void>(batch.storage(101));
    EXPECT_EQ(memory->given, 2);
    EXPECT_EQ(memory->taken_back, 1);
  }
  EXPECT_EQ(memory->taken_back, 2);
}

}  // namespace
