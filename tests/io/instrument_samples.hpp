#pragma once

#include <vector>

#include "tests/io/source_samples.hpp"

namespace countem::testing_io {

/// Samples of formats that instruments write (source_samples.hpp).
[[nodiscard]] std::vector<source_sample> instrument_samples();

}  // namespace countem::testing_io
