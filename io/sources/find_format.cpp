#include "io/sources/find_format.hpp"

#include <algorithm>

#include "io/sources/input_files.hpp"

namespace countem::io {

namespace {

/// The first entry for which `fits` holds; null where there is none.
template <class Fits>
const source_format* first_that(const Fits& fits) {
  const auto all = source_formats();
  const auto found = std::find_if(all.begin(), all.end(), [&](const source_format* entry) { return fits(*entry); });
  return found == all.end() ? nullptr : *found;
}

}  // namespace

const source_format* format_by_beginning(const std::filesystem::path& file, std::string_view first_bytes) {
  const auto begins = [&](const source_format& entry) { return entry.begins != nullptr && entry.begins(first_bytes); };
  if (const auto* known = first_that(begins)) return known;
  return first_that([&](const source_format& entry) { return entry.begins_later != nullptr && entry.begins_later(file); });
}

const source_format* format_by_contents(const std::vector<std::filesystem::path>& files, std::string_view first_bytes) {
  if (const auto* known = format_by_beginning(files.front(), first_bytes)) return known;
  return first_that([&](const source_format& entry) {
    return entry.fits != nullptr && has_suffix_of(files.front(), entry) && entry.fits(files);
  });
}

const source_format* format_by_suffix(const std::filesystem::path& file) {
  return first_that([&](const source_format& entry) { return entry.assumed_by_suffix && has_suffix_of(file, entry); });
}

const source_format* format_by_description() {
  return first_that([](const source_format& entry) { return entry.facts.needs_layout; });
}

}  // namespace countem::io
