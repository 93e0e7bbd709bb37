#pragma once

#include <hdf5.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <countem/saved_image.hpp>

#include "io/hdf5/handle.hpp"

namespace countem::io {

/// Writes the values of an image into its dataset as they come, in row-major order: whole chunks, so that none is compressed
/// twice.
class image_writer {
 public:
  /// `location`: the file; `path`: of the dataset, which is made by then.
  image_writer(hid_t location, const std::string& path, const std::vector<std::uint64_t>& extent);

  /// Takes the values that follow. @throws io_error; invalid_argument where there are more than the image has
  void put(std::span<const double> values);
  /// Closes the dataset. @throws io_error; invalid_argument where values lack
  void finish();

 private:
  void write_block();
  [[nodiscard]] std::size_t block_elements() const;

  std::string what_;
  hdf5_handle dataset_;
  std::vector<hsize_t> extent_;
  std::vector<hsize_t> chunk_;
  hsize_t inner_ = 1;   ///< elements of a position of the first two axes
  hsize_t row_ = 0;     ///< of the next block, axis 0
  hsize_t column_ = 0;  ///< axis 1
  std::vector<double> block_;
};

}  // namespace countem::io
