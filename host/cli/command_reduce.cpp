// countem reduce: a counted scan to images, or to a smaller store.
#include <memory>

#include "host/cli/choices.hpp"
#include "host/cli/command.hpp"
#include "host/cli/dose_words.hpp"
#include "host/cli/launched.hpp"
#include "host/cli/reduction_run.hpp"

namespace countem::cli {

void add_reduce(CLI::App& app, context& ctx) {
  auto wanted = std::make_shared<reduce_arguments>();
  CLI::App* command =
      app.add_subcommand("reduce", "A counted scan to images (group /reductions of the output), or to a smaller store");
  command->add_option("input", wanted->input, "Event store")->required();
  command->add_option("-o,--output", wanted->output, "HDF5 file to write; an event store with --crop, --bin or --scan-bin")
      ->required();
  command->add_flag("--sum", wanted->sum, "All frames added up");
  command->add_flag("--max", wanted->maximum, "Most electrons of any one frame in each pixel");
  wanted->deflections.add_to(*command);
  command->add_flag("--radial", wanted->radial, "Electrons in rings around the centre at each position");
  command->add_flag("--radial-profile", wanted->radial_profile, "Electrons in rings around the centre, all frames added up");
  command->add_option("--radial-step", wanted->radial_step, "Width of a ring in pixels, or in mrad as 0.5mrad")
      ->capture_default_str();
  command->add_option(
      "--virtual", wanted->detectors,
      "Virtual detectors, all in one pass: disk:R, annulus:R1,R2, wedge:R1,R2,FROM,TO, each with @ROW,COLUMN to move it; "
      "pixels, or mrad as disk:10mrad");
  command->add_option(
      "--mask", wanted->masks,
      "Images of the detector (.npy, .mrc, HDF5 or flat bytes) whose pixels that are not 0 make a virtual detector");
  command->add_option("--weights", wanted->weights,
                      "Images of the detector (flat: float32): each electron counts as much as its pixel says");
  command->add_option(
      "--exclude", wanted->excluded,
      "Images of the detector whose pixels that are not 0 count in no detector, ring or centre of mass, such as "
      "those behind a beam stop");
  command->add_flag("--errors", wanted->errors, "Standard errors of virtual images, rings and centres of mass: NAME_error");
  command
      ->add_option("--centre", wanted->centre,
                   "Centre of detectors and rings: ROW,COLUMN; auto: the beam on the sum; or a vacuum scan's store or image")
      ->capture_default_str();
  add_dose_options(*command, wanted->recorded);
  command->add_flag(
      "--coincidence", wanted->coincidence,
      "Measure how many electrons are lost because two fell close together, and correct counts and virtual images");
  wanted->fold.add_to(*command, "Folding");
  command->add_option("--scan-crop", wanted->scan_window, "Positions to use: ROW:ROW,COLUMN:COLUMN");
  command->add_option("--crop", wanted->detector_window, "Store with these detector pixels only: ROW:ROW,COLUMN:COLUMN");
  command->add_option("--bin", wanted->bin, "Store with so many detector pixels a side merged")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command->add_option("--scan-bin", wanted->scan_bin, "Store with so many positions a side merged")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command->add_flag("--keep-remainder", wanted->keep_remainder,
                    "Keep the last rows and columns that fill no whole bin, as bins of fewer pixels or positions");
  CLI::Option* const incomplete =
      add_choice(*command, "--incomplete", wanted->incomplete, "What is done with frames that lack a part of the detector");
  command->add_flag("--skip-incomplete", wanted->skip_incomplete, "The same as --incomplete skip")->excludes(incomplete);
  wanted->folders.add_to(*command);
  add_choice(*command, "--backend", wanted->where, "Where to reduce");
  command->add_option("--threads", wanted->threads, "Worker threads; 0: all cores")->capture_default_str();
  add_no_mpi_option(*command, wanted->no_mpi);
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([wanted, &ctx] {
    on_ranks(ctx, {wanted->threads, wanted->no_mpi}, [&](ranks& all) { run_reduction(*wanted, ctx, all); });
  });
}

}  // namespace countem::cli
