// Sound chunks and sound stores for the fuzzers to start from.
#include <filesystem>

#include <countem/event_store.hpp>

#include "io/store/chunk.hpp"
#include "tests/fuzz/file_bytes.hpp"
#include "tests/store/store_samples.hpp"

namespace {

void write_chunks(const std::filesystem::path& folder) {
  using namespace countem;
  std::mt19937_64 generator(31);
  int number = 0;
  for (const unsigned element_bytes : {1U, 2U}) {
    const io::dense_layout frame{1000, element_bytes};
    const io::frame_encoder encoder(io::symbol_statistics(), frame);
    for (const std::size_t count : {std::size_t{0}, std::size_t{5}, std::size_t{200}}) {
      for (const bool indices : {false, true}) {
        const std::vector<std::uint32_t> events = test::random_events(generator, frame.pixels, count);
        std::vector<std::uint8_t> chunk;
        io::append_chunk(encoder, frame, {7, 1, 0x2f}, events, events, indices, indices, chunk);
        fuzz::save(folder / ("chunk" + std::to_string(number++)), chunk);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::filesystem::create_directories(argv[1]);
  write_chunks(argv[1]);
  countem::test::write_store(std::filesystem::path(argv[1]) / "store.h5", countem::test::description_of({8, 8}, {2, 2, 1}), {},
                             2, 5);
  return 0;
}
