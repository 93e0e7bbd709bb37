#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"
#include "io/sources/source_issues.hpp"

// Digital Micrograph's DM5: the tags of DM4 as groups and attributes, the pixels of image K as the dataset
// /ImageList/[K]/ImageData/Data. Its last axis is x, from which Dimensions and Calibrations count. Callers hold hdf5_lock().
namespace countem::io {

/// Whether the pixels of an image lie at this absolute path.
[[nodiscard]] bool is_dm5_image(const std::string& path);

/// Paths of the pixels of thumbnails: of the images that /Thumbnails names, else of the first image; none where a file has one
/// image.
[[nodiscard]] std::vector<std::string> dm5_thumbnails(hid_t file);

/// The tag "Data Order Swapped" of the image: of four axes those of the scan come first where it is set, those of the detector
/// where it is not. Empty where there is none. @throws format_error when it is neither
[[nodiscard]] std::optional<bool> dm5_order_swapped(hid_t file, const std::string& path);

/// `name` is the file's. A DataType of another sign than the dataset's becomes an issue.
/// @throws format_error where Dimensions, DataType or PixelDepth contradict the dataset, which is the image's pixels at `path`;
/// where these are no real numbers; where the image is a spectrum image
void check_dm5_image(hid_t file, const std::string& path, hid_t dataset, const std::filesystem::path& name, issue_list& issues);

}  // namespace countem::io
