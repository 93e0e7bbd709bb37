#pragma once

#include <string>
#include <vector>

#include <countem/types.hpp>

#include "io/hdf5/handle.hpp"

namespace countem::io {

/// The datasets in a file that hold the frames of a scan.
struct frame_datasets {
  std::vector<std::string> paths;  ///< in scan order; not empty
  bool are_numbered = false;       ///< runs of the scan named by number (data_000001), of which links may lead nowhere
};

/// Finds them. `wanted` names a dataset, or a group to look in; empty: the conventions of the file's writer are tried in this
/// order: numbered runs (DECTRIS), NeXus default plot, images of Velox, EMD groups (0.1: emd_group_type = 1, 1.0: "array"),
/// NXdata and NXdetector, images of Digital Micrograph (DM5; those with more than two axes, else those with two that are no
/// thumbnails), the only dataset of 3 to 5 axes whose frames have at least 4 rows and columns, the only one of 2 axes. `name`
/// is the file's, for sentences. Holds hdf5_lock().
/// `image`: one of this shape is wanted, for sentences.
/// @throws format_error naming the choices where there are several.
[[nodiscard]] frame_datasets find_frame_datasets(hid_t file, const std::string& wanted, const std::string& name,
                                                 const std::optional<frame_shape>& image = {});

/// Path of the dataset that holds one image of this shape, in two axes or with others of length 1 before them; of several the
/// sum that `countem reduce` wrote. Empty where there is none. Holds hdf5_lock(). @throws format_error naming the choices where
/// there are several.
[[nodiscard]] std::string find_image_dataset(hid_t file, frame_shape shape, const std::string& name);

}  // namespace countem::io
