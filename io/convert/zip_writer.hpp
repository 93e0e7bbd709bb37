#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/convert/raw_output.hpp"

namespace countem::io {

/// A ZIP archive of stored (not compressed) members, ZIP64 throughout, as numpy writes .npz. Members have no times: the same
/// contents, the same bytes.
class zip_writer {
 public:
  /// `output` must outlive it.
  explicit zip_writer(const output_file& output) : file_(output) {}

  /// Begins a member; the one before it has ended.
  void begin(const std::string& name);
  /// Adds bytes to the member that was begun.
  void append(const void* bytes, std::size_t count);
  /// Ends the member.
  void end();
  /// Writes the directory, with "countem" as the comment at its end; nothing comes after it.
  void finish();

 private:
  struct member {
    std::string name;
    std::uint64_t offset;
    std::uint64_t bytes;
    std::uint32_t crc;
  };
  static void put_common(std::string& to, const member& of, std::uint16_t extra_bytes);
  static std::string local_header(const member& of);
  static std::string directory_entry(const member& of);

  raw_output file_;
  std::vector<member> members_;
};

/// Whether a file is a whole archive that zip_writer wrote. @throws io_error
[[nodiscard]] bool is_own_zip(const std::filesystem::path& path);

}  // namespace countem::io
