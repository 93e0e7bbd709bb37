#pragma once

#include <string>
#include <vector>

#include <countem/types.hpp>

#include "io/hdf5/handle.hpp"

namespace countem::io {

/// Paths of the datasets in an open file that hold the frames, in scan order. One, or the segments of a DECTRIS master file
/// (/entry/data/data_000001 and on), of which some may be missing behind their external links.
/// `wanted` names a dataset, or a group to look in; empty: the file's own conventions are tried in this order: DECTRIS
/// segments, NeXus default plot, EMD groups (0.1: emd_group_type = 1, 1.0: "array"), the only dataset of 3 to 5 axes. `name` is
/// the file's, for sentences. Holds hdf5_lock(). @throws format_error naming the choices where there are several.
[[nodiscard]] std::vector<std::string> find_frame_datasets(hid_t file, const std::string& wanted, const std::string& name);

/// Path of the dataset that holds one image of this shape, in two axes or with others of length 1 before them; of several the
/// sum that `countem reduce` wrote. Empty where there is none. Holds hdf5_lock(). @throws format_error naming the choices where
/// there are several.
[[nodiscard]] std::string find_image_dataset(hid_t file, frame_shape shape, const std::string& name);

}  // namespace countem::io
