#include "io/sources/hdf5/filters.hpp"

#include <fmt/format.h>

namespace countem::io {

void find_filters() {
  H5PLappend(COUNTEM_HDF5_PLUGINS);  // also where the environment's own plugin path replaces the library's
}

std::string advice_on_filter(H5Z_filter_t missing) {
  constexpr H5Z_filter_t bitshuffle = 32008;
  return missing == bitshuffle
             ? fmt::format("install the package bitshuffle (it puts libh5bshuf.so into {})", COUNTEM_HDF5_PLUGINS)
             : fmt::format("install its HDF5 plugin into {} or set HDF5_PLUGIN_PATH", COUNTEM_HDF5_PLUGINS);
}

}  // namespace countem::io
