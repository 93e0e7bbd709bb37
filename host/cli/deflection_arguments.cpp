#include "host/cli/deflection_arguments.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "host/cli/choices.hpp"

namespace countem::cli {

void rotation_arguments::add_to(CLI::App& command) {
  command.add_option(
      "--scan-rotation", scan_rotation,
      "Turn centres of mass from detector axes into scan axes by so many degrees, clockwise; auto: by the angle of "
      "least curl");
  CLI::Option* const flipped =
      command.add_flag("--flip", flip, "The detector is flipped: its rows are reversed before the rotation");
  command.add_flag("--no-flip", no_flip, "It is not: with neither, --scan-rotation auto finds whether it is")
      ->excludes(flipped);
}

std::vector<std::string> rotation_arguments::items() const {
  std::vector<std::string> list;
  if (!scan_rotation.empty()) list.push_back("scan-rotation:" + scan_rotation);
  if (flip) list.emplace_back("flip");
  if (no_flip) list.emplace_back("flip:no");
  return list;
}

void deflection_arguments::add_to(CLI::App& command) {
  command.add_flag("--com", centre_of_mass, "Centre of mass at each position, row and column");
  command
      .add_option("--com-within", within,
                  "Centres of mass of the electrons in an aperture: disk:R, annulus:R1,R2, wedge:R1,R2,FROM,TO, each with "
                  "@ROW,COLUMN to move it, or an image of the detector whose pixels are weights")
      ->needs("--com");
  command.add_flag("--second-moments", second_moments, "Variances and covariance of the electrons' rows and columns")
      ->needs("--com");
  CLI::Option* const centre =
      command.add_flag("--from-centre", from_centre, "Give centres of mass relative to the centre")->needs("--com");
  command.add_flag("--descan", without_descan, "Subtract the plane that fits the centres of mass best, weighted by electrons")
      ->needs("--com")
      ->excludes(centre);
  command
      .add_option("--descan-from", descan_from,
                  "Fit that plane from these of the reduced positions, such as a vacuum region: ROW:ROW,COLUMN:COLUMN")
      ->needs("--descan");
  rotation.add_to(command);
  for (const char* const option : {"--scan-rotation", "--flip", "--no-flip"}) command.get_option(option)->needs("--com");
  command.add_flag("--phase", phase, "Integrate the centres of mass: differential phase contrast and its standard error")
      ->needs("--com");
  add_choice(command, "--phase-edges", edges, "What lies beyond the scan")->needs("--phase");
  command
      .add_option("--phase-high-pass", high_pass,
                  "Remove what varies slowly: half remains at so many cycles over the scan's longer side")
      ->needs("--phase");
  command.add_option("--pixel-mrad", pixel_mrad, "Angle of a detector pixel in mrad: for axes, radii, and a phase in radians");
  command.add_option("--pixel-per-nm", pixel_per_nm, "Or its reciprocal length in 1/nm (cycles per nm)")->needs("--phase");
  command.add_option("--voltage", voltage_kv, "Acceleration voltage in kV, for --pixel-mrad")->needs("--phase");
  command.add_option("--scan-step", step_nm, "Distance of scan positions in nm: for axes, a phase in radians and the dose");
}

std::vector<std::string> deflection_arguments::items() const {
  std::vector<std::string> list;
  const auto add = [&](bool wanted, std::string item) {
    if (wanted) list.push_back(std::move(item));
  };
  add(centre_of_mass, "com");
  add(from_centre, "com:centre");
  add(without_descan, "com:descan");
  add(!within.empty(), "com-within:" + within);
  add(second_moments, "second-moments");
  add(!descan_from.empty(), "descan-from:" + descan_from);
  std::ranges::move(rotation.items(), std::back_inserter(list));
  add(phase, "phase:" + std::string(word_of(edges)));
  add(!high_pass.empty(), "phase-high-pass:" + high_pass);
  add(!pixel_mrad.empty(), "pixel-mrad:" + pixel_mrad);
  add(!pixel_per_nm.empty(), "pixel-per-nm:" + pixel_per_nm);
  add(!voltage_kv.empty(), "voltage:" + voltage_kv);
  add(!step_nm.empty(), "scan-step:" + step_nm);
  return list;
}

}  // namespace countem::cli
