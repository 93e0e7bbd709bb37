// A broken event store, any bytes: the scan that recovery and resumption rest on.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/store/scan.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace {

using bytes = std::vector<std::uint8_t>;

/// The image in the recovery record of the seeds' store.
bytes sound_image;

/// Others have a CRC that the fuzzer found out; what HDF5 does with a damaged image is HDF5's doing.
countem::io::described_store read_if_sound(bytes& image) {
  if (image != sound_image) throw countem::format_error("not the image that was written");
  return countem::io::read_recovery_image(image);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const countem::test::temporary_directory directory;
  countem::test::write_store(directory / "store.h5", countem::test::description_of({8, 8}, {2, 2, 1}), {}, 2, 5);
  const auto keep = [](bytes& image) {
    sound_image = image;
    return countem::io::read_recovery_image(image);
  };
  (void)countem::io::scan_event_store(countem::io::file_handle::open_read(directory / "store.h5"), keep);
  if (sound_image.empty()) {
    std::cerr << "a new store holds no recovery record\n";
    std::abort();
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int memory = ::memfd_create("broken", 0);
  if (memory < 0) return 0;
  const std::string path = "/proc/self/fd/" + std::to_string(memory);
  if (::write(memory, data, size) == static_cast<ssize_t>(size)) {
    try {
      const countem::io::file_handle file = countem::io::file_handle::open_read(path);
      (void)countem::io::scan_event_store(file, read_if_sound);
    } catch (const countem::error&) {  // the answer to most inputs
    }
  }
  ::close(memory);
  return 0;
}
