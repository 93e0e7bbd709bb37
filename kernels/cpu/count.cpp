// The frame loop of the cpu backend: hits as a bit mask, then components on the hits only. docs/performance.md explains why it
// goes strip by strip.
#include <algorithm>
#include <memory>
#include <vector>

#include <countem/counting.hpp>

#include "kernels/cpu/charge_forms.hpp"
#include "kernels/cpu/component_fill.hpp"
#include "kernels/cpu/component_windows.hpp"
#include "kernels/cpu/event_order.hpp"
#include "kernels/cpu/frame_in_work.hpp"
#include "kernels/cpu/hit_bits.hpp"
#include "kernels/cpu/hit_finder.hpp"
#include "kernels/cpu/peak_candidates.hpp"
#include "kernels/cpu/peak_judge.hpp"
#include "kernels/cpu/peaks.hpp"
#include "kernels/cpu/small_components.hpp"

namespace countem::cpu {

namespace {

/// Rows of raw pixels that one strip keeps in the cache between finding its hits and summing their charges.
constexpr std::size_t strip_bytes = 64 * 1024;
/// Frames that go through the strips side by side, so that limits and darks are fetched once for all of them.
constexpr std::size_t frames_side_by_side = threshold_block<std::uint8_t>::most_frames;

/// Root rows of a strip: with the rows that windows reach above and below, whole groups of eight.
std::uint32_t root_rows_per_strip(frame_shape shape, std::size_t pixel_bytes) {
  const std::size_t groups = strip_bytes / (std::size_t{shape.width} * pixel_bytes * 8);
  const auto rows = static_cast<std::uint32_t>(std::clamp<std::size_t>(groups, 2, 16) * 8);
  return rows - (window::size - 1);
}

/// The events that a pixel of method `counts` stands for: its value, rounded half to even; at most one more than a frame may
/// have. 0 for a NaN, which only a pixel that changed since it was found can be.
template <class Pixel>
std::uint64_t counted_events(Pixel raw) {
  if constexpr (std::is_integral_v<Pixel>) {
    return raw;
  } else {
    if (!(raw > 0)) return 0;
    return static_cast<std::uint64_t>(std::min(round_half_even(raw), static_cast<double>(most_counted_events + 1)));
  }
}

template <class Pixel>
class frame_plan final : public counting_plan, public std::enable_shared_from_this<frame_plan<Pixel>> {
 public:
  explicit frame_plan(const counting_setup& given) : counting_plan(given), prepared(setup()) {
    const counting_method method = setup().options.method;
    if (method == counting_method::peaks) without_charge = pixels_without_charge(setup().calibrated, setup().shape);
    if (method == counting_method::peaks || method == counting_method::maximum)
      beside_none = pixels_beside_none(without_charge, setup().shape);
  }

  [[nodiscard]] std::unique_ptr<counter> make_counter() const override;

  const prepared_calibration<Pixel> prepared;
  hit_bits without_charge;  ///< method peaks, which asks for charges of pixels that are no hits
  hit_bits beside_none;     ///< methods peaks and maximum
};

template <class Pixel>
class frame_counter final : public counter {
 public:
  explicit frame_counter(std::shared_ptr<const frame_plan<Pixel>> plan)
      : plan_(std::move(plan)),
        setup_(plan_->setup()),
        finder_(setup_, plan_->prepared),
        work_(frames_side_by_side, frame_in_work<Pixel>(setup_.shape)),
        root_rows_(root_rows_per_strip(setup_.shape, sizeof(Pixel))),
        windows_(root_rows_, work_.front().hits.stride()),
        order_(setup_.options.upsample == 1 ? setup_.shape : frame_shape{}) {
    if (subtracts_noise(setup_.options)) {
      for (auto& work : work_) work.noise.resize(std::size_t{setup_.shape.height} * 2);
    }
  }

  void count(std::span<const frame_view> frames, event_batch& out) override {
    out.clear();
    for (std::size_t first = 0; first < frames.size(); first += frames_side_by_side) {
      count_side_by_side(frames.subspan(first, std::min(frames_side_by_side, frames.size() - first)), out);
    }
  }

