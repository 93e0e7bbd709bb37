// Who waits for long work sees how far it is.
#include <countem/work.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

#include <countem/stop.hpp>

#include "host/cli/work_display.hpp"

namespace countem {
namespace {

/// What a watcher sees while it lives.
class seen_work {
 public:
  seen_work() {
    watch_work([this](const work_progress& now) { all.push_back(now); });
  }
  ~seen_work() { watch_work({}); }
  seen_work(const seen_work&) = delete;
  seen_work& operator=(const seen_work&) = delete;

  std::vector<work_progress> all;
};

TEST(work, is_shown_when_it_lasts) {
  seen_work seen;
  {
    work piece("counting", "sheep", 10);
    piece.advance(2);
    EXPECT_TRUE(seen.all.empty()) << "what is over soon is not shown";
    std::this_thread::sleep_for(std::chrono::milliseconds(1550));
    piece.advance();
    ASSERT_EQ(seen.all.size(), 1U);
    EXPECT_EQ(seen.all[0].doing, "counting");
    EXPECT_EQ(seen.all[0].unit, "sheep");
    EXPECT_EQ(seen.all[0].done, 3U);
    EXPECT_EQ(seen.all[0].total, 10U);
    EXPECT_GE(seen.all[0].seconds, 1.5);
    EXPECT_FALSE(seen.all[0].ended);
    piece.advance();
    EXPECT_EQ(seen.all.size(), 1U) << "not ten times a second";
    std::this_thread::sleep_for(std::chrono::milliseconds(110));
    piece.advance(20);
    ASSERT_EQ(seen.all.size(), 2U);
    EXPECT_EQ(seen.all[1].done, 10U) << "never more than there is";
  }
  ASSERT_EQ(seen.all.size(), 3U);
  EXPECT_TRUE(seen.all[2].ended);
}

TEST(work, that_nobody_saw_ends_unseen) {
  seen_work seen;
  { work piece("counting", "sheep", 10); }
  EXPECT_TRUE(seen.all.empty());
}

TEST(work, ends_where_the_process_is_to_end) {
  work piece("counting", "sheep", 10);
  stop_requested = true;
  EXPECT_THROW(piece.advance(), interrupted);
  stop_requested = false;
  EXPECT_NO_THROW(piece.advance());
}

TEST(work, is_worded_with_its_unit) {
  EXPECT_EQ(cli::words_of({"verifying", "frames", 1200, 1048576}), "verifying 1,200 of 1,048,576 frames");
  EXPECT_EQ(cli::words_of({"searching", "bytes", 1'500'000, 3'000'000'000}), "searching 1.50 MB of 3.00 GB");
}

}  // namespace
}  // namespace countem
