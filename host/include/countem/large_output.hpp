#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

// The size of large outputs is stated before the work, and what certainly does not fit is refused then. As with watch_work()
// there is one watcher for the whole process: outputs are made deep in the library.
namespace countem {

/// How well the size of an output is known before it is made.
enum class size_is : std::uint8_t {
  exact,      ///< so many bytes, or more
  estimated,  ///< it is compressed by an amount that is not known, or depends on what is found
};

/// An output that is about to be made.
struct large_output {
  std::filesystem::path path;               ///< its final name
  std::string what;                         ///< "radial, 1024 x 1024 x 408 numbers"
  std::uint64_t bytes = 0;                  ///< of it
  size_is known = size_is::exact;           ///< how well that is known
  std::optional<std::uint64_t> free_bytes;  ///< where it goes, where that is known
};

/// Outputs from here on are shown.
inline constexpr std::uint64_t large_output_bytes = std::uint64_t{256} << 20U;

/// Sees outputs of large_output_bytes and more, and smaller ones that may not fit, before they are made.
using large_output_observer = std::function<void(const large_output&)>;

/// Makes this the watcher of the whole process; an empty one ends that.
void watch_large_outputs(large_output_observer observer);

/// What a sentence about an output has in common: its size in words, and what is free where that is less.
[[nodiscard]] std::string size_words(const large_output& output);

/// Bytes that this user can write to the file system of a file's folder; nothing where that cannot be found out.
[[nodiscard]] std::optional<std::uint64_t> free_bytes(const std::filesystem::path& path);

/// To be called before the work for an output. A file that it replaces stays until it is made, so it must fit beside that.
/// @throws io_error where an exact size is more than what is free
void expect_output(const std::filesystem::path& path, std::string what, std::uint64_t bytes, size_is known = size_is::exact);

}  // namespace countem