 private:
  void count_side_by_side(std::span<const frame_view> frames, event_batch& out) {
    for (std::size_t i = 0; i < frames.size(); ++i) work_[i].start(frames[i]);
    const std::span<frame_in_work<Pixel>> works = std::span(work_).first(frames.size());
    const std::uint32_t height = setup_.shape.height;
    std::uint32_t ready = 0;
    for (std::uint32_t first = 0; first < height; first += root_rows_) {
      const std::uint32_t last = std::min(first + root_rows_, height);
      const std::uint32_t needed = std::min(last + window::size - 2, height);
      finder_.find(works, ready, needed);
      ready = needed;
      for (frame_in_work<Pixel>& work : works) {
        if (!work.arrived()) continue;
        if (setup_.options.method == counting_method::counts) {
          count_counts(work, first, last);
        } else {
          with_charges(work, [&](const auto& charge_of) { count_strip(work, first, last, charge_of); });
        }
      }
    }
    for (frame_in_work<Pixel>& work : works) {
      with_charges(work, [&](const auto& charge_of) { count_large(work, charge_of); });
      append(work, out);
    }
  }

  /// Calls use(charge_of) with this frame's charges.
  template <class Use>
  void with_charges(const frame_in_work<Pixel>& work, Use use) const {
    std::visit([&](const auto& form) { use(form.bind(work.rows.data(), work.noise.data())); }, plan_->prepared.form);
  }

  template <class ChargeOf>
  void count_strip(frame_in_work<Pixel>& work, std::uint32_t first, std::uint32_t last, const ChargeOf& charge_of) {
    switch (setup_.options.method) {
      case counting_method::cluster: return count_clusters(work, first, last, charge_of);
      case counting_method::maximum: return count_maxima(work, first, last, charge_of);
      case counting_method::peaks: return count_peaks(work, first, last, charge_of);
      case counting_method::pixels: return count_pixels(work, first, last, charge_of);
      case counting_method::counts: return;  // has no charges
    }
  }

  /// The raw rows in which hits will be looked for after those of a strip; as far as they follow each other in memory.
  [[nodiscard]] fetch_ahead next_strip(const frame_in_work<Pixel>& work, std::uint32_t last_root_row) const {
    const std::uint32_t height = setup_.shape.height;
    const std::uint32_t first = last_root_row + window::size - 2;
    if (first >= height || work.rows[first] == nullptr) return {};
    const std::uint32_t last = work.end_of_rows_alike(first, std::min(first + root_rows_, height));
    return {work.rows[first], std::size_t{last - first} * setup_.shape.width * sizeof(Pixel)};
  }

  /// Components that fit a window; the roots of others are put aside.
  template <class ChargeOf>
  void count_clusters(frame_in_work<Pixel>& work, std::uint32_t first, std::uint32_t last, const ChargeOf& charge_of) {
    const counting_options& options = setup_.options;
    fetch_ahead ahead = next_strip(work, last);
    windows_.find({work.hits.row(std::int64_t{first} - 1), work.hits.stride(), last - first}, ahead);
    const strip_windows strip{windows_.roots(),    windows_.hits(),   windows_.size(), first,
                              setup_.shape.height, setup_.shape.width};
    const component_limits limits{setup_.calibrated.xray16, options.min_cluster_size, options.max_cluster_size};
    sum_small_components(strip, charge_of, limits, components_, others_, ahead);
    for (const std::uint32_t i : others_) charge_of.prefetch(first + strip.roots[i].row, strip.roots[i].column);
    for (const std::uint32_t i : others_) {
      const component_root root{first + strip.roots[i].row, strip.roots[i].column};
      if ((strip.hits[i] & window::at_edge) != 0) {
        work.large.push_back(root);
        continue;
      }
      const std::uint32_t window_row = root.row - window::rows_above;
      const std::uint32_t window_column = root.column - window::columns_left;
      std::uint64_t charge = 0;
      std::uint64_t charge_rows = 0;
      std::uint64_t charge_columns = 0;
      std::int32_t brightest = 0;
      for (std::uint64_t left = strip.hits[i]; left != 0; left &= left - 1) {
        const auto bit = static_cast<std::uint32_t>(std::countr_zero(left));
        const std::int32_t here = hit_charge(charge_of, window_row + bit / 8, window_column + bit % 8);
        charge += static_cast<std::uint64_t>(here);
        charge_rows += static_cast<std::uint64_t>(here) * (bit / 8);
        charge_columns += static_cast<std::uint64_t>(here) * (bit % 8);
        brightest = std::max(brightest, here);
      }
      if (brightest >= limits.xray16) {
        ++work.xrays;
      } else if (charge != 0 && limits.hold(strip.hits[i])) {
        components_.add({static_cast<double>(charge), static_cast<double>(charge_rows), static_cast<double>(charge_columns)},
                        i);
      }
    }
    find_events(strip, components_, options.upsample, work.indices);
    if (options.values == event_value::none) return;
    for (std::size_t i = 0; i < components_.count; ++i) {
      const auto charge = static_cast<std::uint64_t>(components_.sums[i].charge);
      const auto size = static_cast<std::uint64_t>(std::popcount(strip.hits[components_.windows[i]]));
      work.values.push_back(kept_value(options.values, charge, size));
    }
  }

