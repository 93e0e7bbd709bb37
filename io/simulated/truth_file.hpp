#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <countem/simulate.hpp>

#include "io/files/output_file.hpp"

namespace countem::io {

/// Writes a truth file, frames in any order and from several threads, in memory bounded by 8 bytes per frame.
///
/// Layout (HDF5, all datasets contiguous, so that h5py can map them):
///   /                     attributes: truth_version = 1, the simulation's options by name
///   /electrons/indptr     u64, frames + 1: frame n's electrons are [indptr[n], indptr[n + 1])
///   /electrons/rows, columns, charges_adu     f32, one an electron
///   /detector/baseline_adu                    f32 (height, width)
///   /detector/hot_pixels                      u32 linear indices
class truth_writer {
 public:
  /// `indptr`: where each frame's electrons go. @throws io_error
  truth_writer(const std::filesystem::path& path, const output_rules& rules, const simulation_options& options,
               std::vector<std::uint64_t> indptr, const std::vector<float>& baseline_adu,
               const std::vector<std::uint32_t>& hot_pixels);

  /// `electrons` holds those of this frame alone. @throws invalid_argument when their number differs from that of indptr;
  /// io_error
  void write(std::uint64_t frame, const simulated_truth& electrons) const;

  /// Gives the file its name. @throws io_error
  void finish() { output_.finish(); }

 private:
  std::vector<std::uint64_t> indptr_;
  output_file output_;
  std::uint64_t rows_at_ = 0;  ///< bytes from the file's start
  std::uint64_t columns_at_ = 0;
  std::uint64_t charges_at_ = 0;
};

}  // namespace countem::io
