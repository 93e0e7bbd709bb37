#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/notices.hpp>
#include <countem/pipeline.hpp>

#include "tests/calibration/memory_source.hpp"
#include "tests/pipeline/fake_devices.hpp"
#include "tests/pipeline/memory_pipeline.hpp"

namespace countem::test {

using frames_of_events = std::vector<std::vector<std::uint32_t>>;

/// What depends on when threads run is seen in one of many counts.
template <class Count>
bool in_one_of_many(Count count) {
  for (int i = 0; i < 100; ++i) {
    if (count()) return true;
  }
  return false;
}

class fed_pipeline : public testing::Test {
 protected:
  fed_pipeline() {
    static_cast<void>(take_notices());
    options_.where = backend::automatic;
    options_.devices_start_for_s = 0;
    options_.batch_frames = 2;
    options_.threads = 3;
  }

  /// What the processor alone makes of the frames.
  frames_of_events expected() const {
    memory_sink sink;
    pipeline_options alone;
    alone.where = backend::cpu;
    static_cast<void>(count_frames(*source_, setup_for(*source_), sink, alone));
    return sink.frames_;
  }

  count_result count() {
    sink_.emplace();
    return count_frames(*source_, setup_for(*source_), *sink_, options_);
  }

  /// That counting ends with a failure of the device whose sentence holds these words.
  void expect_device_failure(const std::string& words) {
    try {
      static_cast<void>(count());
      FAIL() << "the failure was swallowed";
    } catch (const cuda_error& failed) {
      EXPECT_THAT(failed.what(), testing::HasSubstr(words));
    }
  }

  std::atomic<bool> stop_{false};
  std::unique_ptr<frame_source> source_ = simulated_source(small_scan());
  fake_devices& fakes_ = make_fakes();
  pipeline_options options_;
  std::optional<memory_sink> sink_;
};

}  // namespace countem::test
