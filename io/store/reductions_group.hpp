#pragma once

#include <hdf5.h>

#include <span>

#include <countem/saved_image.hpp>

namespace countem::io {

/// Makes the group /reductions with a dataset for each image, with its attributes but without its values: they are 0 until they
/// are filled in.
/// @throws io_error
void make_reductions(hid_t file, std::span<const saved_image> images);

/// Writes or replaces the attributes of images whose datasets were made. No reader may follow the file. @throws io_error
void describe_reductions(hid_t file, std::span<const saved_image> images);

/// Writes the values of images whose datasets were made. Readers may follow the file. @throws io_error, format_error
void fill_reductions(hid_t file, std::span<const saved_image> images);

/// Both. @throws io_error
void write_reductions(hid_t file, std::span<const saved_image> images);

}  // namespace countem::io
