// Writes the inputs that the fuzzer of importers starts from into a directory.
#include <filesystem>
#include <iostream>

#include "tests/fuzz/file_bytes.hpp"
#include "tests/fuzz/import_input.hpp"

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: import_seeds DIRECTORY\n";
    return 2;
  }
  const std::filesystem::path directory = arguments[1];
  std::filesystem::create_directories(directory);
  for (const auto& [name, bytes] : countem::fuzz::import_seeds()) {
    countem::fuzz::save(directory / name, bytes);
  }
  return 0;
}
