// bench_clouds KILOVOLTS COUNT SEED: clouds of single electrons of the simulator as CSV, one line per pixel that collected
// charge. row and column: distance of the pixel's centre from the entry, in pixels; the entry lies anywhere in its pixel.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "data_gen/charge_cloud.hpp"
#include "data_gen/random.hpp"

int main(int argc, char** argv) {
  using namespace countem;
  constexpr std::uint32_t side = 256;  // holds every track
  constexpr std::uint32_t middle = side / 2;
  const double kilovolts = argc == 4 ? std::atof(argv[1]) : 0;
  const std::uint64_t count = argc == 4 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (!(kilovolts >= 60 && kilovolts <= 300) || count == 0) {
    std::fputs("usage: bench_clouds KILOVOLTS COUNT SEED, with 60 to 300 kV\n", stderr);
    return 2;
  }
  const data_gen::charge_cloud cloud(data_gen::cloud_parameters_at(kilovolts), kilovolts);
  std::vector<std::uint16_t> pairs(std::size_t{side} * side);
  std::puts("event,row,column,pairs");
  for (std::uint64_t event = 0; event < count; ++event) {
    data_gen::random_stream random(std::strtoull(argv[3], nullptr, 10), event, data_gen::purpose::electrons);
    const double row = middle + random.uniform();
    const double column = middle + random.uniform();
    data_gen::charge_frame frame({side, side}, pairs.data());
    cloud.deposit(row, column, random, frame);
    for (std::size_t pixel = 0; pixel < pairs.size(); ++pixel) {
      if (pairs[pixel] == 0) continue;
      const double down = static_cast<double>(pixel / side) + 0.5 - row;
      const double right = static_cast<double>(pixel % side) + 0.5 - column;
      std::printf("%llu,%.7f,%.7f,%u\n", static_cast<unsigned long long>(event), down, right, unsigned{pairs[pixel]});
      pairs[pixel] = 0;
    }
  }
  return std::ferror(stdout) == 0 ? 0 : 1;
}
