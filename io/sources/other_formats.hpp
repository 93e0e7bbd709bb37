#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace countem::io {

/// A file of another kind than raw frames that we read.
struct other_format {
  std::string_view words;     ///< "is an EER file, ..."
  std::string_view to_count;  ///< what to do with it where frames are expected
  std::string_view to_store;  ///< what makes an event store of it; empty: nothing
};

/// What a file is that begins with these bytes and holds no frames that we read; nothing where it is not known.
[[nodiscard]] std::optional<other_format> what_else_begins_so(const std::filesystem::path& file, std::string_view first_bytes);

/// The same of files that show nothing but letters, as pixels may, too: the weakest evidence.
[[nodiscard]] std::optional<other_format> what_else_reads_so(std::string_view first_bytes);

}  // namespace countem::io
