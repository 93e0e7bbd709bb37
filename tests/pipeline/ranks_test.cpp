// What several ranks do together, with threads for ranks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <new>
#include <set>

#include <countem/error.hpp>
#include <countem/ranks.hpp>

#include "tests/pipeline/memory_pipeline.hpp"
#include "tests/pipeline/thread_ranks.hpp"

namespace {

using namespace countem;
using namespace countem::test;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ranks, deal_every_frame_once_whatever_is_held_already) {
  const std::vector<frame_range> frames = frames_but(1000, {{900, 950}, {10, 20}, {15, 30}, {0, 1}});
  EXPECT_THAT(frames, ElementsAre(frame_range{1, 10}, frame_range{30, 900}, frame_range{950, 1000}));
  for (const unsigned size : {1U, 2U, 5U}) {
    std::mutex mutex;
    std::multiset<std::uint64_t> dealt;
    thread_ranks(size).run([&](communicator& all) {
      ranks mine(all);
      ranks::dealer dealer = mine.deal(frames);
      std::uint64_t end = 0;
      for (frame_range next = dealer.next(7); next.frames() != 0; next = dealer.next(7)) {
        EXPECT_GE(next.first, end) << "ranges of a rank ascend";
        end = next.end;
        const std::scoped_lock lock(mutex);
        for (std::uint64_t frame = next.first; frame < next.end; ++frame) dealt.insert(frame);
      }
      EXPECT_EQ(dealer.next(7).frames(), 0U);
    });
    EXPECT_EQ(dealt.size(), 9U + 870U + 50U);
    EXPECT_EQ(std::set<std::uint64_t>(dealt.begin(), dealt.end()).size(), dealt.size());
  }
}

TEST(ranks, frames_but_all_or_none) {
  EXPECT_THAT(frames_but(5, {}), ElementsAre(frame_range{0, 5}));
  EXPECT_THAT(frames_but(5, {{0, 5}}), ElementsAre());
  EXPECT_THAT(frames_but(0, {}), ElementsAre());
}

TEST(ranks, ranges_become_shorter_so_that_a_slow_rank_ends_with_the_others) {
  solo_communicator solo;
  ranks alone(solo);
  ranks::dealer dealer = alone.deal({{0, 16000}});
  EXPECT_EQ(dealer.next(10).frames(), 1000U) << "a sixteenth of what is left";
  EXPECT_EQ(dealer.next(10).frames(), 930U) << "of 15,000, in tens";
  std::uint64_t last = 0;
  for (frame_range next = dealer.next(10); next.frames() != 0; next = dealer.next(10)) last = next.frames();
  EXPECT_EQ(last, 10U);
}

template <class Error>
std::vector<std::string> thrown_by(unsigned size, const std::function<void(unsigned)>& step) {
  std::vector<std::string> words(size);
  thread_ranks(size).run([&](communicator& all) {
    ranks mine(all);
    try {
      mine.together([&] { step(all.self().rank); });
    } catch (const Error& failure) {
      words[all.self().rank] = failure.what();
      EXPECT_TRUE(mine.have_failed_together());
      EXPECT_TRUE(mine.is_asked_to_stop());
    }
  });
  return words;
}

TEST(ranks, an_error_of_one_is_thrown_on_all_with_its_name) {
  const auto words = thrown_by<format_error>(3, [](unsigned rank) {
    if (rank == 1) throw format_error("x.data: record 5 is damaged", {{advice_kind::accept}});
    if (rank == 2) throw interrupted("interrupted");
  });
  EXPECT_THAT(words, testing::Each("rank 1 on host1: x.data: record 5 is damaged"));
}

TEST(ranks, an_error_that_all_meet_is_nobodys) {
  EXPECT_THAT(thrown_by<io_error>(3, [](unsigned) { throw io_error("no such file"); }), testing::Each("no such file"));
  EXPECT_THAT(thrown_by<interrupted>(2,
                                     [](unsigned rank) {
                                       if (rank == 1) throw interrupted("interrupted");
                                     }),
              testing::Each("interrupted"));
  EXPECT_THAT(thrown_by<std::bad_alloc>(2,
                                        [](unsigned rank) {
                                          if (rank == 0) throw std::bad_alloc();
                                        }),
              testing::Each(HasSubstr("bad_alloc")));
}

TEST(ranks, errors_keep_their_class_and_their_advice) {
  thread_ranks(2).run([&](communicator& all) {
    ranks mine(all);
    try {
      mine.together([&] {
        if (all.self().rank == 1) throw invalid_argument("no", {{advice_kind::choose_backend, "cpu"}, {advice_kind::replace}});
      });
      FAIL();
    } catch (const invalid_argument& failure) {
      EXPECT_THAT(failure.advised(), ElementsAre(advice{advice_kind::choose_backend, "cpu"}, advice{advice_kind::replace}));
    }
  });
}

TEST(ranks, what_the_first_gives_all_get) {
  thread_ranks(3).run([&](communicator& all) {
    ranks mine(all);
    EXPECT_EQ(mine.from_first([&] { return "from " + std::to_string(all.self().rank); }), "from 0");
    EXPECT_THAT(mine.all_gather(std::to_string(all.self().rank * all.self().rank)), ElementsAre("0", "1", "4"));
    mine.advance(2, 5);
    mine.together([] {});
    EXPECT_EQ(mine.done(), std::pair(std::uint64_t{6}, std::uint64_t{15}));
  });
}