  /// Components that do not fit a window, once all hits of the frame are known.
  template <class ChargeOf>
  void count_large(frame_in_work<Pixel>& work, const ChargeOf& charge_of) {
    const counting_options& options = setup_.options;
    for (const component_root root : work.large) {
      // A component may have many roots. The first of them took it out of the mask already, or its window showed it whole.
      if (!work.hits.test(root.row, root.column)) continue;
      const component_sums sums = fill_.take(work.hits, root.row, root.column, charge_of);
      if (sums.first_row != root.row || sums.first_column != root.column) continue;
      if (sums.largest >= setup_.calibrated.xray16) {
        ++work.xrays;
      } else if (sums.charge != 0 && sums.size >= options.min_cluster_size && sums.size <= options.max_cluster_size) {
        const std::uint32_t row = centroid_cell(sums.charge_rows, sums.charge, options.upsample);
        const std::uint32_t column = centroid_cell(sums.charge_columns, sums.charge, options.upsample);
        keep(work, row * (setup_.shape.width * options.upsample) + column, kept_value(options.values, sums.charge, sums.size));
      }
    }
  }

  std::span<const peak_candidate> list_candidates(const frame_in_work<Pixel>& work, std::uint32_t first, std::uint32_t last) {
    const bool whole = std::is_integral_v<Pixel> && work.frame->present == all_sectors;  // no pixel is missing or a NaN
    return candidates_.list(work.hits, first, last, whole ? &plan_->beside_none : nullptr);
  }

  template <class ChargeOf>
  void count_maxima(frame_in_work<Pixel>& work, std::uint32_t first, std::uint32_t last, const ChargeOf& charge_of) {
    const std::int32_t xray16 = setup_.calibrated.xray16;
    const std::span<const peak_candidate> candidates = list_candidates(work, first, last);
    judge(candidates, charge_of, maximum_rule{work.hits, xray16}, next_strip(work, last), judged_);
    for (const judged_peak& peak : judged_) {
      const std::int32_t charge = peak.judged ? peak.charge : hit_charge(charge_of, peak.row, peak.column);
      if (charge >= xray16) {
        ++work.xrays;
      } else if (peak.judged || is_maximum(work.hits, peak.row, peak.column, charge, xray16, charge_of)) {
        const auto value = kept_value(setup_.options.values, static_cast<std::uint64_t>(charge), 1);
        keep(work, peak.row * setup_.shape.width + peak.column, value);
      }
    }
  }

  template <class ChargeOf>
  void count_peaks(frame_in_work<Pixel>& work, std::uint32_t first, std::uint32_t last, const ChargeOf& charge_of) {
    const event_value values = setup_.options.values;
    const std::uint32_t upsample = setup_.options.upsample;
    const bool only_indices = values == event_value::none && upsample == 1;
    const neighbourhoods charges(work, plan_->without_charge, charge_of);
    const peak_rule rule{*setup_.calibrated.score16, setup_.calibrated.xray16};
    judge(list_candidates(work, first, last), charge_of, rule, next_strip(work, last), judged_);
    for (const judged_peak& peak : judged_) {
      if (peak.judged && peak.charge >= rule.xray16) {
        ++work.xrays;
      } else if (peak.judged && only_indices) {
        work.indices.push_back(peak.row * setup_.shape.width + peak.column);
      } else {
        count_peak(work, charges, peak.row, peak.column);
      }
    }
  }

