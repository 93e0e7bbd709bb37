#include <countem/coincidence.hpp>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <countem/error.hpp>

#include "host/analysis/dead_area.hpp"
#include "host/analysis/false_events.hpp"
#include "host/engine/threads.hpp"

namespace countem {

namespace {

using namespace analysis;

/// Neighbours in the ring beyond which the expansion of the weights is not continued; densities that make so many are not
/// sound.
constexpr std::size_t most_neighbours = 256;
constexpr int terms = 8;  ///< of the expansion: exact to 1e-4 at a loss of 20 %

/// Neighbours of every event of a batch.
std::vector<neighbours> neighbours_of(const event_batch& batch, frame_shape shape, const neighbourhood& around,
                                      unsigned threads) {
  std::vector<neighbours> found(batch.indices.size());
  engine::run_with(threads, [&] {
    oneapi::tbb::parallel_for(oneapi::tbb::blocked_range<std::size_t>(0, batch.frames(), 32), [&](const auto& range) {
      neighbour_counter counter(shape, around);
      for (std::size_t f = range.begin(); f < range.end(); ++f)
        std::ranges::copy(counter.count(batch.events(f)), found.begin() + static_cast<std::ptrdiff_t>(batch.indptr[f]));
    });
  });
  return found;
}

/// [neighbours in the ring] what an event counts for.
std::vector<double> weights_for(double area, const neighbourhood& around) {
  const double each = area / (2.0 * around.ring_area);
  std::vector<double> weights(most_neighbours);
  for (std::size_t k = 0; k < weights.size(); ++k) {
    double product = 1;  // each^i k (k - 1) ... (k - i + 1) / i!
    for (int i = 0; i <= terms; ++i) {
      weights[k] += std::pow(i + 1.0, i - 1.0) * product;
      product *= each * (static_cast<double>(k) - i) / (i + 1.0);
    }
  }
  return weights;
}

std::vector<std::uint64_t> sum_of(const event_store& store, const scan_window& window, const reading_options& reading) {
  std::vector<std::uint64_t> sum(store.description().shape.pixels());
  for_batches(store, window, reading, [&](const event_batch& batch) {
    for (const std::uint32_t index : batch.indices) ++sum[index];
  });
  return sum;
}

dead_area measured(const event_store& store, const scan_window& window, const neighbourhood& around,
                   const reading_options& reading) {
  const store_description& described = store.description();
  const rate_classes classes = classes_of(sum_of(store, window, reading), described.shape, around);
  pair_statistics pairs(classes);
  const std::uint64_t frames = inside(described.scan, window).frames();
  for_batches(store, window, reading, [&](const event_batch& batch) {
    const std::vector<neighbours> found = neighbours_of(batch, described.shape, around, reading.threads);
    for (std::size_t f = 0; f < batch.frames(); ++f) {
      const auto part = static_cast<std::size_t>((batch.first_frame + f) * pair_statistics::parts / frames);
      for (std::uint64_t e = batch.indptr[f]; e < batch.indptr[f + 1]; ++e) pairs.add(part, batch.indices[e], found[e]);
    }
  });
  return pairs.measure(around);
}

void in_pixels(dead_area& area, double cell) {
  area.area *= cell * cell;
  area.error *= cell * cell;
  area.local_rate /= cell * cell;
}

/// What one detector has at one position.
struct position_sums {
  double events = 0;
  double weighted = 0;
  double neighbours = 0;  ///< in the rings of its events
  double noise = 0;       ///< expected events of noise
  bool arrived = false;   ///< a frame of it did
};

/// Corrected counts of one detector. Where the loss is too large is counted, not cut out: chance decides near the limit, and
/// what it left would be too low on average.
corrected_counts corrected(const std::vector<position_sums>& positions, double per_neighbour) {
  corrected_counts counts;
  double events = 0;
  double weighted = 0;
  // Lost e^-y of n, y = A n / 2, in terms of the events: A m / 2 = y e^-y.
  const double most = -std::log(1 - most_correctable_loss) * (1 - most_correctable_loss);
  for (const position_sums& at : positions) {
    events += at.events;
    weighted += at.weighted;
    const double local = at.events > 0 ? per_neighbour * at.neighbours / at.events : 0;
    const double error = at.events > 0 ? per_neighbour * std::sqrt(2 * at.neighbours) / at.events : 0;
    counts.beyond += local - 3 * error > most ? 1 : 0;
    counts.false_events += at.noise;
    counts.counts.push_back(at.arrived ? at.weighted - at.noise : std::numeric_limits<double>::quiet_NaN());
  }
  counts.loss = weighted > 0 ? 1 - events / weighted : 0;
  return counts;
}

}  // namespace

coincidence_result correct_coincidences(const event_store& store, const detector_masks& masks, const scan_window& window,
                                        const reading_options& reading) {
  const store_description& described = store.description();
  validate(window, described.scan);
  if (masks.detectors != 0 && masks.shape != described.shape)
    throw invalid_argument("detectors were made for frames of another shape");
  const double cell = described.geometry.row.step;
  const neighbourhood around(cell);
  coincidence_result result;
  result.area = measured(store, window, around, reading);
  const double area_cells = result.area.area;
  in_pixels(result.area, cell);
  if (!result.area.is_found) return result;

  const std::vector<double> weights = weights_for(area_cells, around);
  const scan_shape scan = inside(described.scan, window);
  const false_events noise(described, masks);
  result.false_events_known = noise.are_known();
  std::vector<std::vector<position_sums>> sums(masks.detectors + 1, std::vector<position_sums>(scan.positions()));
  for_batches(store, window, reading, [&](const event_batch& batch) {
    const std::vector<neighbours> found = neighbours_of(batch, described.shape, around, reading.threads);
    for (std::size_t f = 0; f < batch.frames(); ++f) {
      const std::uint64_t position = (batch.first_frame + f) / scan.frames_per_position;
      if (has_arrived(batch.status[f])) {
        for (std::size_t d = 0; d < sums.size(); ++d) {
          sums[d][position].arrived = true;
          sums[d][position].noise += noise.in(d, batch.status[f]);
        }
      }
      for (std::uint64_t e = batch.indptr[f]; e < batch.indptr[f + 1]; ++e) {
        const double weight = weights[std::min<std::size_t>(found[e].ring, most_neighbours - 1)];
        const auto add = [&](std::size_t detector) {
          position_sums& to = sums[detector][position];
          to.events += 1;
          to.weighted += weight;
          to.neighbours += found[e].ring;
        };
        for (std::size_t d = 0; d < masks.detectors; ++d) {
          if (masks.contains(d, batch.indices[e])) add(d);
        }
        add(masks.detectors);
      }
    }
  });
  const double per_neighbour = area_cells / (2.0 * around.ring_area);
  for (const std::vector<position_sums>& positions : sums) {
    result.detectors.push_back(corrected(positions, per_neighbour));
    result.detectors.back().false_events_error = noise.relative_error() * result.detectors.back().false_events;
  }
  return result;
}

}  // namespace countem
