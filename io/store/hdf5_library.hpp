#pragma once

#include <string>

namespace countem::io {

/// Starts HDF5, which is else done when it is first needed. @throws std::bad_alloc; with too little memory HDF5 1.10 may also
/// print its own words on stderr, or crash
void start_hdf5();

/// Version of the HDF5 library that is linked at run time, as "1.10.8". Safe to call from any thread.
[[nodiscard]] std::string hdf5_version();

}  // namespace countem::io
