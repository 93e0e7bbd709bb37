#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string_view>

// Files that countem makes of frames. Their numbers would pass as frames.
namespace countem::io {

enum class own_kind : std::uint8_t { none, event_store, calibration, truth, images, headers };

struct own_file {
  own_kind kind = own_kind::none;
  std::string_view words;  ///< "is a calibration, ..."
};

/// What countem made the file as, by its marks. The caller holds hdf5_lock(). @throws as hdf5_check()
[[nodiscard]] own_file what_countem_made(hid_t file);

}  // namespace countem::io
