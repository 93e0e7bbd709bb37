#include "host/analysis/aligned_spectra.hpp"

#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "host/engine/poisson_grid.hpp"
#include "host/engine/threads.hpp"

namespace countem::analysis {

namespace {

using complex = std::complex<double>;

/// Waves of fewer cycles over the scan are drift and the window.
constexpr double slowest_cycles = 1.5;

double edge(std::size_t position, std::size_t length, double taper) {
  const double from_edge = std::min(static_cast<double>(position) + 0.5, static_cast<double>(length - position) - 0.5);
  if (from_edge >= taper) return 1;
  return 0.5 - 0.5 * std::cos(std::numbers::pi * from_edge / taper);
}

/// Counts minus the mean of the frames that each position has.
std::vector<double> contrast_of(std::span<const std::uint32_t> counts, std::span<const std::uint32_t> frames) {
  double electrons = 0;
  double all_frames = 0;
  for (std::size_t p = 0; p < counts.size(); ++p) {
    electrons += counts[p];
    all_frames += frames[p];
  }
  const double mean = all_frames > 0 ? electrons / all_frames : 0;
  std::vector<double> contrast(counts.size());
  for (std::size_t p = 0; p < counts.size(); ++p) contrast[p] = counts[p] - mean * frames[p];
  return contrast;
}

/// The image moved by whole positions, times the window; `moved` is height x width with the scan in its corner.
void move_by(const std::vector<double>& contrast, const scan_shape& scan, long rows, long columns,
             const std::vector<double>& window, std::size_t width, std::vector<double>& moved) {
  std::fill(moved.begin(), moved.end(), 0.0);
  const long height = scan.height;
  const long scan_width = scan.width;
  for (long r = std::max(0L, rows); r < std::min(height, height + rows); ++r) {
    const double* const from = contrast.data() + (r - rows) * scan_width - columns;
    const double* const factors = window.data() + r * scan_width;
    double* const to = moved.data() + static_cast<std::size_t>(r) * width;
    for (long c = std::max(0L, columns); c < std::min(scan_width, scan_width + columns); ++c) to[c] = from[c] * factors[c];
  }
}

/// The rest of the displacement as a phase ramp.
void ramp(std::span<const complex> spectrum, const scan_transform& transform, complex shift, double slowest,
          std::span<aligned_spectra::stored> out) {
  const double turn = -2 * std::numbers::pi;
  std::vector<complex> along_columns(transform.half());
  for (std::size_t c = 0; c < transform.half(); ++c)
    along_columns[c] = std::polar(1.0, turn * shift.imag() * transform.column_frequency(c));
  for (std::size_t r = 0; r < transform.height(); ++r) {
    const double row_frequency = transform.row_frequency(r);
    const complex along_rows = std::polar(1.0, turn * shift.real() * row_frequency);
    for (std::size_t c = 0; c < transform.half(); ++c) {
      const std::size_t at = r * transform.half() + c;
      const bool kept = std::hypot(row_frequency, transform.column_frequency(c)) >= slowest;
      out[at] = kept ? aligned_spectra::stored(spectrum[at] * along_rows * along_columns[c]) : aligned_spectra::stored(0);
    }
  }
}

}  // namespace

std::vector<double> edge_window(const scan_shape& scan, double taper) {
  std::vector<double> window;
  window.reserve(scan.positions());
  for (std::size_t r = 0; r < scan.height; ++r) {
    for (std::size_t c = 0; c < scan.width; ++c) window.push_back(edge(r, scan.height, taper) * edge(c, scan.width, taper));
  }
  return window;
}

aligned_spectra::aligned_spectra(const group_images& images)
    : images_(images), height_(engine::fast_length(images.scan.height)), width_(engine::fast_length(images.scan.width)) {
  size_ = transform().size();
  spectra_.resize(images.groups * size_);
}

void aligned_spectra::align(std::span<const complex> shifts, double taper, unsigned threads) {
  struct scratch {
    scan_transform transform;
    std::vector<double> moved;
    std::vector<complex> spectrum;
  };
  oneapi::tbb::enumerable_thread_specific<scratch> of_threads([&] {
    return scratch{transform(), std::vector<double>(height_ * width_), std::vector<complex>(size_)};
  });
  const std::vector<double> window = edge_window(images_.scan, taper);
  const double slowest = slowest_cycles / static_cast<double>(std::min(images_.scan.height, images_.scan.width));
  engine::run_with(threads, [&] {
    oneapi::tbb::parallel_for(std::size_t{0}, images_.groups, [&](std::size_t g) {
      scratch& mine = of_threads.local();
      const complex whole(std::round(shifts[g].real()), std::round(shifts[g].imag()));
      move_by(contrast_of(images_.image(g), images_.frames), images_.scan, std::lround(whole.real()), std::lround(whole.imag()),
              window, width_, mine.moved);
      mine.transform.forward(mine.moved, mine.spectrum);
      ramp(mine.spectrum, mine.transform, shifts[g] - whole, slowest, std::span(spectra_).subspan(g * size_, size_));
    });
  });
}

}  // namespace countem::analysis
