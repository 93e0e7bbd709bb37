// TPX3: hits of a Timepix3 detector, joined to electrons; the scan's positions from the marks of its generator.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/convert/imports.hpp"
#include "io/event_files/tpx3_file.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

/// By tpx3_edge.
constexpr std::array<std::string_view, 4> edge_words{"rising edges of input 1", "rising edges of input 2",
                                                     "falling edges of input 1", "falling edges of input 2"};

/// The frames of a scan as spans of time.
class frame_times {
 public:
  static constexpr std::uint64_t none = ~std::uint64_t{0};

  /// `dwell`: 0, where each mark begins a frame, else the time of a position, and each mark begins a line.
  frame_times(std::vector<std::uint64_t> marks, scan_shape scan, double dwell)
      : marks_(std::move(marks)), frames_(scan.frames()), of_a_mark_(dwell > 0 ? scan.width : 1), dwell_(dwell) {
    std::vector<std::uint64_t> lengths;
    for (std::size_t i = 1; i < marks_.size(); ++i) lengths.push_back(marks_[i] - marks_[i - 1]);
    if (lengths.empty()) return;
    const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(lengths.size() / 2);
    std::ranges::nth_element(lengths, middle);
    usual_length_ = *middle;
  }

  /// From mark to mark; `none` where there are not two.
  [[nodiscard]] std::uint64_t usual_length() const { return usual_length_; }

  /// How many frames have begun by the last mark.
  [[nodiscard]] std::uint64_t begun() const { return marks_.size() * of_a_mark_; }

  /// None before the first mark, between the last position of a line and the next line, and behind the scan. Times may only
  /// grow from call to call.
  [[nodiscard]] std::uint64_t frame_at(std::uint64_t time) {
    if (marks_.empty()) return 0;
    while (next_ < marks_.size() && marks_[next_] <= time) ++next_;
    if (next_ == 0) return none;
    const std::uint64_t since = time - marks_[next_ - 1];
    std::uint64_t frame = (next_ - 1) * of_a_mark_;
    if (dwell_ > 0) {
      const double position = std::floor(static_cast<double>(since) / dwell_);
      if (position >= static_cast<double>(of_a_mark_)) return none;
      frame += static_cast<std::uint64_t>(position);
    } else if (next_ == marks_.size() && since >= usual_length_) {
      return none;
    }
    return frame < frames_ ? frame : none;
  }

 private:
  std::vector<std::uint64_t> marks_;
  std::uint64_t frames_;
  std::uint64_t of_a_mark_;  ///< frames
  double dwell_;
  std::uint64_t usual_length_ = none;  ///< from mark to mark
  std::size_t next_ = 0;               ///< of marks_, behind the last time
};

/// The electrons of a file in the order of time.
class electron_stream {
 public:
  electron_stream(const file_handle& file, const tpx3_index& index, std::uint64_t window)
      : hits_(file, index), clusters_(index.shape, window) {}

  /// Null behind the last.
  [[nodiscard]] const tpx3_electron* peek() {
    while (at_ == electrons_.size()) {
      if (is_over_) return nullptr;
      electrons_.clear();
      at_ = 0;
      check_stop();
      const std::span<const tpx3_hit> hits = hits_.next();
      is_over_ = hits.empty();
      is_over_ ? clusters_.finish(electrons_) : clusters_.add(hits, electrons_);
    }
    return &electrons_[at_];
  }
  void skip() { ++at_; }

 private:
  tpx3_hits hits_;
  tpx3_clusters clusters_;
  std::vector<tpx3_electron> electrons_;
  std::size_t at_ = 0;
  bool is_over_ = false;
};

class tpx3_lists final : public list_source {
 public:
  tpx3_lists(const std::filesystem::path& path, const import_options& options)
      : file_(file_handle::open_read(path)),
        index_(index_tpx3(file_)),
        edge_(edge_that_marks(options)),
        scan_(scan_from(options)),
        cluster_ns_(options.cluster_ns.value_or(usual_cluster_ns)),
        dwell_us_(options.dwell_us.value_or(0)),
        times_(marks(), scan_, dwell_us_ * 1000 / tpx3_ns),
        electrons_(file_, index_, static_cast<std::uint64_t>(cluster_ns_ / tpx3_ns)) {
    require_given_frame(path, index_.shape, options);
    require_lines_between_marks();
    if (!marks().empty()) add_misfit(frame_order(scan_, {}, times_.begun()), path, issues_);
    note_other_marks();
    if (index_.shape.height > 256) {
      issues_.add("chips_placed", path, [] {
        return "four chips are taken to lie as 3, 0 above 2, 1, the lower two turned by 180 degrees; the file does not show it";
      });
    }
  }

  [[nodiscard]] store_description description() const override {
    store_description made = described(index_.shape, scan_);
    made.geometry = counted_geometry(index_.shape, 1);
    made.provenance = {{"hits", std::to_string(index_.hits)},
                       {"hits_of_an_electron_within_ns", fmt::format("{}", cluster_ns_)}};
    if (!marks().empty()) made.provenance.emplace_back("scan_marks", edge_words[edge_]);
    if (dwell_us_ > 0) made.provenance.emplace_back("dwell_us", fmt::format("{}", dwell_us_));
    return made;
  }

