#pragma once

#include <algorithm>
#include <array>
#include <barrier>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <countem/communicator.hpp>

// Ranks that are threads of one process, for tests of what ranks do together.
namespace countem::test {

class thread_ranks {
 public:
  explicit thread_ranks(unsigned size) : size_(size), meeting_(static_cast<std::ptrdiff_t>(size)), given_(size) {}

  /// Runs `work` on all ranks; what one throws is rethrown when all have ended.
  void run(const std::function<void(communicator&)>& work) {
    std::vector<std::exception_ptr> thrown(size_);
    std::vector<std::thread> threads;
    for (unsigned rank = 0; rank < size_; ++rank) {
      threads.emplace_back([&, rank] {
        one_rank self(*this, rank);
        try {
          work(self);
        } catch (...) {
          thrown[rank] = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& failure : thrown) {
      if (failure != nullptr) std::rethrow_exception(failure);
    }
  }

 private:
  class one_rank final : public communicator {
   public:
    one_rank(thread_ranks& all, unsigned rank) : all_(all) {
      self_.rank = self_.node_rank = rank;
      self_.size = self_.node_size = all.size_;
      self_.host = "host" + std::to_string(rank);
    }
    const place& self() const override { return self_; }
    std::vector<std::string> all_gather(const std::string& mine, const meanwhile& waiting) override {
      if (waiting) waiting();
      all_.given_[self_.rank] = mine;
      all_.meeting_.arrive_and_wait();
      std::vector<std::string> given = all_.given_;
      all_.meeting_.arrive_and_wait();
      return given;
    }
    std::string broadcast(const std::string& of_first) override { return all_gather(of_first, {}).front(); }
    void sum(std::span<std::uint64_t> values) override { reduce(values, std::plus<>()); }
    void sum(std::span<std::uint32_t> values) override { reduce(values, std::plus<>()); }
    void sum(std::span<double> values) override { reduce(values, std::plus<>()); }
    void maximum(std::span<std::uint32_t> values) override {
      reduce(values, [](std::uint32_t a, std::uint32_t b) { return std::max(a, b); });
    }
    std::uint64_t add(unsigned number, std::uint64_t more) override {
      const std::scoped_lock lock(all_.mutex_);
      return std::exchange(all_.numbers_[number], all_.numbers_[number] + more);
    }
    [[noreturn]] void abort(int /*exit_code*/) noexcept override { std::terminate(); }

   private:
    template <class T, class How>
    void reduce(std::span<T> values, How how) {
      const std::string mine(reinterpret_cast<const char*>(values.data()), values.size_bytes());
      const std::vector<std::string> given = all_gather(mine, {});
      if (self_.rank != 0) return;
      for (unsigned rank = 1; rank < all_.size_; ++rank) {
        const auto* const other = reinterpret_cast<const T*>(given[rank].data());
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = how(values[i], other[i]);
      }
    }

    thread_ranks& all_;
    place self_;
  };

  unsigned size_;
  std::barrier<> meeting_;
  std::vector<std::string> given_;
  std::mutex mutex_;
  std::array<std::uint64_t, communicator::shared_numbers> numbers_{};
};

}  // namespace countem::test
