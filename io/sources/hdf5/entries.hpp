#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// Dense HDF5: frames as datasets (find.hpp defines which dataset is taken).
[[nodiscard]] const source_format& dense_hdf5();

}  // namespace countem::io