TEST(ranks, use_each_processor_of_a_machine_once) {
  using list = std::vector<std::vector<unsigned>>;
  EXPECT_EQ(threads_of_rank(list{{0, 1, 2, 3}, {0, 1, 2, 3}}, 0, {}), 2U);
  EXPECT_EQ(threads_of_rank(list{{0, 1}, {2, 3}}, 1, {}), 2U) << "bound to processors of its own";
  EXPECT_EQ(threads_of_rank(list{{0, 1, 2}, {2}}, 0, {}), 2U);
  EXPECT_EQ(threads_of_rank(list{{0}, {0}, {0}}, 2, {}), 1U) << "never none";
  EXPECT_EQ(threads_of_rank(list{{0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}}, 0, {}), 2U) << "6 times a third";
  EXPECT_EQ(threads_of_rank(list{{0, 1, 2, 3}, {0, 1, 2, 3}}, 0, 2U), 1U) << "the quota is that of both";
}

TEST(ranks, take_devices_in_turn) {
  const auto of = [](unsigned rank, unsigned size, const std::vector<unsigned>& devices) {
    communicator::place self;
    self.node_rank = rank;
    self.node_size = size;
    return devices_of_rank(self, devices);
  };
  EXPECT_THAT(of(0, 2, {0, 1, 2, 3}), ElementsAre(0, 2));
  EXPECT_THAT(of(1, 2, {0, 1, 2, 3}), ElementsAre(1, 3));
  EXPECT_THAT(of(3, 4, {5, 7}), ElementsAre(7));
  EXPECT_THAT(of(2, 3, {5, 7}), ElementsAre(5));
  EXPECT_THAT(of(0, 1, {0, 1}), ElementsAre(0, 1));
  EXPECT_THAT(of(0, 1, {}), ElementsAre());
}

/// Keeps what it is given by number.
class scattered_sink final : public event_sink {
 public:
  void observe(const event_batch& events) override { static_cast<void>(events); }
  std::unique_ptr<encoded> encode(const event_batch& events) const override {
    auto copy = std::make_unique<memory_sink::kept>();
    copy->events = events;
    return copy;
  }
  void write(const encoded& frames) override {
    const event_batch& events = static_cast<const memory_sink::kept&>(frames).events;
    for (std::size_t f = 0; f < events.frames(); ++f) {
      const auto of_frame = events.events(f);
      frames_[events.first_frame + f] = {of_frame.begin(), of_frame.end()};
    }
  }
  std::map<std::uint64_t, std::vector<std::uint32_t>> frames_;
};

TEST(pipeline_ranges, count_what_is_dealt_and_no_more) {
  const auto source = simulated_source(small_scan());
  memory_sink all;
  count_frames(*source, setup_for(*source), all, {});
  for (const unsigned threads : {1U, 3U}) {
    std::vector<frame_range> ranges{{2, 3}, {3, 30}, {40, 63}};
    scattered_sink sink;
    pipeline_options options;
    options.threads = threads;
    options.batch_frames = 4;
    std::size_t asked = 0;
    options.next_range = [&](std::uint64_t together) {
      EXPECT_EQ(together, 4U);
      return asked < ranges.size() ? ranges[asked++] : frame_range{};
    };
    count_progress last;
    options.progress = [&](const count_progress& now) { last = now; };
    const count_result result = count_frames(*source, setup_for(*source), sink, options);
    EXPECT_EQ(result.frames, 51U);
    EXPECT_EQ(last.frames_done, 51U);
    EXPECT_FALSE(result.stopped);
    EXPECT_EQ(sink.frames_.size(), 51U);
    for (const auto& [frame, events] : sink.frames_) EXPECT_EQ(events, all.frames_[frame]) << frame;
  }
}

TEST(pipeline_ranges, that_do_not_ascend_are_refused_when_all_before_is_written) {
  const auto source = simulated_source(small_scan());
  for (const frame_range wrong : {frame_range{9, 12}, frame_range{60, 64}, frame_range{30, 20}}) {
    scattered_sink sink;
    pipeline_options options;
    bool first = true;
    options.next_range = [&](std::uint64_t) { return std::exchange(first, false) ? frame_range{0, 10} : wrong; };
    EXPECT_THROW(count_frames(*source, setup_for(*source), sink, options), invalid_argument);
    EXPECT_EQ(sink.frames_.size(), 10U);
  }
}

TEST(pipeline_ranges, an_error_of_who_deals_ends_the_count) {
  const auto source = simulated_source(small_scan());
  scattered_sink sink;
  pipeline_options options;
  bool first = true;
  options.next_range = [&](std::uint64_t) {
    if (!std::exchange(first, false)) throw io_error("the ranks cannot be reached");
    return frame_range{0, 10};
  };
  EXPECT_THROW(count_frames(*source, setup_for(*source), sink, options), io_error);
  EXPECT_EQ(sink.frames_.size(), 10U);
}

}  // namespace
