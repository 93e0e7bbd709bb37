// Frames may be counted where a file's pages lie, and another program may write to that file meanwhile. What comes of it is
// wrong events, but never one outside the frame, a division by zero or memory that is not ours.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/parity/parity_case.hpp"

namespace countem::parity {
namespace {

/// Overwrites pixels as long as it lives: with zeros, then with what was there, and so on.
class scribbler {
 public:
  explicit scribbler(parity_case& drawn) : original_(drawn.storage), thread_([this, &drawn] { run(drawn); }) {}
  scribbler(const scribbler&) = delete;
  scribbler& operator=(const scribbler&) = delete;
  ~scribbler() {
    done_ = true;
    thread_.join();
  }

 private:
  void run(parity_case& drawn) {
    std::minstd_rand random(1);
    while (!done_) {
      for (std::size_t i = 0; i < drawn.storage.size(); ++i) {
        std::vector<std::byte>& bytes = drawn.storage[i];
        const std::size_t stretch = 1 + random() % (bytes.size() + 1);
        const bool clear = random() % 2 == 0;
        for (std::size_t at = random() % stretch; at < std::min(stretch, bytes.size()); ++at) {
          std::atomic_ref(bytes[at]).store(clear ? std::byte{0} : original_[i][at], std::memory_order_relaxed);
        }
      }
    }
  }

  std::vector<std::vector<std::byte>> original_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

TEST(changing_frames, events_stay_inside_the_frame) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "is a data race, and meant to be one";
#endif
  std::uint64_t events = 0;
  for (std::uint64_t seed = 7000; seed < 7200 && !HasFailure(); ++seed) {
    parity_case drawn = random_case(seed, frames_for_cpu);
    const auto counter = cpu::make_counter(drawn.setup);
    const frame_shape grid = event_grid(drawn.setup);
    const scribbler meanwhile(drawn);
    event_batch found;
    for (int repetition = 0; repetition < 30; ++repetition) {
      counter->count(drawn.frames, found);
      ASSERT_EQ(found.frames(), drawn.frames.size());
      events += found.indices.size();
      for (const std::uint32_t index : found.indices)
        ASSERT_LT(index, grid.pixels()) << "seed " << seed << ": " << describe(drawn);
    }
  }
  EXPECT_GT(events, 0U);
}

}  // namespace
}  // namespace countem::parity
