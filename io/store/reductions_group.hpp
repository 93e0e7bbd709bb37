#pragma once

#include <hdf5.h>

#include <span>

#include <countem/saved_image.hpp>

namespace countem::io {

/// Writes images into the group /reductions, which is made where it is not there. @throws io_error
void write_reductions(hid_t file, std::span<const saved_image> images);

}  // namespace countem::io
