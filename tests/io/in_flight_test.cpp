// Reads that wait at the same time: each part once, many at a time, and an end within a moment.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/files/in_flight.hpp"

namespace countem::io {
namespace {

using std::chrono::milliseconds;

TEST(read_in_flight, reads_each_part_once) {
  for (const std::uint64_t parts : {0U, 1U, 15U, 16U, 17U, 1024U, 100'003U}) {
    for (const bool waits : {false, true}) {
      if (waits && parts > 2000) continue;
      std::vector<std::atomic<int>> reads(parts);
      std::uint64_t before = 0;
      const std::thread::id caller = std::this_thread::get_id();
      read_in_flight(
          parts,
          [&](std::uint64_t part) {
            ++reads.at(part);
            if (waits) std::this_thread::sleep_for(milliseconds(1));
          },
          [&](std::uint64_t done) {
            EXPECT_EQ(std::this_thread::get_id(), caller);
            EXPECT_GE(done, before) << "done is done";
            before = done;
          });
      EXPECT_EQ(before, parts);
      for (const std::atomic<int>& count : reads) ASSERT_EQ(count, 1);
    }
  }
}

/// Nobody gets on before so many wait.
TEST(read_in_flight, as_many_wait_at_a_time_as_it_promises) {
  std::mutex mutex;
  std::condition_variable all_here;
  unsigned waiting = 0;
  bool together = false;
  std::atomic<int> alone{0};
  read_in_flight(64 * reads_in_flight, [&](std::uint64_t part) {
    if (part == 0) return std::this_thread::sleep_for(milliseconds(5));  // the first shows that reads wait
    std::unique_lock lock(mutex);
    if (together) return;
    ++waiting;
    if (waiting == reads_in_flight) together = true;
    if (together) return all_here.notify_all();
    if (!all_here.wait_for(lock, std::chrono::seconds(20), [&] { return together; })) ++alone;
    --waiting;
  });
  EXPECT_TRUE(together);
  EXPECT_EQ(alone, 0);
}

TEST(read_in_flight, the_first_failure_ends_all_reads) {
  for (const std::uint64_t bad : {0U, 1U, 700U}) {
    std::atomic<std::uint64_t> reads{0};
    const auto read = [&](std::uint64_t part) {
      ++reads;
      if (part == bad) throw io_error("part " + std::to_string(part));
      std::this_thread::sleep_for(milliseconds(1));
    };
    try {
      read_in_flight(1'000'000, read);
      FAIL() << "part " << bad << " was read";
    } catch (const io_error& failure) {
      EXPECT_EQ(failure.what(), "part " + std::to_string(bad));
    }
    EXPECT_LT(reads, 100'000U);
  }
}

TEST(read_in_flight, a_request_to_stop_ends_it_within_a_second) {
  // Far longer than the test may take.
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> reads{0};
  const auto read = [&](std::uint64_t) {
    if (++reads == 500) stop_requested = true;
    std::this_thread::sleep_for(milliseconds(10));
  };
  EXPECT_THROW(read_in_flight(1'000'000, read), interrupted);
  stop_requested = false;
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(500 * 10 / reads_in_flight + 1000));
  EXPECT_LT(reads, 10'000U);

  stop_requested = true;  // before anything was read
  reads = 1000;
  EXPECT_THROW(read_in_flight(1'000'000, read), interrupted);
  stop_requested = false;
  EXPECT_EQ(reads, 1000U);
}

TEST(read_in_flight, what_the_observer_throws_ends_it) {
  const auto read = [](std::uint64_t) { std::this_thread::sleep_for(milliseconds(1)); };
  EXPECT_THROW(read_in_flight(1'000'000, read, [](std::uint64_t) { throw std::runtime_error("enough"); }), std::runtime_error);
}

}  // namespace
}  // namespace countem::io
