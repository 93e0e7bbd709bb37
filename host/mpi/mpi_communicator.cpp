// Ranks of an MPI job. Everything waits asleep: MPI's own waits take a whole core each, which counting needs.
#include <mpi.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <countem/communicator.hpp>
#include <countem/error.hpp>
#include <countem/version.hpp>

#include "host/mpi/module.hpp"

namespace countem::mpi {

namespace {

using std::chrono::microseconds;

constexpr int root = 0;
/// MPI counts in int.
constexpr std::size_t most_at_a_time = std::size_t{1} << 27U;
constexpr microseconds shortest_sleep{20};
constexpr microseconds longest_sleep{2000};
/// One-sided operations of other machines wait until this rank calls MPI.
constexpr microseconds between_calls{1000};

void check(int result, const char* what) {
  if (result == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(result, text.data(), &length);
  throw io_error(std::string("MPI: ") + what + ": " + std::string(text.data(), static_cast<std::size_t>(length)));
}

template <class T>
MPI_Datatype type_of();
template <>
MPI_Datatype type_of<std::uint64_t>() {
  return MPI_UINT64_T;
}
template <>
MPI_Datatype type_of<std::uint32_t>() {
  return MPI_UINT32_T;
}
template <>
MPI_Datatype type_of<double>() {
  return MPI_DOUBLE;
}

/// MPI itself, from MPI_Init to MPI_Finalize.
class session {
 public:
  session() {
    // Open MPI would handle crashes, which the program handles itself, and report that it cannot.
    ::setenv("OMPI_MCA_opal_signal", "", 0);
    // Debian excludes the only component that has one-sided operations over TCP, since it is not for several threads in MPI at
    // once, which do not occur here.
    ::setenv("OMPI_MCA_osc", "^ucx,monitoring", 0);
    int provided = MPI_THREAD_SINGLE;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (provided < MPI_THREAD_SERIALIZED) {
      MPI_Finalize();
      throw io_error("MPI: this build of it is not for programs with threads (MPI_THREAD_SERIALIZED)");
    }
  }
  ~session() { MPI_Finalize(); }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
};

class mpi_communicator final : public communicator {
 public:
  mpi_communicator() {
    int rank = 0;
    int size = 0;
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
    self_.rank = static_cast<unsigned>(rank);
    self_.size = static_cast<unsigned>(size);
    MPI_Comm node = MPI_COMM_NULL;
    check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
    unsigned least = self_.rank;
    check(MPI_Bcast(&least, 1, MPI_UNSIGNED, root, node), "MPI_Bcast");
    MPI_Comm_rank(node, &rank);
    MPI_Comm_size(node, &size);
    MPI_Comm_free(&node);
    self_.node = least;
    self_.node_rank = static_cast<unsigned>(rank);
    self_.node_size = static_cast<unsigned>(size);
    std::array<char, MPI_MAX_PROCESSOR_NAME> host{};
    int length = 0;
    MPI_Get_processor_name(host.data(), &length);
    self_.host.assign(host.data(), static_cast<std::size_t>(length));
    make_numbers();
    if (self_.rank == root && self_.node_size < self_.size) answering_ = std::thread([this] { answer(); });
  }

  ~mpi_communicator() override {
    ended_ = true;
    if (answering_.joinable()) answering_.join();
    MPI_Win_unlock_all(numbers_);
    MPI_Win_free(&numbers_);
  }

  [[nodiscard]] const place& self() const override { return self_; }

  std::vector<std::string> all_gather(const std::string& mine, const meanwhile& waiting) override {
    wait_for_all(waiting);
    const std::lock_guard held(lock_);
    std::vector<std::uint64_t> lengths(self_.size);
    const std::uint64_t length = mine.size();
    check(MPI_Allgather(&length, 1, MPI_UINT64_T, lengths.data(), 1, MPI_UINT64_T, MPI_COMM_WORLD), "MPI_Allgather");
    std::vector<int> counts;
    std::vector<int> offsets;
    std::uint64_t all = 0;
    for (const std::uint64_t one : lengths) {
      offsets.push_back(static_cast<int>(all));
      counts.push_back(static_cast<int>(one));
      all += one;
      if (all > INT_MAX) throw io_error("MPI: the ranks have more to exchange than 2 GiB");
    }
    std::string text(all, '\0');
    check(MPI_Allgatherv(mine.data(), static_cast<int>(length), MPI_CHAR, text.data(), counts.data(), offsets.data(), MPI_CHAR,
                         MPI_COMM_WORLD),
          "MPI_Allgatherv");
    std::vector<std::string> given;
    for (unsigned rank = 0; rank < self_.size; ++rank)
      given.push_back(text.substr(static_cast<std::size_t>(offsets[rank]), static_cast<std::size_t>(counts[rank])));
    return given;
  }

  std::string broadcast(const std::string& of_first) override {
    wait_for_all({});
    const std::lock_guard held(lock_);
    std::uint64_t length = of_first.size();
    check(MPI_Bcast(&length, 1, MPI_UINT64_T, root, MPI_COMM_WORLD), "MPI_Bcast");
    std::string text = of_first;
    text.resize(length);
    for (std::size_t at = 0; at < length; at += most_at_a_time) {
      const std::size_t some = std::min<std::size_t>(most_at_a_time, length - at);
      check(MPI_Bcast(text.data() + at, static_cast<int>(some), MPI_CHAR, root, MPI_COMM_WORLD), "MPI_Bcast");
    }
    return text;
  }

  void sum(std::span<std::uint64_t> values) override { reduce(values, MPI_SUM); }
  void sum(std::span<std::uint32_t> values) override { reduce(values, MPI_SUM); }
  void sum(std::span<double> values) override { reduce(values, MPI_SUM); }
  void maximum(std::span<std::uint32_t> values) override { reduce(values, MPI_MAX); }

  std::uint64_t add(unsigned number, std::uint64_t more) override {
    const std::lock_guard held(lock_);
    std::uint64_t before = 0;
    check(MPI_Fetch_and_op(&more, &before, MPI_UINT64_T, root, static_cast<MPI_Aint>(number), MPI_SUM, numbers_),
          "MPI_Fetch_and_op");
    check(MPI_Win_flush(root, numbers_), "MPI_Win_flush");
    return before;
  }

  [[noreturn]] void abort(int exit_code) noexcept override {
    MPI_Abort(MPI_COMM_WORLD, exit_code);
    std::_Exit(exit_code);
  }

 private:
  /// A window on rank 0, open for one-sided operations of all as long as the object lives.
  void make_numbers() {
    const bool first = self_.rank == root;
    std::uint64_t* memory = nullptr;
    const auto bytes = static_cast<MPI_Aint>(first ? shared_numbers * sizeof(std::uint64_t) : 0);
    check(MPI_Win_allocate(bytes, sizeof(std::uint64_t), MPI_INFO_NULL, MPI_COMM_WORLD, &memory, &numbers_),
          "MPI_Win_allocate");
    MPI_Win_set_errhandler(numbers_, MPI_ERRORS_RETURN);
    check(MPI_Win_lock_all(MPI_MODE_NOCHECK, numbers_), "MPI_Win_lock_all");
    if (first) std::fill_n(memory, shared_numbers, 0);
    check(MPI_Win_sync(numbers_), "MPI_Win_sync");
    check(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier");
  }

  void wait_for_all(const meanwhile& waiting) {
    MPI_Request request = MPI_REQUEST_NULL;
    {
      const std::lock_guard held(lock_);
      check(MPI_Ibarrier(MPI_COMM_WORLD, &request), "MPI_Ibarrier");
    }
    for (microseconds sleep = shortest_sleep;; sleep = std::min(longest_sleep, sleep + sleep / 4)) {
      int done = 0;
      {
        const std::lock_guard held(lock_);
        check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      }
      if (done != 0) return;
      if (waiting) waiting();
      std::this_thread::sleep_for(sleep);
    }
  }

  template <class T>
  void reduce(std::span<T> values, MPI_Op how) {
    wait_for_all({});
    const std::lock_guard held(lock_);
    for (std::size_t at = 0; at < values.size(); at += most_at_a_time) {
      const std::span<T> some = values.subspan(at, std::min(most_at_a_time, values.size() - at));
      const void* const from = self_.rank == root ? MPI_IN_PLACE : some.data();
      check(MPI_Reduce(from, some.data(), static_cast<int>(some.size()), type_of<T>(), how, root, MPI_COMM_WORLD),
            "MPI_Reduce");
    }
  }

  void answer() {
    while (!ended_) {
      {
        const std::lock_guard held(lock_);
        int there = 0;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
      }
      std::this_thread::sleep_for(between_calls);
    }
  }

  session mpi_;
  place self_;
  std::mutex lock_;  ///< one thread at a time calls MPI
  MPI_Win numbers_ = MPI_WIN_NULL;
  std::atomic<bool> ended_{false};
  std::thread answering_;
};

}  // namespace

}  // namespace countem::mpi

void countem_join_ranks(const char* program_version, communicator_or_words* made) noexcept {
  using namespace countem;
  try {
    if (std::strcmp(program_version, version) != 0)
      throw io_error(std::string("the module for MPI is of countem ") + version + ", the program of " + program_version);
    made->communicator = new mpi::mpi_communicator;
  } catch (const std::exception& failure) {
    std::strncpy(made->words, failure.what(), sizeof made->words - 1);
  }
}
