#pragma once

#include <hdf5.h>

#include <string>

namespace countem::io {

/// Makes known to HDF5 what this build reads beyond HDF5's own filters: plugins where they are installed (filters_plugins.cpp),
/// or what is linked in (filters_linked.cpp). The HDF5 lock must be held.
void find_filters();

/// What to do about a filter that HDF5 lacks, after find_filters().
[[nodiscard]] std::string advice_on_filter(H5Z_filter_t missing);

}  // namespace countem::io
