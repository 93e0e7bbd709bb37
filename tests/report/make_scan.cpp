// Writes an event store of the simulator's specimen without detector frames in between, so that large scans take seconds.
// A block of positions lacks two sectors, one lacks one, and the last frames never arrived, as a real scan may have it.
//   make_report_scan OUT.h5 ROWS COLUMNS REPEATS ELECTRONS SIDE
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include <countem/event_store.hpp>

#include "data_gen/random.hpp"
#include "data_gen/specimen.hpp"

namespace {

using namespace countem;

constexpr std::uint64_t seed = 7;

std::uint8_t status_at(std::uint64_t position, const scan_shape& scan) {
  const std::uint64_t row = position / scan.width;
  const std::uint64_t column = position % scan.width;
  if (position + scan.width / 4 >= scan.positions()) return 0;
  if (row < scan.height / 8 && column < scan.width / 8) return 0x05;
  if (row < scan.height / 4 && column > scan.width - scan.width / 4) return 0x0e | status_xray;
  return all_sectors;
}

void write(const char* path, const scan_shape& scan, double electrons, frame_shape shape) {
  store_description description;
  description.shape = shape;
  description.scan = scan;
  description.calibrated.background16 = 160;
  description.provenance = {{"program", "make_report_scan"}, {"inputs", "[]"}};
  const data_gen::specimen sample(seed, scan, shape);
  const data_gen::poisson_table number(electrons);
  const auto store = create_event_store(path, description, {});
  for (std::uint64_t first = 0; first < scan.frames(); first += scan.width) {
    event_batch batch;
    batch.first_frame = first;
    for (std::uint64_t frame = first; frame < std::min<std::uint64_t>(scan.frames(), first + scan.width); ++frame) {
      const std::uint64_t position = frame / scan.frames_per_position;
      const std::uint8_t status = status_at(position, scan);
      data_gen::random_stream random(seed, frame, data_gen::purpose::electrons);
      const data_gen::diffraction_pattern pattern = sample.pattern(position);
      const auto before = static_cast<std::ptrdiff_t>(batch.indices.size());
      for (std::uint32_t left = status == 0 ? 0 : number.draw(random); left > 0; --left) {
        const data_gen::detector_point at = pattern.draw(random);
        const auto row = static_cast<std::uint32_t>(at.row);
        if (((status >> (row * sectors_per_frame / shape.height)) & 1) != 0)
          batch.indices.push_back(row * shape.width + static_cast<std::uint32_t>(at.column));
      }
      std::sort(batch.indices.begin() + before, batch.indices.end());
      batch.indptr.push_back(batch.indices.size());
      batch.xrays.push_back((status & status_xray) != 0 ? 1 : 0);
      batch.status.push_back(status);
    }
    store->observe(batch);
    store->write(*store->encode(batch));
  }
  store->finish();
}

std::uint32_t whole_number(const char* text) {
  return static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fputs("make_report_scan OUT.h5 ROWS COLUMNS REPEATS ELECTRONS SIDE\n", stderr);
    return 2;
  }
  try {
    const std::uint32_t side = whole_number(argv[6]);
    write(argv[1], {whole_number(argv[2]), whole_number(argv[3]), whole_number(argv[4])}, std::strtod(argv[5], nullptr),
          {side, side});
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
