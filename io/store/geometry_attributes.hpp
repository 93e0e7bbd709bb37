#pragma once

#include <hdf5.h>

#include <countem/store_geometry.hpp>

// The attributes that keep a store's geometry: in the store itself and in the exports that have a place for them
// (docs/event_store.md). Callers hold hdf5_lock().
namespace countem::io {

/// @throws io_error
void write_geometry(hid_t object, const store_geometry& geometry);

/// Whether the object has attributes of write_geometry().
[[nodiscard]] bool has_geometry(hid_t object);
/// Not checked: validate() does that. @throws format_error
[[nodiscard]] store_geometry read_geometry(hid_t object);

}  // namespace countem::io
