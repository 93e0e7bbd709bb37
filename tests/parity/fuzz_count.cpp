// Counts random cases with the reference and the cpu backend until the time is up; the first difference ends it.
// Usage: fuzz_count SECONDS [FIRST_SEED]
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/parity/parity_case.hpp"

int main(int count, char** arguments) {
  using clock = std::chrono::steady_clock;
  const double seconds = count > 1 ? std::atof(arguments[1]) : 10;
  std::uint64_t seed = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 1'000'000;
  const std::uint64_t first = seed;
  const auto start = clock::now();
  while (std::chrono::duration<double>(clock::now() - start).count() < seconds) {
    const auto drawn = countem::parity::random_case(seed, countem::parity::frames_for_cpu);
    const auto tested = countem::cpu::make_counter(drawn.setup);
    const std::string differs = countem::parity::compare_with_reference(drawn, *tested);
    if (!differs.empty()) {
      std::fprintf(stderr, "seed %llu: %s\n%s\n", static_cast<unsigned long long>(seed), differs.c_str(),
                   describe(drawn).c_str());
      return 1;
    }
    ++seed;
  }
  std::printf("%llu cases equal\n", static_cast<unsigned long long>(seed - first));
  return 0;
}
