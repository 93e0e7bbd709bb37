#include "host/cli/reduction_run.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>

#include <countem/coincidence.hpp>
#include <countem/error.hpp>
#include <countem/large_output.hpp>
#include <countem/pipeline.hpp>
#include <countem/provenance.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/result_images.hpp>
#include <countem/stop.hpp>
#include <countem/store_copy.hpp>
#include <countem/store_reduction.hpp>

#include "host/cli/beam_words.hpp"
#include "host/cli/coincidence_words.hpp"
#include "host/cli/dose_words.hpp"
#include "host/cli/progress.hpp"
#include "host/cli/scan_part.hpp"
#include "host/cli/store_facts.hpp"

namespace countem::cli {

namespace {

detector_window detector_part(const reduce_arguments& wanted, frame_shape grid) {
  if (wanted.detector_window.empty()) return {0, 0, grid};
  const index_ranges part = parse_ranges(wanted.detector_window, grid.height, grid.width);
  return {part.row, part.column, {part.row_end - part.row, part.column_end - part.column}};
}

class reduction_run {
 public:
  reduction_run(const reduce_arguments& wanted, context& ctx, ranks& all) : wanted_(wanted), ctx_(ctx), all_(all) {}

  void run() {
    all_.together([&] { prepare(); });
    std::optional<reduced_store> reduced;
    if (makes_images()) reduced = reduce_store_for_files(*store_, plan_, part_, used_.used, reading_, all_);
    all_.together([&] {
      if (all_.is_first()) finish(reduced ? images_of(*reduced) : std::vector<saved_image>());
    });
  }

 private:
  void prepare() {
    store_ = wanted_.fold.folded(open_event_store(wanted_.input), wanted_.input, ctx_);
    used_ = choose_backend(wanted_.where);
    reading_.threads = wanted_.threads;
    reading_.stop = &ctx_.stop;
    part_ = {scan_part(wanted_.scan_window, described().scan), detector_part(wanted_, described().shape), wanted_.bin,
             wanted_.scan_bin};
    if (!wanted_.keep_remainder) part_ = whole_bins(part_);
    made_ = describe_copy(described(), part_);
    plan_ = planned();
    made_.geometry = with_lengths(made_.geometry, plan_);
    if (all_.is_first()) check_outputs();
    inform_of_remainder();
    lacking_ = lacking_in_copy(*store_, part_, wanted_.input.string());
    ctx_.warn_of(lacking_);
    if (!makes_images() && !makes_store())
      throw invalid_argument(
          "nothing is asked for: --sum, --com, --virtual disk:20, --crop 100:400,100:400, ... (countem reduce --help)");
  }

