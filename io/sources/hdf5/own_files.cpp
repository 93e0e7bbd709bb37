#include "io/sources/hdf5/own_files.hpp"

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/storage.hpp"

namespace countem::io {

namespace {

bool has_mark(hid_t file, const char* group, const char* attribute) {
  return has_path(file, group) && has_attribute(open_group(file, group), attribute);
}

}  // namespace

own_file what_countem_made(hid_t file) {
  if (has_mark(file, "/electron_counts", "countem_format_version"))
    return {own_kind::event_store, "is an event store, whose electrons are counted already"};
  if (has_mark(file, "/calibration", "charge_units_per_adu"))
    return {own_kind::calibration, "is a calibration, made of frames and no frames itself"};
  if (has_attribute(file, "truth_version")) return {own_kind::truth, "is the truth of a simulation, a list of electrons"};
  if (has_path(file, "/reductions") && has_path(file, "/provenance"))
    return {own_kind::images, "holds reductions, made of events and no events itself"};
  if (has_path(file, "/record_headers"))
    return {own_kind::headers, "holds headers of records, whose frames are in other files"};
  return {};
}

}  // namespace countem::io
