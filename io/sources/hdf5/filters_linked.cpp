#include "io/sources/hdf5/filters.hpp"

#include <countem/error.hpp>

extern "C" int bshuf_register_h5filter();  // of the library bitshuffle

namespace countem::io {

void find_filters() {
  static const bool registered = bshuf_register_h5filter() >= 0;
  if (!registered) throw io_error("HDF5 does not accept the filter bitshuffle");
}

std::string advice_on_filter(H5Z_filter_t /*missing*/) {
  return "set HDF5_PLUGIN_PATH to the folder that holds its HDF5 plugin, or write the file again with gzip (h5repack)";
}

}  // namespace countem::io