  void finish(const std::vector<saved_image>& images) {
    check_stop();
    wanted_.folders.check(wanted_.output, images, rules_);
    if (makes_store()) {
      copy(images);
    } else {
      auto facts = provenance();
      const std::vector<source_issue> issues = input_changes();
      if (!issues.empty()) facts.emplace_back("issues", issues_text(issues));
      save_images(wanted_.output, images, facts, rules_);
    }
    ctx_.wrote(wanted_.output);
    wanted_.folders.write(wanted_.output, images, rules_, ctx_);
    report(images, std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
  }

  /// Before any work.
  void check_outputs() {
    rules_ = ctx_.rules(files_of(plan_));
    rules_.inputs.push_back(wanted_.input);
    add_centre_file(rules_, wanted_.centre);
    check_output(wanted_.output, makes_store() ? event_store_output : images_output, rules_);
    wanted_.folders.make();
    expect_large_results();
  }

  /// Profiles, the only results with many numbers for each position, and the copied frames.
  void expect_large_results() const {
    if (makes_images() && plan_.radial) {
      const scan_shape& scan = made_.scan;
      const std::uint32_t rings = profile_rings(plan_, {made_.shape, scan, made_.geometry});
      const saved_image radial{"radial", {scan.height, scan.width, rings}, std::vector<double>(), "electrons", {}};
      expect_image(wanted_.output, radial);
      // How many rings there are around a beam that is still to be found is not known.
      wanted_.folders.expect(wanted_.output, radial, plan_.centre ? size_is::exact : size_is::estimated);
    }
    if (makes_store()) expect_output(wanted_.output, "the frames that are kept", kept_bytes(), size_is::estimated);
  }

  /// The share of the store that holds as many events as the positions that are kept.
  [[nodiscard]] std::uint64_t kept_bytes() const {
    const std::vector<std::uint32_t>& counts = store_->counts();
    const scan_shape& scan = described().scan;
    std::uint64_t all = 0;
    std::uint64_t kept = 0;
    for (std::uint64_t frame = 0; frame < counts.size(); ++frame) {
      if (counts[frame] == not_written) continue;
      const std::uint64_t position = frame / scan.frames_per_position;
      const std::uint64_t row = position / scan.width;
      const std::uint64_t column = position % scan.width;
      all += counts[frame];
      if (row >= part_.scan.row && row < part_.scan.row + part_.scan.height && column >= part_.scan.column &&
          column < part_.scan.column + part_.scan.width)
        kept += counts[frame];
    }
    const auto bytes = static_cast<double>(std::filesystem::file_size(wanted_.input));
    return all == 0 ? 0 : static_cast<std::uint64_t>(bytes * (static_cast<double>(kept) / static_cast<double>(all)));
  }

  /// Also where a part of the scan is named and nothing is to be computed from it.
  [[nodiscard]] bool makes_store() const { return wanted_.makes_store() || (!wanted_.scan_window.empty() && !makes_images()); }

  [[nodiscard]] const store_description& described() const { return store_->description(); }

  [[nodiscard]] std::vector<std::pair<std::string, std::string>> provenance() const {
    auto facts = describe_reduction(wanted_.input, used_.used, ctx_.command_line);
    if (beam_) facts.emplace_back("centre", beam_words(*beam_));
    return facts;
  }

  /// Those of what is read, and what merged positions lack. Warns of the former, too.
  [[nodiscard]] std::vector<source_issue> input_changes() const {
    std::vector<source_issue> issues = changed_inputs(store_->files());
    ctx_.warn_of(issues);
    issues.insert(issues.begin(), lacking_.begin(), lacking_.end());
    return issues;
  }

  [[nodiscard]] bool makes_images() const {
    return !plan_.is_empty() || wanted_.coincidence || wanted_.recorded.is_given() || wanted_.folders.are_named();
  }

  /// A detector without a pixel gives an image of zeros, an aperture one of NaN: most likely its centre or radius is mistyped.
  void warn_of_empty(const reduction_plan& plan) {
    const reduction_plan cells = in_cells(plan, made_.geometry);
    std::vector<virtual_detector> detectors = cells.detectors;
    if (cells.com_within) detectors.push_back(cells.com_within->detector);
    if (detectors.empty()) return;
    const frame_shape grid = made_.shape;
    const detector_masks masks = make_masks(detectors, grid, cells.centre.value_or(middle_of(grid)), plan.excluded);
    for (std::size_t d = 0; d < masks.detectors; ++d) {
      if (masks.rows[d].first < masks.rows[d].end) continue;
      ctx_.warn(fmt::format("no pixel of the {} x {} detector is in '{}': {}", grid.height, grid.width, detectors[d].name,
                            d < plan.detectors.size() ? "its image is 0 everywhere" : "there are no centres of mass"));
    }
  }

  /// What did not arrive looks like vacuum to whoever does not know of it.
  void warn_of_incomplete(const reduction_result& result) {
    incomplete_ = result.incomplete_frames;
    missing_ = result.missing_frames;
    if (incomplete_ != 0 && lacking_.empty()) {  // what merged positions lack has its own sentence
      const char* const used = plan_.incomplete == incomplete_frames::skip ? "they are left out"
                               : plan_.incomplete == incomplete_frames::scale
                                   ? "images are divided by the share of the detector that arrived"
                                   : "images are those of what arrived (--incomplete skip or scale does otherwise)";
      // Which share of its frames a merged position has is not known any more.
      const bool merged = made_.geometry.scan_row.step != 1;
      ctx_.warn(fmt::format("{} of {} frames lack a part of the detector{}: {}; _completeness beside each image is the share{}",
                            incomplete_, result.frames, merged ? ", or frames that should have been merged into them" : "",
                            used, merged ? " of the detector, not of the merged frames" : ""));
    }
    if (missing_ != 0)
      ctx_.warn(fmt::format("{} of {} frames never arrived: what is made of them alone is NaN", missing_, result.frames));
  }

  void inform_of_remainder() const {
    const auto left_out = [&](const char* what, std::uint32_t wanted, std::uint32_t kept) {
      if (wanted != kept)
        ctx_.inform("{} {} fill no whole bin and are left out (--keep-remainder keeps them)", wanted - kept, what);
    };
    const detector_window detector = detector_part(wanted_, described().shape);
    const scan_window positions = scan_part(wanted_.scan_window, described().scan);
    left_out("rows of pixels", detector.shape.height, part_.detector.shape.height);
    left_out("columns of pixels", detector.shape.width, part_.detector.shape.width);
    left_out("rows of positions", positions.height, part_.scan.height);
    left_out("columns of positions", positions.width, part_.scan.width);
  }

  /// Of what was computed, and what is computed of that.
  std::vector<saved_image> images_of(const reduced_store& reduced) {
    warn_of_empty(reduced.plan);
    warn_of_incomplete(reduced.result);
    if (reduced.plan.needs_centre()) beam_ = reduced.plan.beam;
    if (beam_ && beam_->guess) ctx_.warn(guess_warning(*beam_, "--centre"));
    frames_ = reduced.result.frames;
    events_ = reduced.result.events;
    exposed_ = reduced.result.exposed();
    std::vector<saved_image> images = reduced.images();
    if (wanted_.coincidence) std::ranges::move(correct(reduced.plan), std::back_inserter(images));
    measure_dose(images.front());
    return images;
  }

  /// Dose and current, kept with the counts of the positions.
  void measure_dose(saved_image& counts) {
    recorded_ = wanted_.recorded;
    recorded_.step_nm = made_.geometry.scan_step_nm;
    if (!recorded_.is_given()) return;
    if (!wanted_.detector_window.empty()) {
      if (!wanted_.recorded.is_given()) return;
      throw invalid_argument("dose and current are those of the whole detector: ask for them without a crop");
    }
    const bool is_corrected = coincidence_ && coincidence_->area.is_found;
    double electrons = static_cast<double>(exposed_.first);
    if (is_corrected) {
      const corrected_counts& frame = coincidence_->detectors.back();
      const double share = events_ > 0 ? electrons / static_cast<double>(events_) : 0;
      electrons = std::max(0.0, electrons / (1 - frame.loss) - share * frame.false_events);
    }
    dose_ = dose_of_store(electrons, exposed_.second, made_, recorded_);
    std::ranges::move(dose_attributes(*dose_, recorded_), std::back_inserter(counts.attributes));
  }

  std::vector<saved_image> correct(const reduction_plan& plan) {
    if (wanted_.makes_store())
      throw invalid_argument("coincidence is measured between events as they were counted: ask for it without a crop or a bin");
    const reduction_plan cells = in_cells(plan, made_.geometry);
    const detector_masks masks =
        make_masks(cells.detectors, made_.shape, cells.centre.value_or(middle_of(made_.shape)), plan.excluded);
    coincidence_ = correct_coincidences(*store_, masks, part_.scan, reading_);
    report_coincidence(*coincidence_, plan.detectors, ctx_);
    return countem::images_of(*coincidence_, plan.detectors, made_.scan, scan_axes(made_.geometry));
  }

  [[nodiscard]] reduction_plan planned() const {
    reduction_plan plan = empty_plan();
    for (const std::string& item : wanted_.items()) add_item(plan, item);
    plan.beam = centre_from(wanted_.centre, made_, wanted_.threads);
    if (plan.beam) plan.centre = plan.beam->centre;
    take_lengths(plan, made_.geometry);
    validate(plan);
    validate(plan, made_.scan);
    static_cast<void>(in_cells(plan, made_.geometry));  // refuses what is in mrad where no angle is known
    read_detector_images(plan, made_.shape);
    return plan;
  }

  void copy(std::span<const saved_image> images) {
    store_description description = made_;
    for (auto& [name, text] : provenance()) {
      // What the events themselves came from stays as it is.
      description.provenance.emplace_back(name == "reduced_from" ? name : "reduce_" + name, text);
    }
    store_options written;
    written.keep_unfinished = false;  // it is made from a store that is still there
    const auto sink = create_event_store(wanted_.output, description, written, rules_, images);
    copy_frames(*store_, part_, *sink, reading_);
    sink->finish(images, input_changes());
    copied_ = description.scan.frames();
  }

  void report(std::span<const saved_image> images, double seconds) const {
    if (ctx_.json) {
      nlohmann::ordered_json told{{"output", wanted_.output.string()},
                                  {"backend", to_string(used_.used)},
                                  {"frames", frames_},
                                  {"incomplete_frames", incomplete_},
                                  {"missing_frames", missing_},
                                  {"events", events_},
                                  {"copied_frames", copied_},
                                  {"seconds", seconds}};
      if (beam_) told["centre"] = beam_json(*beam_);
      if (dose_) told["dose"] = dose_json(*dose_, recorded_);
      if (coincidence_) told["coincidence"] = coincidence_json(*coincidence_, plan_.detectors);
      told["images"] = images_json(images);
      ctx_.print_json(told);
    }
    if (beam_) ctx_.inform("centre: {}", beam_words(*beam_));
    report_rotation(images);
    if (dose_) ctx_.inform("{}", dose_words(*dose_, recorded_));
    for (const saved_image& image : images) ctx_.inform("reductions/{}: {}", image.name, image.meaning);
    ctx_.inform("wrote {} ({}, {:.2f} s)", wanted_.output.string(), human_bytes(std::filesystem::file_size(wanted_.output)),
                seconds);
  }

  /// What was found of the scan's rotation, as the image of row centres of mass has it.
  void report_rotation(std::span<const saved_image> images) const {
    const auto com = std::ranges::find(images, "com_row", &saved_image::name);
    if (com == images.end()) return;
    std::string found;
    std::string description;
    for (const auto& [name, value] : com->attributes) {
      const std::string* const text = std::get_if<std::string>(&value);
      if (name == "scan_rotation_found") found = *text;
      if (name == "scan_rotation_description") description = *text;
    }
    if (found == "yes") ctx_.inform("scan rotation: {}", description);
    if (found == "no") ctx_.warn("scan rotation: " + description);
  }

  const reduce_arguments& wanted_;
  context& ctx_;
  ranks& all_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::unique_ptr<event_store> store_;
  backend_choice used_;
  reading_options reading_;
  output_rules rules_;
  copy_plan part_;
  store_description made_;             ///< what the part is
  std::vector<source_issue> lacking_;  ///< by merged positions
  reduction_plan plan_ = empty_plan();
  std::optional<found_beam> beam_;
  std::optional<coincidence_result> coincidence_;
  dose_conditions recorded_;
  std::optional<electron_dose> dose_;
  std::uint64_t frames_ = 0;
  std::uint64_t events_ = 0;
  std::pair<std::uint64_t, std::uint64_t> exposed_{};  ///< events and frames that show the dose
  std::uint64_t incomplete_ = 0;
  std::uint64_t missing_ = 0;
  std::uint64_t copied_ = 0;
};

}  // namespace

void run_reduction(const reduce_arguments& wanted, context& ctx, ranks& all) {
  reduction_run(wanted, ctx, all).run();
}

}  // namespace countem::cli
