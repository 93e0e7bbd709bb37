#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// Images of the detector as files.
namespace countem::test {

/// Values behind `before`; returns the path.
template <class Value>
std::filesystem::path save_flat(const std::filesystem::path& path, const std::string& before,
                                const std::vector<Value>& values) {
  std::ofstream file(path, std::ios::binary);
  file << before;
  file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(Value)));
  return path;
}

/// A NumPy file, its header 128 bytes long.
template <class Value>
std::filesystem::path save_npy(const std::filesystem::path& path, const std::string& type, const std::string& extent,
                               const std::vector<Value>& values) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + extent + "), }";
  header.resize(117, ' ');
  header += '\n';
  const std::string start{"\x93NUMPY\x01\0", 8};
  return save_flat(path, start + static_cast<char>(header.size()) + '\0' + header, values);
}

}  // namespace countem::test