  template <class Charges>
  void count_peak(frame_in_work<Pixel>& work, const Charges& charges, std::uint32_t y, std::uint32_t x) {
    nine_charges nine = charges.around(y, x);
    if (!nine.is_peak()) return;
    nine.drop_no_charges();
    if (nine.middle() >= setup_.calibrated.xray16) {
      ++work.xrays;
    } else if (nine.score() > *setup_.calibrated.score16) {
      const event_value values = setup_.options.values;
      const std::uint32_t k = setup_.options.upsample;
      const std::uint64_t size = values == event_value::size ? charges.hits(y, x) : 0;
      const std::uint32_t row = y * k + nine.cell_row(k);
      keep(work, row * (setup_.shape.width * k) + x * k + nine.cell_column(k), kept_value(values, nine.sum(), size));
    }
  }

  template <class ChargeOf>
  void count_pixels(frame_in_work<Pixel>& work, std::uint32_t first, std::uint32_t last, const ChargeOf& charge_of) {
    work.hits.for_each(first, last, [&](std::uint32_t y, std::uint32_t x) {
      const std::int32_t charge = hit_charge(charge_of, y, x);
      if (charge >= setup_.calibrated.xray16) ++work.xrays;
      keep(work, y * setup_.shape.width + x, kept_value(setup_.options.values, static_cast<std::uint64_t>(charge), 1));
    });
  }

  void count_counts(frame_in_work<Pixel>& work, std::uint32_t first, std::uint32_t last) {
    work.hits.for_each(first, last, [&](std::uint32_t y, std::uint32_t x) {
      const std::uint64_t events = counted_events(work.rows[y][x]);
      require_counted_events(work.indices.size() + events);
      work.indices.insert(work.indices.end(), events, y * setup_.shape.width + x);
    });
  }

  void keep(frame_in_work<Pixel>& work, std::uint32_t index, std::uint32_t value) {
    work.indices.push_back(index);
    if (setup_.options.values != event_value::none) work.values.push_back(value);
  }

  void append(frame_in_work<Pixel>& work, event_batch& out) {
    const counting_options& options = setup_.options;
    const bool found_in_order = options.method != counting_method::cluster && options.upsample == 1;
    if (found_in_order) {
      out.indices.insert(out.indices.end(), work.indices.begin(), work.indices.end());
      out.values.insert(out.values.end(), work.values.begin(), work.values.end());
    } else if (options.values == event_value::none && options.upsample == 1) {
      order_.append_sorted(work.indices, out.indices);
    } else {
      append_sorted_pairs(work, out);
    }
    out.indptr.push_back(out.indices.size());
    out.xrays.push_back(work.xrays);
    out.status.push_back(status_of(*work.frame, work.xrays));
  }

  void append_sorted_pairs(const frame_in_work<Pixel>& work, event_batch& out) {
    const bool values = setup_.options.values != event_value::none;
    keys_.clear();
    for (std::size_t i = 0; i < work.indices.size(); ++i) {
      keys_.push_back((std::uint64_t{work.indices[i]} << 32) | (values ? work.values[i] : 0));
    }
    std::sort(keys_.begin(), keys_.end());
    for (const std::uint64_t key : keys_) {
      out.indices.push_back(static_cast<std::uint32_t>(key >> 32));
      if (values) out.values.push_back(static_cast<std::uint32_t>(key));
    }
  }

  std::shared_ptr<const frame_plan<Pixel>> plan_;
  const counting_setup& setup_;  ///< the plan's
  hit_finder<Pixel> finder_;
  std::vector<frame_in_work<Pixel>> work_;
  std::uint32_t root_rows_;
  component_windows windows_;
  summed_components components_;
  std::vector<std::uint32_t> others_;  // windows
  component_fill fill_;
  peak_candidates candidates_;
  std::vector<judged_peak> judged_;
  event_order order_;
  std::vector<std::uint64_t> keys_;
};

template <class Pixel>
std::unique_ptr<counter> frame_plan<Pixel>::make_counter() const {
  return std::make_unique<frame_counter<Pixel>>(this->shared_from_this());
}

}  // namespace

std::shared_ptr<const counting_plan> make_plan(const counting_setup& setup) {
  switch (setup.type) {
    case pixel_type::u8: return std::make_shared<const frame_plan<std::uint8_t>>(setup);
    case pixel_type::u16: return std::make_shared<const frame_plan<std::uint16_t>>(setup);
    case pixel_type::u32: return std::make_shared<const frame_plan<std::uint32_t>>(setup);
    case pixel_type::f32: return std::make_shared<const frame_plan<float>>(setup);
  }
  return nullptr;
}

std::unique_ptr<counter> make_counter(const counting_setup& setup) {
  return make_plan(setup)->make_counter();
}

}  // namespace countem::cpu
