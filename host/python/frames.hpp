#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <countem/array_frames.hpp>
#include <countem/frame_source.hpp>

#include "host/python/desk.hpp"

namespace countem::python {

/// How frames will be read, which decides how much an array is asked for at a time.
enum class reading { here_and_there, in_order };

/// Raw frames as Python code holds them: of files, or of an array that Python code reads. Immutable.
class raw_frames {
 public:
  explicit raw_frames(std::unique_ptr<frame_source> opened);
  /// `read(first, array)` puts frames [first, first + len(array)) into a numpy array. `unit`: so many frames lie together.
  /// @throws as open_array()
  raw_frames(array_frames array, nanobind::object read, std::uint64_t unit, const source_options& options);

  [[nodiscard]] const source_info& info() const { return info_; }

  /// The frames for work that this desk serves; they must be gone before the desk and this object. Without the GIL.
  [[nodiscard]] std::shared_ptr<const frame_source> open(desk& serving, reading how, unsigned threads) const;

 private:
  std::shared_ptr<const frame_source> opened_;  ///< null for an array
  source_info info_;
  array_frames array_;
  nanobind::object read_;
  std::uint64_t unit_ = 1;
  source_options options_;
};

}  // namespace countem::python
