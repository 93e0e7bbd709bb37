#include "io/sources/other_formats.hpp"

#include "io/event_files/eer_file.hpp"
#include "io/files/file.hpp"

namespace countem::io {

namespace {

using namespace std::string_view_literals;

std::string tiff_sentence(const std::filesystem::path& file) {
  if (is_eer(file_handle::open_read(file))) {
    return "is an EER file: a list of electrons that a Falcon camera counted by itself, so there are no frames to count; "
           "convert it to an event store";
  }
  return "is a TIFF file, which is not read: save its frames as MRC, NPY or HDF5";
}

}  // namespace

std::string what_else_begins_so(const std::filesystem::path& file, std::string_view first_bytes) {
  for (const std::string_view tiff : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (first_bytes.starts_with(tiff)) return tiff_sentence(file);
  }
  if (first_bytes.starts_with("TPX3"sv)) {
    return "is a TPX3 file: hits of a Timepix3 detector with their times, so there are no frames to count; convert it to an "
           "event "
           "store";
  }
  if (first_bytes.starts_with("\x89PNG"sv)) return "is a PNG picture, which is not read: save its pixels as NPY";
  return {};
}

}  // namespace countem::io
