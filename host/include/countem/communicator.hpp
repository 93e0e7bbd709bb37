#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

// Processes that do one piece of work together, on one machine or on many. What they need of each other is here, and no more:
// the library knows neither MPI nor who started them.
namespace countem {

/// One of several processes that all run the same program, numbered from 0. Calls that name all ranks return when every rank
/// has made them, in the same order; while one waits it sleeps. Belongs to one thread, but for shared numbers, which any may
/// use.
class communicator {
 public:
  /// What a rank does while it waits for others, some hundred times per second. What it throws ends the wait; no call that
  /// names all ranks may follow.
  using meanwhile = std::function<void()>;

  /// Which of the processes this is.
  struct place {
    unsigned rank = 0;       ///< from 0
    unsigned size = 1;       ///< number of ranks
    unsigned node = 0;       ///< the same for ranks that share a machine's memory: the least rank of them
    unsigned node_rank = 0;  ///< from 0 among these
    unsigned node_size = 1;  ///< how many these are
    std::string host;        ///< name of the machine
  };

  /// Numbers that all ranks share. Each begins at 0.
  static constexpr unsigned shared_numbers = 16;

  communicator() = default;
  communicator(const communicator&) = delete;
  communicator& operator=(const communicator&) = delete;
  /// All ranks.
  virtual ~communicator() = default;

  /// Which of the processes this is.
  [[nodiscard]] virtual const place& self() const = 0;

  /// What each of all ranks gave, by rank. @throws io_error, as all others here do, where the ranks cannot be reached
  [[nodiscard]] virtual std::vector<std::string> all_gather(const std::string& mine, const meanwhile& waiting) = 0;
  /// What rank 0 gave, on all ranks.
  [[nodiscard]] virtual std::string broadcast(const std::string& of_first) = 0;
  /// Adds the values of all ranks, which give the same number of them; rank 0 gets the sums, the values of others stay.
  virtual void sum(std::span<std::uint64_t> values) = 0;
  /// The same.
  virtual void sum(std::span<std::uint32_t> values) = 0;
  /// The same; the order of the additions is not defined.
  virtual void sum(std::span<double> values) = 0;
  /// The largest of the values of all ranks in place of the sums.
  virtual void maximum(std::span<std::uint32_t> values) = 0;

  /// Adds to a shared number, in one step whoever else does; returns what it was before. No other rank has to call anything.
  virtual std::uint64_t add(unsigned number, std::uint64_t more) = 0;

  /// Ends the processes of all ranks, without cleaning up: for a rank that can no longer do what the others wait for.
  [[noreturn]] virtual void abort(int exit_code) noexcept = 0;
};

/// One process alone.
class solo_communicator final : public communicator {
 public:
  /// Rank 0 of 1.
  solo_communicator() = default;
  /// Rank 0 of 1.
  [[nodiscard]] const place& self() const override { return self_; }
  /// What was given.
  [[nodiscard]] std::vector<std::string> all_gather(const std::string& mine, const meanwhile& waiting) override;
  /// What was given.
  [[nodiscard]] std::string broadcast(const std::string& of_first) override { return of_first; }
  /// The values are the sums.
  void sum(std::span<std::uint64_t> values) override { static_cast<void>(values); }
  /// The values are the sums.
  void sum(std::span<std::uint32_t> values) override { static_cast<void>(values); }
  /// The values are the sums.
  void sum(std::span<double> values) override { static_cast<void>(values); }
  /// The values are the largest.
  void maximum(std::span<std::uint32_t> values) override { static_cast<void>(values); }
  /// As of communicator.
  std::uint64_t add(unsigned number, std::uint64_t more) override;
  /// Ends this process.
  [[noreturn]] void abort(int exit_code) noexcept override;

 private:
  place self_;
  std::uint64_t numbers_[shared_numbers] = {};
};

}  // namespace countem
