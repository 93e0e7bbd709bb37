#include <countem/store_reduction.hpp>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <countem/error.hpp>
#include <countem/ranks.hpp>
#include <countem/reduction_passes.hpp>
#include <countem/scan_reducer.hpp>
#include <countem/work.hpp>

#include "host/engine/store_part.hpp"
#include "host/engine/store_profiles.hpp"

namespace countem {

namespace {

/// So many frames at least are read by a rank at a time.
constexpr std::uint64_t least_dealt_frames = 256;

void read_into(scan_reducer& reducer, const event_store& store, const copy_plan& part, const reading_options& reading) {
  engine::for_part_batches(store, part, reading, [&](const event_batch& events) { reducer.add(events); });
}

scan_reducer reducer_for(const event_store& store, const reduction_plan& plan, const copy_plan& part, backend which,
                         unsigned threads) {
  const result_axes axes = axes_of_copy(store.description(), part);
  return {in_cells(plan, axes.geometry), axes.grid, axes.scan, which, threads};
}

/// Readings of all frames by all ranks.
class shared_passes {
 public:
  shared_passes(const event_store& store, const copy_plan& part, backend which, const reading_options& reading, ranks& all)
      : store_(store),
        part_(part),
        which_(which),
        reading_(reading),
        all_(all),
        frames_(axes_of_copy(store.description(), part).scan.frames()) {}

  /// Rank 0 gets the result; all get the sum of all frames, on which the beam is found.
  [[nodiscard]] reduction_result run(const reduction_plan& plan) {
    scan_reducer reducer = reducer_for(store_, plan, part_, which_, reading_.threads);
    ranks::dealer dealer = all_.deal({{0, frames_}});
    all_.together([&] {
      if (can_be_divided()) {
        read_dealt(dealer, reducer);
      } else if (all_.is_first()) {
        read_into(reducer, store_, part_, reading_);
      }
    });
    all_.together([&] { reducer.add_over_ranks(all_.all()); });
    reduction_result result = reducer.take();
    share(result);
    return result;
  }

 private:
  [[nodiscard]] bool can_be_divided() const {
    const bool with_values = store_.description().options.values != event_value::none;
    return engine::keeps_all_pixels(store_, part_) || (part_.scan_bin == 1 && !with_values);
  }

  /// Rank 0 shows what all have read.
  void read_dealt(ranks::dealer& dealer, scan_reducer& into) {
    const std::uint64_t before = std::exchange(read_before_, read_before_ + frames_);
    work progress("reading", "frames", frames_);
    std::uint64_t shown = 0;
    reading_options some = reading_;
    for (frame_range next = dealer.next(least_dealt_frames); next.frames() != 0; next = dealer.next(least_dealt_frames)) {
      some.only = next;
      read_into(into, store_, part_, some);
      all_.advance(next.frames(), 0);
      if (all_.is_asked_to_stop()) throw interrupted("interrupted; nothing was written");
      if (!all_.is_first()) continue;
      const std::uint64_t done = all_.done().first - before;
      progress.advance(done - std::exchange(shown, done));
    }
  }

  void share(reduction_result& result) const {
    constexpr std::size_t word = sizeof(std::uint64_t);
    std::vector<std::uint64_t> numbers = result.sum;
    numbers.insert(numbers.end(), {result.frames, result.incomplete_frames, result.missing_frames});
    const std::string bytes = all_.all().broadcast({reinterpret_cast<const char*>(numbers.data()), numbers.size() * word});
    std::memcpy(numbers.data(), bytes.data(), bytes.size());
    result.missing_frames = numbers.back();
    result.incomplete_frames = numbers[numbers.size() - 2];
    result.frames = numbers[numbers.size() - 3];
    numbers.resize(result.sum.size());
    result.sum = std::move(numbers);
  }

