#pragma once

#include <hdf5.h>

#include <string>
#include <vector>

#include <countem/event_store.hpp>

// How the axes of the dense form are labelled for other programs. Callers hold hdf5_lock().
namespace countem::io {

/// Names another path for an object of the file. @throws io_error
void add_link(hid_t file, const std::string& target, const std::string& name);

/// A dataset of coordinates per axis of layout::axis_names(), at these paths, with `name` and `units`: mrad and nm where they
/// are known, else pixels. @throws io_error
void write_axes(hid_t file, const store_description& description, const std::vector<std::string>& paths);

/// NeXus: /entry/data shows the dataset and its axes, and viewers draw it at once. @throws io_error
void link_plot(hid_t file, const store_description& description, const std::string& data,
               const std::vector<std::string>& axis_paths);

}  // namespace countem::io
