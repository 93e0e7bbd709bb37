#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <countem/communicator.hpp>
#include <countem/frame_range.hpp>

namespace countem {

/// What several processes agree on while they do one piece of work: that all are still at it, and who does which frames.
class ranks {
 public:
  /// The communicator must outlive the object, which is made on all ranks.
  explicit ranks(communicator& all) : all_(all) {}

  /// Which of the processes this is.
  [[nodiscard]] const communicator::place& self() const { return all_.self(); }
  /// Whether this is rank 0, which does what one does for all.
  [[nodiscard]] bool is_first() const { return self().rank == 0; }
  /// Whether there is no other.
  [[nodiscard]] bool is_alone() const { return self().size == 1; }
  /// "rank 3 on node7"
  [[nodiscard]] std::string name() const;
  /// Those that it speaks for.
  [[nodiscard]] communicator& all() const { return all_; }

  /// Runs a step of the work on this rank, and returns when every rank has run it. Where it failed on any, the error of the
  /// lowest of these is thrown on all, with the rank's name unless all failed alike; an interruption only where nothing else
  /// failed.
  /// @throws what the step throws, on any rank
  void together(const std::function<void()>& step, const communicator::meanwhile& waiting = {});
  /// The same for a step of rank 0 alone; returns what it returns, on all ranks.
  [[nodiscard]] std::string from_first(const std::function<std::string()>& step);
  /// What each rank gave.
  [[nodiscard]] std::vector<std::string> all_gather(const std::string& mine);
  /// Whether together() has thrown: then it has on all ranks, and one of them may report it for all.
  [[nodiscard]] bool have_failed_together() const { return failed_; }

  /// Asks all ranks to end what they do: those in a step see it by is_asked_to_stop().
  void ask_to_stop();
  /// Whether a rank asked.
  [[nodiscard]] bool is_asked_to_stop();

  /// Adds to what all ranks have done of the step that they are in.
  void advance(std::uint64_t frames, std::uint64_t events);
  /// What all ranks have done since the object was made: frames, events.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> done();

  /// Deals frames to the ranks as they ask.
  class dealer {
   public:
    /// The next frames for this rank, beyond those before; none where all are dealt. `together`: how many are best done
    /// together. Whoever asks often gets more; ranges become shorter towards the end, so that all ranks end at the same time.
    [[nodiscard]] frame_range next(std::uint64_t together);

   private:
    friend ranks;
    dealer(communicator& all, unsigned number, std::vector<frame_range> frames);

    communicator& all_;
    unsigned number_;
    std::vector<frame_range> frames_;  ///< to be dealt, ascending
    std::uint64_t total_ = 0;
    std::uint64_t left_ = 0;          ///< at the last request
    std::vector<frame_range> dealt_;  ///< to this rank and not done, the last first
  };
  /// On all ranks, with the same frames, which ascend; a few times per job.
  [[nodiscard]] dealer deal(std::vector<frame_range> frames);

 private:
  [[nodiscard]] std::vector<std::string> gather(const std::string& mine, const communicator::meanwhile& waiting);

  communicator& all_;
  unsigned dealers_ = 0;
  bool failed_ = false;
  bool asked_ = false;
};

/// Frames [0, frames) but those of some ranges, which may overlap.
[[nodiscard]] std::vector<frame_range> frames_but(std::uint64_t frames, std::vector<frame_range> held);

/// How many threads this rank should take so that those of all ranks on its machine use each processor once; all that are
/// usable (usable_threads()) where it is alone there.
[[nodiscard]] unsigned threads_of_rank(ranks& all);
/// The same of what is known of each rank on the machine: `processors`, the numbers of those that each may use, `mine` which
/// of them this is, `quota` of processors for all of them together.
[[nodiscard]] unsigned threads_of_rank(const std::vector<std::vector<unsigned>>& processors, std::size_t mine,
                                       std::optional<unsigned> quota);

/// The devices of a machine that this rank counts on: its ranks take them in turn. `devices`: those that may be used.
[[nodiscard]] std::vector<unsigned> devices_of_rank(const communicator::place& self, const std::vector<unsigned>& devices);

}  // namespace countem
