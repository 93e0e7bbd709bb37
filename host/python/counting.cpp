#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/centre.hpp>
#include <countem/error.hpp>
#include <countem/live_reductions.hpp>
#include <countem/pipeline.hpp>
#include <countem/provenance.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/scan_share.hpp>

#include "host/python/advice.hpp"
#include "host/python/bindings.hpp"
#include "host/python/frames.hpp"
#include "host/python/memory_store.hpp"
#include "host/python/shared_store.hpp"
#include "host/python/views.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

/// Called now and then: frames done, frames of the scan, events so far, seconds.
using progress_function = std::function<void(std::uint64_t, std::uint64_t, std::uint64_t, double)>;

/// What Python code asks for. Words of enums are as everywhere; output empty: into memory.
struct count_wish {
  std::string method = "cluster";
  std::string row_noise = "none";
  std::string background = "none";
  std::string values = "none";
  std::string backend = "automatic";
  std::uint32_t min_cluster_size = 1;
  std::uint32_t max_cluster_size = 0xffff'ffff;
  std::uint32_t upsample = 1;
  unsigned threads = 0;
  std::filesystem::path output;
  bool overwrite = false;
  bool resume = false;
  bool wide_counts = false;
  bool fast_sparse = false;
  bool accept_masked = false;
  std::string live;
  std::string live_centre = "auto";
  double pixel_mrad = 0;
  double scan_step_nm = 0;
  std::uint32_t part_number = 0;  ///< 0: the whole scan
  std::uint32_t part_of = 0;
  std::string words;  ///< how the user asked, for provenance

  [[nodiscard]] counting_options options() const {
    counting_options options;
    options.method = choice_from<counting_method>(method);
    options.row_noise = choice_from<row_noise_method>(row_noise);
    options.background = choice_from<background_method>(background);
    options.values = choice_from<event_value>(values);
    options.min_cluster_size = min_cluster_size;
    options.max_cluster_size = max_cluster_size;
    options.upsample = upsample;
    return options;
  }
};

/// What Python code learns about a count besides its events.
struct count_outcome {
  std::unique_ptr<shared_store> store;  ///< of a count into memory
  count_result result;
  std::string backend;
  std::string reason;                 ///< of the backend
  std::vector<std::string> warnings;  ///< sentences
};

/// One count, step by step.
class count_run {
 public:
  count_run(const raw_frames& frames, const calibration& used, const count_wish& wanted)
      : frames_(frames), info_(frames.info()), wanted_(wanted), serving_(stop_) {
    setup_ = {info_.shape, info_.type, used, wanted.options()};
  }

  /// That an earlier count of the same share, finished or not, was the same as this one. @throws invalid_argument if not
  void require_same(const std::filesystem::path& store) {
    take_share();
    require_same_count(store, description(), {wanted_.wide_counts, wanted_.fast_sparse, true});
  }

  /// With the GIL. @throws what the library throws; nanobind::python_error of Python code, with a note about what is kept
  count_outcome run(const progress_function& progress) {
    prepare();
    const auto source = frames_.open(serving_, reading::in_order, wanted_.threads);
    try {
      serving_.run([&] { work(*source); }, [&] { show(progress); });
    } catch (nb::python_error& failure) {
      const nb::object value = nb::borrow(failure.value());
      if (!kept_.empty() && nb::hasattr(value, "add_note")) value.attr("add_note")(kept_);
      throw;
    }
    if (memory_) outcome_.store = std::make_unique<shared_store>(std::move(memory_), "scan in memory");
    return std::move(outcome_);
  }

 private:
  /// Whatever can be refused before any work.
  void prepare() {
    const backend_choice chosen = choose_backend(choice_from<backend>(wanted_.backend), {});
    outcome_.backend = to_string(chosen.used);
    outcome_.reason = chosen.reason;
    where_ = chosen.used;
    if (!wanted_.live.empty()) plan_ = parse_plan(wanted_.live);
    centre_ = parse_centre(wanted_.live_centre);
    validate(plan_, info_.scan);
    validate(setup_);
    take_share();
    if (wanted_.output.empty()) {
      if (!wanted_.live.empty() || wanted_.resume || wanted_.wide_counts || wanted_.fast_sparse) {
        throw invalid_argument(
            "live, resume, wide_counts and fast_sparse are for counts into a file, and none was named: name one, or leave them "
            "out");
      }
      return;
    }
    if (wanted_.resume && !wanted_.live.empty()) {
      throw invalid_argument(
          "what was counted before is in no live reduction: leave live out where a count is resumed, and reduce the scan "
          "later");
    }
    rules_.existing = existing_for(wanted_.overwrite);
    for (const input_file& file : info_.files) rules_.inputs.push_back(file.path);
    for (std::filesystem::path& file : files_of(plan_)) rules_.inputs.push_back(std::move(file));
    if (!centre_.vacuum.empty()) rules_.inputs.push_back(centre_.vacuum);
    check_output(wanted_.output, event_store_output, rules_);
  }