  [[nodiscard]] bool append_frame(std::uint64_t frame, std::vector<std::uint32_t>& events) override {
    while (const tpx3_electron* next = electrons_.peek()) {
      if (!is_placed_) place_ = times_.frame_at(next->time);
      is_placed_ = true;
      if (place_ != frame_times::none && place_ > frame) break;
      if (place_ == frame) {
        events.push_back(next->index);
      } else {
        ++outside_;
      }
      electrons_.skip();
      is_placed_ = false;
    }
    return marks().empty() || frame < times_.begun();
  }

  [[nodiscard]] std::vector<source_issue> take_issues() override {
    std::uint64_t behind = 0;
    for (; electrons_.peek() != nullptr; electrons_.skip()) ++behind;
    const std::uint64_t outside = outside_ + behind;
    issues_.add(
        "electrons_outside_scan", file_.path(),
        [&] {
          return fmt::format("{} electron{} came before, between or behind the positions of the scan and {} left out", outside,
                             outside == 1 ? "" : "s", outside == 1 ? "was" : "were");
        },
        outside);
    std::vector<source_issue> all = std::move(index_.issues);
    std::ranges::move(issues_.take(), std::back_inserter(all));
    return all;
  }

 private:
  static constexpr double usual_cluster_ns = 200;

  /// The rising edges of an input, where it has any.
  [[nodiscard]] std::size_t edge_of_input(std::size_t input) const { return index_.marks[input].empty() ? input + 2 : input; }

  /// Of two inputs the one with as many marks as the scan has positions, or lines; without its size the one with more.
  [[nodiscard]] std::size_t edge_that_marks(const import_options& options) const {
    const double wanted = !options.scan      ? std::numeric_limits<double>::max()
                          : options.dwell_us ? options.scan->height
                                             : static_cast<double>(options.scan->frames());
    const auto misfit = [&](std::size_t edge) {
      const auto marks = static_cast<double>(index_.marks[edge].size());
      return marks > 0 ? std::abs(std::log(marks / wanted)) : std::numeric_limits<double>::infinity();
    };
    const std::size_t first = edge_of_input(0);
    const std::size_t second = edge_of_input(1);
    return misfit(second) < misfit(first) ? second : first;
  }
  [[nodiscard]] const std::vector<std::uint64_t>& marks() const { return index_.marks[edge_]; }

  void note_other_marks() {
    const std::size_t other = edge_of_input(edge_ % 2 == 0 ? 1 : 0);
    if (index_.marks[other].empty()) return;
    issues_.add("marks_of_two_inputs", file_.path(), [&] {
      return fmt::format("has marks at two inputs ({}: {}, {}: {}); the first are taken for the scan's, the others left out",
                         edge_words[edge_], marks().size(), edge_words[other], index_.marks[other].size());
    });
  }

  /// Lines that are longer than the time between marks would lose the positions at their ends without a word.
  void require_lines_between_marks() const {
    const double line_us = dwell_us_ * scan_.width;
    const double between_us = static_cast<double>(times_.usual_length()) * tpx3_ns / 1000;
    if (dwell_us_ == 0 || line_us <= between_us + dwell_us_ / 2) return;
    throw invalid_argument(
        fmt::format("{}: {} positions of {} us take {} us, but marks, which begin lines, come every {:.6g} us",
                    file_.path().string(), scan_.width, dwell_us_, line_us, between_us));
  }

  [[nodiscard]] scan_shape scan_from(const import_options& options) const {
    const std::string path = file_.path().string();
    const std::uint64_t count = marks().size();
    if (count == 0) {
      if (!options.dwell_us && (!options.scan || options.scan->frames() == 1)) return {1, 1, 1};
      throw invalid_argument(path + ": has no marks of a scan, so that its electrons make one frame alone");
    }
    if (!options.scan) {
      if (options.dwell_us) throw invalid_argument(path + ": the size of the scan is not in the file; give it");
      if (count > std::numeric_limits<std::uint32_t>::max()) throw format_error("has more marks than a scan has positions");
      return {1, static_cast<std::uint32_t>(count), 1};
    }
    const scan_shape& scan = *options.scan;
    if (options.dwell_us && scan.frames_per_position != 1)
      throw invalid_argument(path + ": where marks begin lines, a scan has one frame at each position");
    if (!options.dwell_us && scan.width > 1 && count == scan.height) {
      throw invalid_argument(
          fmt::format("{}: has {} marks, as many as the scan has lines: give the time of a position, too", path, count));
    }
    return scan;
  }

  file_handle file_;
  tpx3_index index_;
  std::size_t edge_;
  scan_shape scan_;
  double cluster_ns_;
  double dwell_us_;
  frame_times times_;
  electron_stream electrons_;
  issue_list issues_;
  std::uint64_t place_ = 0;  ///< frame of the next electron
  bool is_placed_ = false;
  std::uint64_t outside_ = 0;  ///< electrons so far
};

}  // namespace

std::unique_ptr<list_source> open_tpx3(const std::filesystem::path& path, const import_options& options) {
  return std::make_unique<tpx3_lists>(path, options);
}

}  // namespace countem::io
