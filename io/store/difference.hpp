#pragma once

#include <span>
#include <string>
#include <vector>

#include <countem/event_store.hpp>

// Whether frames of two stores may stand in one file.
namespace countem::io {

/// What frames are counted with.
struct counted_with {
  const store_description& description;
  unsigned element_bytes;  ///< of the dense form
};

/// One thing that all frames of a store share.
struct compared_field {
  const char* difference;  ///< its words where two stores differ in it: "another ..."
  bool (*is_same)(const counted_with&, const counted_with&);
};

/// Everything that decides what a counted frame holds. A field that is added to counting_options or calibration and not to this
/// table is found by the last two entries, which compare all of both.
[[nodiscard]] std::span<const compared_field> compared_fields();

/// The words of each difference; empty: frames of both may stand in one store. Provenance, and how a calibration came about, do
/// not matter.
[[nodiscard]] std::vector<std::string> differences(const counted_with& a, const counted_with& b);

/// "one", "one and two", "one, two and three".
[[nodiscard]] std::string list_of(std::span<const std::string> words);

}  // namespace countem::io