  [[nodiscard]] bool is_part() const { return wanted_.part_of != 0; }

  void take_share() {
    share_ = is_part() ? share_of(info_.scan, wanted_.part_number, wanted_.part_of) : share_of(info_.scan, 1, 1);
    if (!is_part() || (!wanted_.output.empty() && wanted_.live.empty())) return;
    throw invalid_argument(
        "a part of a scan is counted into a file and without live reductions: name a file, and reduce the scan that merge "
        "makes "
        "of the parts");
  }

  void work(const frame_source& source) {
    apply_source_mask(setup_.calibrated, source);
    if (setup_.options.method != counting_method::counts) check_loaded(setup_.calibrated, source, wanted_.accept_masked);
    require_usable_pixels(setup_.calibrated);
    if (wanted_.output.empty()) {
      auto store = std::make_unique<memory_store>(description());
      count(source, *store);
      if (outcome_.result.stopped) return;
      store->finish();
      memory_ = std::move(store);
      return;
    }
    if (!wanted_.live.empty()) prepare_reductions(source);
    open_store(description());
    try {
      count(source, *store_.writer);
    } catch (const io_error& failure) {
      throw io_error(failure.what() + ("; " + abandon()), failure.advised());
    } catch (const format_error& failure) {
      throw format_error(failure.what() + ("; " + abandon()), failure.advised());
    } catch (...) {
      kept_ = abandon();
      throw;
    }
    if (outcome_.result.stopped) {
      kept_ = abandon();
      return;
    }
    store_.writer->finish(live_ ? live_->finish() : std::vector<saved_image>(), outcome_.result.issues);
    kept_ = "the count was finished: " + wanted_.output.string();
  }

  [[nodiscard]] store_description description() const {
    store_description description = describe_count(info_, setup_, where_, wanted_.words);
    description.geometry = geometry();
    if (is_part()) record_share(description, share_);
    return description;
  }

  [[nodiscard]] store_geometry geometry() const {
    const store_geometry counted = counted_geometry(info_.shape, setup_.options.upsample, info_.split);
    return with_lengths(counted, info_.lengths, wanted_.pixel_mrad, wanted_.scan_step_nm);
  }

  void prepare_reductions(const frame_source& source) {
    const frame_shape grid = event_grid(setup_);
    read_detector_images(plan_, grid);
    plan_.masked = masked_events(setup_.calibrated, grid, geometry());
    if (centre_.point) plan_.beam = given_centre(*centre_.point);
    if (plan_.needs_centre() || plan_.beam) {
      if (!centre_.vacuum.empty()) plan_.beam = vacuum_beam(centre_.vacuum, grid, geometry(), wanted_.threads);
      if (!plan_.beam) plan_.beam = sampled_beam(source, setup_, plan_.excluded);
      plan_.centre = plan_.beam->centre;
      if (plan_.beam->guess) {
        outcome_.warnings.push_back("the centre (row " + std::to_string(plan_.centre->row) + ", column " +
                                    std::to_string(plan_.centre->column) + ") is a guess, " + plan_.beam->how +
                                    "; give it with live_centre=(row, column)");
      }
    }
    live_.emplace(plan_, result_axes{grid, info_.scan, geometry()}, info_.missing_frames + info_.incomplete_frames > 0, where_,
                  wanted_.threads, std::filesystem::path(), wanted_.output.stem().string(), rules_);
  }

  void open_store(const store_description& description) {
    const store_options options{wanted_.wide_counts, wanted_.fast_sparse, true};
    if (wanted_.resume) {
      store_ = resume_event_store(wanted_.output, description, options, rules_);
    } else {
      store_.writer = create_event_store(wanted_.output, description, options, rules_,
                                         live_ ? live_->announced() : std::vector<saved_image>());
    }
  }

  void count(const frame_source& source, event_sink& sink) {
    pipeline_options running;
    running.where = choice_from<backend>(wanted_.backend);
    running.threads = wanted_.threads;
    running.first_frame = std::max(store_.next_frame, share_.first_frame());
    running.end_frame = share_.end_frame();
    running.stop = &serving_.stop();
    running.progress = [this](const count_progress& now) {
      const std::lock_guard lock(mutex_);
      now_ = now;
      now_.frames_done -= share_.first_frame();
      now_.frames_total -= share_.first_frame();
    };
    if (live_) running.live = &live_->reducer();
    outcome_.result = count_frames(source, setup_, sink, running);
    for (const source_issue& issue : outcome_.result.issues) {
      if (is_fault(issue)) outcome_.warnings.push_back(sentence(issue));
    }
  }

