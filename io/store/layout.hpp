#pragma once

#include <hdf5.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <countem/event_store.hpp>

#include "io/deflate/frame.hpp"
#include "io/hdf5/handle.hpp"
#include "io/store/virtual_frames.hpp"

// Names and shapes in the HDF5 file, shared by writer, reader and the tools; docs/event_store.md is the specification.
namespace countem::io::layout {

inline constexpr const char* counts_group = "/electron_counts";
inline constexpr const char* data = "/electron_counts/data";
inline constexpr const char* counts = "/electron_counts/counts";
inline constexpr const char* status = "/electron_counts/status";
inline constexpr const char* xrays = "/electron_counts/xrays";
inline constexpr const char* calibration_group = "/calibration";
inline constexpr const char* provenance_group = "/provenance";
inline constexpr const char* recovery_record = "/recovery_record";
inline constexpr std::int64_t format_version = 1;

/// (scan_y, scan_x[, repeat], row, column).
[[nodiscard]] std::vector<hsize_t> data_extent(const store_description& description);
/// One frame: (1, 1[, 1], height, width).
[[nodiscard]] std::vector<hsize_t> chunk_extent(const store_description& description);
/// Offset of a frame's chunk in the dataset.
[[nodiscard]] std::vector<hsize_t> chunk_offset(const scan_shape& scan, std::uint64_t frame);
/// Names of the axes of data_extent().
[[nodiscard]] std::vector<std::string> axis_names(const scan_shape& scan);

/// @throws invalid_argument when the description contradicts itself or does not fit an HDF5 chunk.
void validate(const store_description& description, bool wide_counts);

/// Groups, datasets, attributes and links of an empty store, or of one whose frames lie `elsewhere`.
void create(hid_t file, const store_description& description, bool wide_counts,
            std::span<const frames_elsewhere> elsewhere = {});

/// The part of it that describes the store, without the events: also what a recovery record holds.
void create_description(hid_t file, const store_description& description, unsigned element_bytes);

/// Adds to the provenance's list of what is wrong with the input. @throws io_error
void add_issues(hid_t file, std::span<const source_issue> issues);
/// What was recorded there: JSON; empty where there is nothing.
[[nodiscard]] std::string read_issues(hid_t file);

/// Bytes of an element of the dense form. @throws format_error
[[nodiscard]] unsigned read_element_bytes(hid_t file);

/// Whether create() made it, as far as its marks show.
[[nodiscard]] bool is_store(hid_t file);

/// What create() put beside the events. @throws format_error
[[nodiscard]] store_description read_description(hid_t file);

}  // namespace countem::io::layout
