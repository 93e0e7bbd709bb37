// From frames to a finished store, with two batches in flight on a modelled device: the store of the cpu backend, to the byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/notices.hpp>
#include <countem/pipeline.hpp>
#include <countem/simulate.hpp>

#include "model.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

class cuda_pipeline : public testing::Test {
 protected:
  cuda_pipeline() {
    simulation_options options;
    options.scan = {9, 7, 1};
    options.frame = {64, 48};
    options.occupancy = 0.01;
    source_ = simulated_source(options);
    setup_.shape = source_->info().shape;
    setup_.type = source_->info().type;
    setup_.calibrated.background16 = background_from_adu(32);
    setup_.options.values = event_value::charge;
  }

  void TearDown() override {
    EXPECT_EQ(device_model::refusal(), "");
    EXPECT_EQ(device_model::live_objects(), 0U);
    device_model::forget_refusal();
    device_model::set_limits({});
  }

  /// The bytes of the finished store.
  std::string count(const pipeline_options& options, const std::string& name) const {
    store_description description;
    description.shape = event_grid(setup_);
    description.scan = source_->info().scan;
    description.options = setup_.options;
    description.calibrated = setup_.calibrated;
    description.provenance = {{"program", "a test"}};
    const auto path = directory_ / name;
    const auto sink = create_event_store(path, description, {});
    const count_result result = count_frames(*source_, setup_, *sink, options);
    if (options.where != backend::automatic) {
      EXPECT_EQ(result.used, options.where);
      EXPECT_EQ(result.device_frames, options.where == backend::cuda ? 63U : 0U);
    }
    EXPECT_EQ(result.frames, 63U);
    device_frames_ = result.device_frames;
    sink->finish();
    EXPECT_EQ(verify_event_store(path), std::vector<std::string>{});
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// That of the processor alone, in batches of so many frames.
  std::string count_on_cpu(std::size_t batch_frames) const {
    pipeline_options options;
    options.where = backend::cpu;
    options.batch_frames = batch_frames;
    return count(options, "cpu.h5");
  }

  mutable std::uint64_t device_frames_ = 0;  ///< of the last count
  std::unique_ptr<frame_source> source_;
  counting_setup setup_;
  test::temporary_directory directory_;
};

TEST_F(cuda_pipeline, makes_the_store_that_the_cpu_makes) {
  pipeline_options options;
  options.batch_frames = 10;
  const std::string expected = count_on_cpu(10);
  ASSERT_FALSE(expected.empty());
  options.where = backend::cuda;
  for (const unsigned threads : {1U, 3U}) {
    for (const std::uint64_t seed : {0U, 1U, 2U, 3U}) {
      device_model::set_schedule({.seed = seed, .random = seed != 0});
      options.threads = threads;
      EXPECT_TRUE(count(options, "cuda.h5") == expected) << threads << " threads, schedule " << seed;
    }
  }
}

TEST_F(cuda_pipeline, shares_the_devices_that_are_named) {
  device_model::set_limits({.devices = 3});
  pipeline_options options;
  options.batch_frames = 10;
  const std::string expected = count_on_cpu(10);
  options.where = backend::cuda;
  options.threads = 4;
  options.devices = {0, 2};
  EXPECT_TRUE(count(options, "cuda.h5") == expected);
}

TEST_F(cuda_pipeline, devices_help_the_processor) {
  device_model::set_limits({.devices = 2});
  pipeline_options options;
  options.batch_frames = 1;
  const std::string expected = count_on_cpu(1);
  options.where = backend::automatic;
  options.devices_start_for_s = 0;
  options.threads = 3;
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    device_model::set_schedule({.seed = seed});
    EXPECT_TRUE(count(options, "both.h5") == expected) << "schedule " << seed << ", frames of devices: " << device_frames_;
  }
}

TEST_F(cuda_pipeline, devices_that_can_no_longer_help_do_not_start) {
  pipeline_options options;
  options.where = backend::automatic;
  options.devices_start_for_s = 3600;
  device_model::set_limits({.memory_bytes = 0});  // a start would fail, and be noted
  static_cast<void>(take_notices());
  EXPECT_FALSE(count(options, "short.h5").empty());
  EXPECT_EQ(device_frames_, 0U);
  EXPECT_EQ(take_notices(), std::vector<std::string>{});
}

TEST_F(cuda_pipeline, reduces_batches_before_they_leave_the_device) {
  reduction_plan plan;
  plan.maximum = true;
  plan.centre_of_mass = true;
  plan.detectors = {parse_detector("disk:12"), parse_detector("annulus:12,30")};
  const auto reduced = [&](backend where, unsigned threads) {
    scan_reducer live(plan, event_grid(setup_), source_->info().scan, backend::reference);
    pipeline_options options;
    options.where = where;
    options.threads = threads;
    options.batch_frames = 10;
    options.live = &live;
    static_cast<void>(count(options, "live.h5"));
    return live.snapshot();
  };
  const reduction_result expected = reduced(backend::cpu, 2);
  EXPECT_GT(expected.events, 0U);
  for (const unsigned threads : {1U, 3U}) {
    device_model::set_schedule({.seed = threads});
    const reduction_result found = reduced(backend::cuda, threads);
    EXPECT_EQ(found.sum, expected.sum);
    EXPECT_EQ(found.maximum, expected.maximum);
    EXPECT_EQ(found.counts, expected.counts);
    EXPECT_EQ(found.moments, expected.moments);
    EXPECT_EQ(found.virtual_images, expected.virtual_images);
    EXPECT_EQ(found.frames, expected.frames);
    EXPECT_EQ(found.events, expected.events);
  }
}

TEST_F(cuda_pipeline, says_which_devices_it_cannot_have) {
  const std::vector<unsigned> second{1};
  EXPECT_THAT([&] { static_cast<void>(choose_backend(backend::cuda, second)); },
              testing::ThrowsMessage<cuda_error>(testing::HasSubstr("device 1 was asked for")));
  EXPECT_THROW(static_cast<void>(choose_backend(backend::cpu, second)), invalid_argument);
  EXPECT_EQ(choose_backend(backend::automatic).used, backend::cuda);
  device_model::set_limits({.devices = 0});
  EXPECT_EQ(choose_backend(backend::automatic).used, backend::cpu);
  EXPECT_THROW(static_cast<void>(choose_backend(backend::cuda)), not_compiled);
}

TEST_F(cuda_pipeline, an_error_of_the_device_ends_the_count_with_what_was_written_kept) {
  device_model::set_limits({.memory_bytes = 20'000});
  pipeline_options options;
  options.where = backend::cuda;
  store_description description;
  description.shape = event_grid(setup_);
  description.scan = source_->info().scan;
  description.options = setup_.options;
  description.calibrated = setup_.calibrated;
  const auto sink = create_event_store(directory_ / "none.h5", description, {});
  EXPECT_THROW(static_cast<void>(count_frames(*source_, setup_, *sink, options)), cuda_error);
  EXPECT_TRUE(std::filesystem::exists(sink->abandon()));
}

}  // namespace
}  // namespace countem