  const event_store& store_;
  const copy_plan& part_;
  backend which_;
  const reading_options& reading_;
  ranks& all_;
  std::uint64_t frames_;
  std::uint64_t read_before_ = 0;  ///< by all ranks in earlier passes
};

}  // namespace

bool engine::keeps_all_pixels(const event_store& store, const copy_plan& part) {
  return part.bin == 1 && part.scan_bin == 1 && part.detector.shape == store.description().shape;
}

void engine::for_part_batches(const event_store& store, const copy_plan& part, const reading_options& reading,
                              const std::function<void(const event_batch&)>& visit) {
  if (keeps_all_pixels(store, part)) {
    for_batches(store, part.scan, reading, visit);
  } else {
    for_copied_batches(store, part, reading, visit);
  }
}

reduction_result reduce_pass(const event_store& store, const reduction_plan& plan, const copy_plan& part, backend which,
                             const reading_options& reading) {
  scan_reducer reducer = reducer_for(store, plan, part, which, reading.threads);
  read_into(reducer, store, part, reading);
  return reducer.take();
}

found_beam beam_of(const event_store& store, const reduction_result& summed, const reading_options& reading,
                   std::span<const std::uint8_t> excluded) {
  const copy_plan all = whole(store.description());
  reduction_plan plan;
  plan.excluded.assign(excluded.begin(), excluded.end());
  return beam_in_passes(plan, axes_of_copy(store.description(), all), masked_in_copy(store.description(), all), summed,
                        [&](const reduction_plan& asked, reduction_pass pass) {
                          return reduce_pass(store, plan_of_pass(asked, pass), all, backend::cpu, reading);
                        });
}

reduced_store reduce_store(const event_store& store, const reduction_plan& plan, const copy_plan& part, backend which,
                           const reading_options& reading) {
  return reduce_in_passes(plan, axes_of_copy(store.description(), part), masked_in_copy(store.description(), part),
                          [&](const reduction_plan& asked, reduction_pass pass) {
                            return reduce_pass(store, plan_of_pass(asked, pass), part, which, reading);
                          });
}

copy_plan whole(const store_description& store) {
  return {whole(store.scan), {0, 0, store.shape}, 1, 1};
}

reduced_store reduce_store(const event_store& store, const reduction_plan& plan, const copy_plan& part, backend which,
                           const reading_options& reading, ranks& all) {
  if (all.is_alone()) return reduce_store(store, plan, part, which, reading);
  shared_passes passes(store, part, which, reading, all);
  return reduce_in_passes(
      plan, axes_of_copy(store.description(), part), masked_in_copy(store.description(), part),
      [&](const reduction_plan& asked, reduction_pass pass) { return passes.run(plan_of_pass(asked, pass)); });
}

namespace {

/// A plan in which nothing is left to read frames for.
bool reads_nothing(const reduction_plan& plan, reduction_pass pass) {
  return pass == reduction_pass::around_centre && plan.detectors.empty() && !plan.centre_of_mass;
}

}  // namespace

std::uint32_t profile_rings(const reduction_plan& plan, const result_axes& axes) {
  return engine::rings_of(plan, axes).rings;
}

reduced_store reduce_store_for_files(const event_store& store, const reduction_plan& plan, const copy_plan& part, backend which,
                                     const reading_options& reading, ranks& all, std::uint64_t held_bytes) {
  const result_axes axes = axes_of_copy(store.description(), part);
  if (!plan.radial) return reduce_store(store, plan, part, which, reading, all);
  const std::uint32_t rings = profile_rings(plan, axes);
  if (axes.scan.positions() * rings * sizeof(std::uint64_t) <= held_bytes)
    return reduce_store(store, plan, part, which, reading, all);

  shared_passes passes(store, part, which, reading, all);
  reduced_store reduced = reduce_in_passes(
      plan, axes, masked_in_copy(store.description(), part), [&](const reduction_plan& asked, reduction_pass pass) {
        reduction_plan others = plan_of_pass(asked, pass);
        others.radial = false;
        if (reads_nothing(others, pass)) return reduction_result{};
        return all.is_alone() ? reduce_pass(store, others, part, which, reading) : passes.run(others);
      });
  reduced.result.rings = profile_rings(reduced.plan, axes);
  reduced.profiles = engine::profiles_of_store(store, reduced.plan, part, which, reading);
  return reduced;
}

}  // namespace countem
