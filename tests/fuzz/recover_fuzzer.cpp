// A broken event store, any bytes: the scan that recovery and resumption rest on.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include <countem/error.hpp>

#include "io/event_store_scan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
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
