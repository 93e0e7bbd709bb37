#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <countem/centre.hpp>
#include <countem/event_store.hpp>
#include <countem/frame_source.hpp>
#include <countem/live_reductions.hpp>
#include <countem/pipeline.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/scan_pictures.hpp>
#include <countem/scan_share.hpp>

#include "host/cli/calibration_arguments.hpp"
#include "host/cli/context.hpp"
#include "host/cli/part_arguments.hpp"
#include "host/cli/source_arguments.hpp"

namespace countem::cli {

/// What the options of countem count ask for.
struct count_arguments {
  source_arguments inputs;
  calibration_arguments thresholds;
  counting_options counting;
  store_options store;
  std::filesystem::path output;
  std::string part;
  std::filesystem::path pictures;
  backend where = backend::automatic;
  std::vector<unsigned> devices;
  unsigned threads = 0;
  std::string live;
  std::string live_centre = "auto";
  double pixel_mrad = 0;
  double scan_step_nm = 0;
  bool no_pictures = false;
  bool plain_pictures = false;
  bool resume = false;
  bool copy_input = false;
  bool no_mpi = false;
};

/// One run of countem count, step by step.
class count_run {
 public:
  /// What is given must outlive the object.
  count_run(const count_arguments& wanted, const part_number& part, context& ctx) : wanted_(wanted), part_(part), ctx_(ctx) {}
  count_run(const count_run&) = delete;
  count_run& operator=(const count_run&) = delete;
  virtual ~count_run() = default;

  virtual void run();

 protected:
  [[nodiscard]] const source_info& info() const { return source_->info(); }
  [[nodiscard]] bool is_part() const { return !wanted_.part.empty(); }
  [[nodiscard]] store_geometry geometry() const;
  /// What the store is that is counted; once frames are calibrated.
  [[nodiscard]] store_description described() const;

  void open();
  /// Before any work.
  virtual void check_outputs();
  [[nodiscard]] calibration found_calibration();
  /// Takes the calibration, and what follows from it.
  void set_up(calibration calibrated);
  void inform_of_calibration();
  /// Of the live reductions.
  virtual void find_centre();
  /// Where live pictures go; empty: none are drawn.
  [[nodiscard]] virtual std::filesystem::path live_directory() const;
  void make_reductions();
  /// What does not depend on which frames are counted.
  [[nodiscard]] pipeline_options how_to_count();
  void draw_pictures(std::uint64_t first_added);
  /// `more`: keys of the object of --json besides those of every count.
  void report(const nlohmann::ordered_json& more) const;

  const count_arguments& wanted_;
  const part_number& part_;
  context& ctx_;
  scan_share share_;                    ///< the whole scan where no part is wanted
  std::vector<input_file> references_;  ///< files of the calibration
  std::unique_ptr<frame_source> source_;
  backend_choice chosen_;
  output_rules rules_;
  counting_setup setup_;
  reduction_plan plan_;  ///< what is computed live
  centre_choice centre_;
  resumed_event_store store_;
  std::optional<scan_pictures> pictures_;
  std::optional<live_reductions> live_;
  count_result result_;
  std::uint64_t resumed_after_ = 0;  ///< frames that an earlier run counted
  std::vector<std::filesystem::path> drawn_;

 private:
  [[nodiscard]] std::string share_words() const;
  void create_store();
  void count();
  void finish();
  [[nodiscard]] nlohmann::ordered_json part_json() const;
};

}  // namespace countem::cli
