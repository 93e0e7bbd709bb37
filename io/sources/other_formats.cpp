#include "io/sources/other_formats.hpp"

#include <algorithm>
#include <array>

#include "io/event_files/eer_file.hpp"
#include "io/files/file.hpp"

namespace countem::io {

namespace {

using namespace std::string_view_literals;

constexpr other_format eer{"is an EER file, electrons that a Falcon camera counted by itself", "convert it to an event store",
                           "convert it to a store first"};
constexpr other_format tiff{"is a TIFF file without frames of electrons (EER)", "save its frames as MRC, NPY or HDF5",
                            "save its frames as MRC, NPY or HDF5, and count them first"};

struct known_beginning {
  std::string_view bytes;
  other_format means;
};

constexpr std::array known_beginnings{
    known_beginning{"TPX3"sv,
                    {"is a TPX3 file, hits of a Timepix3 detector with their times", "convert it to an event store",
                     "convert it to a store first"}},
    known_beginning{"MATLAB 5.0 MAT-file"sv,
                    {"is a MATLAB file of a version before 7.3, which is no HDF5", "save it with -v7.3",
                     "save its frames with -v7.3, and count them first"}},
    known_beginning{"\x89PNG"sv, {"is a PNG picture", "save its pixels as NPY", ""}},
    known_beginning{"\xff\xd8\xff"sv, {"is a JPEG picture", "save its pixels as NPY", ""}},
    known_beginning{"PK\3\4"sv, {"is a ZIP archive, as .npz files are", "unpack it", "unpack it first"}},
    known_beginning{"\x1f\x8b\x08"sv, {"is a file compressed by gzip", "unpack it", "unpack it first"}},
    known_beginning{"BZh"sv, {"is a file compressed by bzip2", "unpack it", "unpack it first"}},
    known_beginning{"\xfd\x37zXZ\0"sv, {"is a file compressed by xz", "unpack it", "unpack it first"}},
    known_beginning{"\x28\xb5\x2f\xfd"sv, {"is a file compressed by zstd", "unpack it", "unpack it first"}},
};

/// Text in an 8-bit code that has ASCII in it, or in UTF-16 with its mark.
bool is_text(std::string_view bytes) {
  if (bytes.starts_with("\xff\xfe"sv) || bytes.starts_with("\xfe\xff"sv)) return true;
  std::size_t beyond_ascii = 0;
  for (const char byte : bytes) {
    const auto code = static_cast<unsigned char>(byte);
    const bool is_control = code < 0x20 && (code < '\t' || code > '\r');
    if (is_control || code == 0x7F) return false;
    beyond_ascii += code > 0x7F ? 1 : 0;
  }
  return beyond_ascii * 2 <= bytes.size();  // pixels of a mask may all be 255
}

}  // namespace

std::optional<other_format> what_else_begins_so(const std::filesystem::path& file, std::string_view first_bytes) {
  for (const std::string_view magic : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (first_bytes.starts_with(magic)) return is_eer(file_handle::open_read(file)) ? eer : tiff;
  }
  const auto* const found = std::find_if(known_beginnings.begin(), known_beginnings.end(),
                                         [&](const known_beginning& known) { return first_bytes.starts_with(known.bytes); });
  if (found != known_beginnings.end()) return found->means;
  return std::nullopt;
}

std::optional<other_format> what_else_reads_so(std::string_view first_bytes) {
  if (!is_text(first_bytes)) return std::nullopt;
  return other_format{"reads as text", "give the files that the camera wrote", ""};
}

}  // namespace countem::io
