#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/frame_range.hpp>
#include <countem/ranks.hpp>

#include "host/cli/count_run.hpp"
#include "host/cli/progress.hpp"

namespace countem::cli {

/// A count by all ranks of a job: each counts frames as they are dealt into a store of its own, and rank 0 merges the stores.
/// docs/decisions/0044-mpi.md has the reasons.
class shared_count final : public count_run {
 public:
  /// What is given must outlive the object.
  shared_count(const count_arguments& wanted, const part_number& whole, context& ctx, ranks& all)
      : count_run(wanted, whole, ctx), all_(all) {}

  /// On all ranks.
  void run() override;

 private:
  /// What a rank counted.
  struct counted {
    std::string host;
    count_result result;
  };

  void check_outputs() override;
  void find_centre() override;
  [[nodiscard]] std::filesystem::path live_directory() const override;

  void require_same_input();
  void share_calibration();
  void find_what_is_left();
  void mend(const std::vector<std::filesystem::path>& left, unsigned first_number);
  void create_store(unsigned number);
  void count();
  void publish(const count_progress& now);
  void show(progress_display& display);
  [[nodiscard]] std::string kept_words() const;
  void gather_results();
  void require_all_counted();
  void add_reductions();
  void merge();
  [[nodiscard]] merge_report merged_stores(const std::vector<std::filesystem::path>& stores,
                                           std::span<const saved_image> reductions);
  void draw();
  [[nodiscard]] nlohmann::ordered_json ranks_json() const;

  ranks& all_;
  std::string description_;                    ///< as to_bytes() makes it, of all ranks
  std::vector<std::filesystem::path> kept_;    ///< stores of earlier runs
  std::vector<std::filesystem::path> stores_;  ///< of this run, by rank
  std::vector<frame_range> frames_;            ///< to be counted
  std::vector<unsigned> devices_;              ///< that this rank counts on; empty: none
  std::atomic<bool> stopping_{false};
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point published_;
  count_progress told_;  ///< what the other ranks know of this one
  std::vector<counted> counted_;
};

}  // namespace countem::cli
