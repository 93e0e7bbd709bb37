// One or two command lines for each command; help and man pages show them.
#include <algorithm>
#include <iterator>

#include "host/cli/describe.hpp"

namespace countem::cli {

namespace {

struct row {
  std::string_view path;
  command_example example;
};

constexpr row table[]{
    {"countem", {"a small scan to try with, in the directory sim", "countem simulate sim --scan 32x32"}},
    {"countem", {"count it", "countem count sim/data_* -o counted.h5"}},
    {"countem simulate",
     {"a small scan with dark frames, in the directory sim", "countem simulate sim --scan 32x32 --dark-frames 20"}},
    {"countem calibrate",
     {"thresholds from the frames, dark reference from the darks",
      "countem calibrate scan42/*.data --dark dark41/*.data -o calibration.h5"}},
    {"countem count", {"thresholds fitted from the frames", "countem count scan42/*.data -o counted.h5"}},
    {"countem count",
     {"thousands of files, named in a file with one path per line",
      "countem count @files.txt --calibration calibration.h5 -o counted.h5"}},
    {"countem count",
     {"the first of two parts, for countem merge", "countem count scan42/*.data --part 1/2 -o counted.{part}.h5"}},
    {"countem index",
     {"the headers of a scan that many processes will open", "countem index scan42/*.data -o scan42.index.h5"}},
    {"countem info", {"facts of a store, as JSON", "countem info counted.h5 --json"}},
    {"countem info", {"raw files whose names another program writes", "find scan42 -name '*.data' -print0 | countem info -"}},
    {"countem verify", {"exit code 0 if every frame is whole", "countem verify counted.h5 --quiet"}},
    {"countem recover", {"what a killed count left behind", "countem recover counted.h5.part -o recovered.h5"}},
    {"countem merge", {"the stores of count --part", "countem merge counted.*_of_2.h5 -o whole.h5"}},
    {"countem convert", {"a file that stempy reads", "countem convert counted.h5 -o stempy.h5 --to stempy"}},
    {"countem convert", {"a store from a stempy file", "countem convert stempy.h5 -o counted.h5 --to store"}},
    {"countem convert",
     {"the same frames as another scan, for a size that was known later",
      "countem convert counted.h5 --scan 8x8 -o folded.h5"}},
    {"countem reduce",
     {"bright field and annular dark field in one pass",
      "countem reduce counted.h5 -o images.h5 --virtual disk:40 annulus:60,200"}},
    {"countem reduce",
     {"centres of mass of the electrons in the bright field, with standard errors",
      "countem reduce counted.h5 -o centres.h5 --com --com-within disk:40 --errors"}},
    {"countem reduce",
     {"differential phase contrast in scan axes that are found",
      "countem reduce counted.h5 -o phase.h5 --com --descan --scan-rotation auto --phase"}},
    {"countem reduce", {"a smaller store: detector pixels merged 2 x 2", "countem reduce counted.h5 -o binned.h5 --bin 2"}},
    {"countem parallax",
     {"tilt-corrected bright field, four cells per scan step, and defocus in nm",
      "countem parallax counted.h5 -o parallax.h5 --upsample 4 --scan-step 0.4 --pixel-mrad 0.25"}},
    {"countem report", {"one page for a browser", "countem report counted.h5 -o scan42.html"}},
    {"countem compare", {"against the simulation's truth", "countem compare counted.h5 sim/truth.h5"}},
    {"countem compare", {"also plots DQE, MTF and NPS", "countem compare counted.h5 sim/truth.h5 --png pictures"}},
    {"countem bench", {"counting on four threads", "countem bench count --threads 4"}},
    {"countem bench count", {"counting on four threads, as JSON", "countem bench count --threads 4 --json"}},
    {"countem bench reductions", {"the first frames of a store", "countem bench reductions --store counted.h5"}},
    {"countem bench machine", {"memory, the disk of this folder, and the bus to a GPU", "countem bench machine --files ."}},
    {"countem version", {"facts of the build, as JSON", "countem version --json"}},
    {"countem help", {"the options of count", "countem help count"}},
};

}  // namespace

std::vector<command_example> examples_of(std::string_view path) {
  std::vector<command_example> examples;
  for (const row& entry : table) {
    if (entry.path == path) examples.push_back(entry.example);
  }
  return examples;
}

}  // namespace countem::cli
