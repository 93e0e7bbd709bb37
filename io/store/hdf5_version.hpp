#pragma once

#include <string>

namespace countem::io {

/// Version of the HDF5 library that is linked at run time, as "1.10.8". Safe to call from any thread.
[[nodiscard]] std::string hdf5_version();

}  // namespace countem::io
