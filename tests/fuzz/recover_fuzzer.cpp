// A broken event store, any bytes: the scan that recovery and resumption rest on.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/crc32c.hpp"
#include "io/event_store_scan.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace {

using bytes = std::vector<std::uint8_t>;

/// The record that the store among the seeds holds.
const bytes& sound_record() {
  static const bytes record = countem::io::make_recovery_record(countem::test::description_of({8, 8}, {2, 2, 1}), false);
  return record;
}

/// Whether some other record has the right CRC, which a fuzzer finds out: what HDF5 does with the damaged image in it is HDF5's
/// doing.
bool holds_forged_record(std::span<const std::uint8_t> input) {
  constexpr std::size_t magic_bytes = 8;
  const bytes& sound = sound_record();
  const std::boyer_moore_searcher magic(sound.begin(), sound.begin() + magic_bytes);
  for (auto at = std::search(input.begin(), input.end(), magic); at != input.end();
       at = std::search(at + 1, input.end(), magic)) {
    const std::span<const std::uint8_t> record(at, input.end());
    std::uint64_t length = 0;
    std::uint32_t stored = 0;
    constexpr std::size_t header_bytes = magic_bytes + sizeof length;
    if (record.size() < header_bytes + sizeof stored) continue;
    std::memcpy(&length, &record[magic_bytes], sizeof length);
    if (length > record.size() - header_bytes - sizeof stored) continue;
    const std::size_t before_crc = header_bytes + static_cast<std::size_t>(length);
    std::memcpy(&stored, &record[before_crc], sizeof stored);
    const bool proven = countem::io::crc32c(record.data(), before_crc) == stored;
    if (proven && !std::equal(sound.begin(), sound.end(), record.begin(),
                              record.begin() + static_cast<std::ptrdiff_t>(before_crc + sizeof stored)))
      return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // Else every seed would be passed over, and nobody would know.
  const countem::test::temporary_directory directory;
  countem::test::write_store(directory / "store.h5", countem::test::description_of({8, 8}, {2, 2, 1}), {}, 2, 5);
  std::ifstream file(directory / "store.h5", std::ios::binary);
  const bytes store{std::istreambuf_iterator<char>(file), {}};
  if (std::search(store.begin(), store.end(), sound_record().begin(), sound_record().end()) == store.end() ||
      holds_forged_record(store)) {
    std::cerr << "the seeds' recovery record is not the expected one\n";
    std::abort();
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (holds_forged_record({data, size})) return 0;
  const int memory = ::memfd_create("broken", 0);
  if (memory < 0) return 0;
  const std::string path = "/proc/self/fd/" + std::to_string(memory);
  if (::write(memory, data, size) == static_cast<ssize_t>(size)) {
    try {
      const countem::io::file_handle file = countem::io::file_handle::open_read(path);
      (void)countem::io::scan_event_store(file);
    } catch (const countem::error&) {  // the answer to most inputs
    }
  }
  ::close(memory);
  return 0;
}
