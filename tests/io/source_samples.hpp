#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/io/source_fixture.hpp"

namespace countem::testing_io {

/// A known scan of one format: what a format contributes to the suite that every source runs
/// (conformance_test.cpp). Frame n holds pattern_frame(n).
struct source_sample {
  std::string name;
  input_format format;
  frame_shape shape{};
  pixel_type type = pixel_type::u16;
  /// Writes the scan below `directory` (made if absent) and returns the files.
  std::function<std::vector<fs::path>(const fs::path& directory, const scan_shape& scan)> write{};
  /// Writes a file whose header claims sizes that no file of its length can have. Empty: the format has no header.
  std::function<fs::path(const fs::path& directory)> write_absurd{};

  bool describes_itself = true;       ///< there are bytes that are no file of this format
  bool knows_scan = true;             ///< the files hold the size of the scan; else it is one line
  bool found_out = true;              ///< the format need not be named
  bool shown_in_place = true;         ///< frames can be used where the page cache holds them
  bool opens_when_cut = true;         ///< a file that lost its end is read up to there; else it is refused
  std::vector<std::string> issues{};  ///< kinds that even a sound scan of this format has

  /// The format named, and described where it does not describe itself.
  [[nodiscard]] source_options options() const;

  friend void PrintTo(const source_sample& sample, std::ostream* out) { *out << sample.name; }
};

/// At least one for each of input_formats().
[[nodiscard]] const std::vector<source_sample>& source_samples();

}  // namespace countem::testing_io