  /// Keeps what was written, and words where. A sentence without a file where that fails.
  std::string abandon() {
    try {
      const std::filesystem::path part = store_.writer->abandon(outcome_.result.issues);
      const std::lock_guard lock(mutex_);
      const std::uint64_t before = std::max(store_.next_frame, share_.first_frame()) - share_.first_frame();
      const std::uint64_t done = std::max(now_.frames_done, before);
      return "the first " + std::to_string(done) + " of " + std::to_string(share_.frames()) + " frames are kept in " +
             part.string() + "; resume with resume=True";
    } catch (const error& failure) {
      return std::string("what was counted before could not be closed: ") + failure.what();
    }
  }

  void show(const progress_function& progress) {
    count_progress now;
    {
      const std::lock_guard lock(mutex_);
      now = now_;
    }
    if (progress && now.frames_total != 0) progress(now.frames_done, now.frames_total, now.events, now.seconds);
  }

  const raw_frames& frames_;
  const source_info& info_;
  const count_wish& wanted_;
  std::atomic<bool> stop_{false};
  desk serving_;
  counting_setup setup_;
  backend where_ = backend::cpu;
  reduction_plan plan_;
  centre_choice centre_;
  output_rules rules_;
  scan_share share_;
  resumed_event_store store_;
  std::unique_ptr<memory_store> memory_;
  std::optional<live_reductions> live_;
  std::string kept_;
  count_outcome outcome_;
  std::mutex mutex_;
  count_progress now_;
};

void bind_wish(nb::module_& m) {
  nb::class_<count_wish>(m, "CountWish")
      .def(nb::init<>())
      .def_rw("method", &count_wish::method)
      .def_rw("row_noise", &count_wish::row_noise)
      .def_rw("background", &count_wish::background)
      .def_rw("values", &count_wish::values)
      .def_rw("backend", &count_wish::backend)
      .def_rw("min_cluster_size", &count_wish::min_cluster_size)
      .def_rw("max_cluster_size", &count_wish::max_cluster_size)
      .def_rw("upsample", &count_wish::upsample)
      .def_rw("threads", &count_wish::threads)
      .def_rw("output", &count_wish::output)
      .def_rw("overwrite", &count_wish::overwrite)
      .def_rw("resume", &count_wish::resume)
      .def_rw("wide_counts", &count_wish::wide_counts)
      .def_rw("fast_sparse", &count_wish::fast_sparse)
      .def_rw("accept_masked", &count_wish::accept_masked)
      .def_rw("live", &count_wish::live)
      .def_rw("live_centre", &count_wish::live_centre)
      .def_rw("pixel_mrad", &count_wish::pixel_mrad)
      .def_rw("scan_step_nm", &count_wish::scan_step_nm)
      .def_rw("part_number", &count_wish::part_number)
      .def_rw("part_of", &count_wish::part_of)
      .def_rw("words", &count_wish::words);
}

}  // namespace

void bind_counting(nb::module_& m) {
  bind_wish(m);
  nb::class_<count_outcome>(m, "CountOutcome")
      .def("take_store", [](count_outcome& self) { return std::move(self.store); })
      .def_ro("backend", &count_outcome::backend)
      .def_ro("reason", &count_outcome::reason)
      .def_ro("warnings", &count_outcome::warnings)
      .def_prop_ro("events", [](const count_outcome& self) { return self.result.events; })
      .def_prop_ro("frames", [](const count_outcome& self) { return self.result.frames; })
      .def_prop_ro("xrays", [](const count_outcome& self) { return self.result.xrays; })
      .def_prop_ro("seconds", [](const count_outcome& self) { return self.result.seconds; });
  m.def(
      "count",
      [](const raw_frames& frames, const calibration& used, const count_wish& wanted, const progress_function& progress) {
        return count_run(frames, used, wanted).run(progress);
      },
      nb::arg("frames"), nb::arg("calibration"), nb::arg("wanted"), nb::arg("progress").none());
  m.def(
      "require_same_count",
      [](const raw_frames& frames, const calibration& used, const count_wish& wanted, const std::filesystem::path& store) {
        count_run(frames, used, wanted).require_same(store);
      },
      nb::arg("frames"), nb::arg("calibration"), nb::arg("wanted"), nb::arg("store"));
}

}  // namespace countem::python
