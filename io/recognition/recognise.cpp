#include "io/recognition/recognise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <countem/frame_source.hpp>

#include "io/convert/imports.hpp"
#include "io/files/file.hpp"
#include "io/sources/find_format.hpp"
#include "io/sources/hdf5/own_files.hpp"
#include "io/sources/input_files.hpp"
#include "io/sources/other_formats.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view count_first = "count it first, with method counts where each pixel is a number of electrons";

struct expectation {
  std::string_view words;
  std::string_view remedy;  ///< where the file itself is of no use
};

expectation words_of(expected_file expected) {
  switch (expected) {
    case expected_file::event_store:
      return {"an event store is expected", "give a file that countem count or countem convert wrote"};
    case expected_file::events: return {"events are expected", "give an EER, TPX3, stempy or binsparse CSR file"};
    case expected_file::calibration:
      return {"a calibration is expected", "give a file that countem calibrate or countem count wrote"};
    case expected_file::truth:
      return {"the truth of a simulation is expected", "give the file of that name that countem simulate wrote"};
  }
  return {};
}

struct recognised {
  std::string words;
  std::string_view to_store;  ///< what makes an event store of it; empty: nothing
};

std::optional<recognised> recognise_hdf5(const fs::path& file) {
  try {
    const auto lock = hdf5_lock();
    const hdf5_handle opened = open_hdf5(file);
    const own_file made = what_countem_made(opened);
    if (made.kind == own_kind::images) return recognised{std::string(made.words), "give the store that they were made of"};
    if (made.kind != own_kind::none) return recognised{std::string(made.words), {}};
    if (is_stempy(opened)) return recognised{"is a stempy file of events", "convert it to a store first"};
    if (is_csr(opened)) return recognised{"is a binsparse matrix", "convert it to a store first"};
    const std::string dataset = countem::open_source({file}, {})->info().dataset;
    return recognised{fmt::format("holds raw frames (dataset {})", dataset), count_first};
  } catch (const format_error& reason) {  // damaged, or of no kind that is known
    const auto names_dataset = [](const advice& given) { return given.kind == advice_kind::dataset; };
    if (std::ranges::any_of(reason.advised(), names_dataset))
      return recognised{"holds datasets that may be raw frames", count_first};
  } catch (const invalid_argument&) {
  }
  return std::nullopt;
}

std::optional<recognised> recognise(const fs::path& file) {
  const std::string bytes = first_bytes(file, source_format::shown_bytes);
  if (bytes.empty()) return recognised{"is empty", {}};
  if (holds_hdf5(file)) return recognise_hdf5(file);
  const source_format* format = format_by_contents({file}, bytes);
  if (format != nullptr)
    return recognised{fmt::format("holds raw frames (format {})", to_string(format->facts.format)), count_first};
  if (const auto other = what_else_begins_so(file, bytes)) return recognised{std::string(other->words), other->to_store};
  format = format_by_suffix(file);
  if (format == nullptr && has_suffix_of(file, *format_by_description())) format = format_by_description();
  if (format == nullptr || format->begins != nullptr) {  // those that begin in a way of their own would have shown it
    const auto text = what_else_reads_so(bytes);
    return text ? std::optional(recognised{std::string(text->words), text->to_store}) : std::nullopt;
  }
  return recognised{fmt::format("may hold raw frames, by its name (format {})", to_string(format->facts.format)), count_first};
}

[[noreturn]] void refuse(const fs::path& file, const recognised& found, expected_file expected) {
  const auto [words, remedy] = words_of(expected);
  const bool makes_store = expected == expected_file::event_store || expected == expected_file::events;
  throw other_kind_error(fmt::format("{}: {}, and {}: {}", file.string(), found.words, words,
                                     makes_store && !found.to_store.empty() ? found.to_store : remedy));
}

}  // namespace

bool holds_hdf5(const fs::path& file) {
  const auto lock = hdf5_lock();
  return is_hdf5(file);
}

void refuse_if_known(const fs::path& file, expected_file expected) {
  if (const auto found = naming(file, [&] { return recognise(file); })) refuse(file, *found, expected);
}

void refuse_other_file(const fs::path& file, expected_file expected) {
  refuse_if_known(file, expected);
  refuse(file, {holds_hdf5(file) ? "is an HDF5 file of unknown contents" : "is of no format that is known", {}}, expected);
}

hdf5_handle open_expected(const fs::path& file, expected_file expected, hdf5_reading reading) {
  try {
    return open_hdf5(file, reading);
  } catch (const not_hdf5&) {
    refuse_other_file(file, expected);
  }
}

}  // namespace countem::io
