// countem count: raw frames in, event store out.
#include <memory>
#include <string>

#include <countem/rank_stores.hpp>

#include "host/cli/choices.hpp"
#include "host/cli/command.hpp"
#include "host/cli/count_run.hpp"
#include "host/cli/launched.hpp"
#include "host/cli/part_arguments.hpp"
#include "host/cli/shared_count.hpp"

namespace countem::cli {

namespace {

void run_part(count_arguments& wanted, context& ctx) {
  const part_number part = part_from(wanted.part);
  wanted.output = name_of_part(wanted.output, part);
  count_run(wanted, part, ctx).run();
}

void run_whole(const count_arguments& wanted, context& ctx) {
  on_ranks(ctx, {wanted.threads, wanted.no_mpi}, [&](ranks& all) {
    const part_number whole;
    // What ranks left is counted to its end by one process, too.
    if (!all.is_alone() || has_rank_stores(wanted.output)) {
      shared_count(wanted, whole, ctx, all).run();
    } else {
      count_run(wanted, whole, ctx).run();
    }
  });
}

}  // namespace

void add_count(CLI::App& app, context& ctx) {
  auto wanted = std::make_shared<count_arguments>();
  CLI::App* command = app.add_subcommand("count", "Count electrons: raw frames in, event store out");
  wanted->inputs.add_to(*command);
  wanted->thresholds.add_to(*command);
  command->add_option("-o,--output", wanted->output, "Event store to write (HDF5)")->required();
  add_choice(*command, "--method", wanted->counting.method, "How hits become events");
  add_choice(*command, "--row-noise", wanted->counting.row_noise, "Statistic of each half-row's charges to subtract");
  add_choice(*command, "--background", wanted->counting.background, "What to subtract from all charges of a frame");
  command->add_option("--min-cluster-size", wanted->counting.min_cluster_size, "Drop components of fewer pixels")
      ->capture_default_str();
  command->add_option("--max-cluster-size", wanted->counting.max_cluster_size, "Drop components of more pixels");
  add_choice(*command, "--values", wanted->counting.values, "Number to keep beside each event");
  command->add_option("--upsample", wanted->counting.upsample, "Place events on a grid this many times finer")
      ->capture_default_str();
  command->add_option("--pixel-mrad", wanted->pixel_mrad, "Scattering angle of a detector pixel in mrad: the axes of the store")
      ->check(CLI::PositiveNumber);
  command->add_option("--scan-step", wanted->scan_step_nm, "Distance of scan positions in nm: the axes of the store")
      ->check(CLI::PositiveNumber);
  add_choice(*command, "--backend", wanted->where, "Where to count");
  command->add_option("--devices", wanted->devices, "CUDA devices to count on, as 0,1; default: all that answer")
      ->delimiter(',');
  command->add_option("--threads", wanted->threads, "Worker threads; 0: all cores")->capture_default_str();
  command->add_flag("--fast-sparse", wanted->store.fast_sparse,
                    "Append a compact copy of the indices to every frame: larger file, faster sparse reads");
  command->add_flag("--wide-counts", wanted->store.wide_counts, "Dense view of 16 instead of 8 bits a pixel");
  command->add_option("--png", wanted->pictures, "Directory for the pictures; default: beside the output");
  command->add_flag("--png-plain", wanted->plain_pictures, "Pictures of the pixels alone, without title, axes and colour bar");
  command->add_flag("--no-png", wanted->no_pictures, "Draw no pictures");
  CLI::Option* const live = command->add_option(
      "--live", wanted->live,
      "Reductions to compute while counting, as sum,com,max,radial,virtual:annulus:60,200 (all items of countem reduce: "
      "docs/reductions.md); kept in the group /reductions of the output, drawn anew every few seconds");
  command
      ->add_option("--live-centre", wanted->live_centre,
                   "Their centre: ROW,COLUMN; auto: the beam on some frames; or a vacuum scan's store or image")
      ->capture_default_str()
      ->needs(live);
  command->add_flag("--resume", wanted->resume, "Resume what an interrupted or killed count left in OUTPUT.part");
  command->get_option("--resume")->excludes(live);  // what was counted before is in no reducer; countem reduce sees all of it
  CLI::Option* const part =
      command->add_option("--part", wanted->part,
                          "Count one of N shares of consecutive frames, K from 1 to N, into a store for countem merge, without "
                          "pictures; auto: as Open MPI, PMI, Slurm or a job array numbers this process. {part} in OUTPUT "
                          "becomes K_of_N");
  for (const char* of_whole : {"--live", "--png"}) part->excludes(of_whole);
  command->add_flag("--copy-input", wanted->copy_input,
                    "Copy frames that the page cache holds instead of counting them where they lie");
  add_no_mpi_option(*command, wanted->no_mpi);
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  ctx.add_verbose_option(*command);
  command->callback([wanted, &ctx] { wanted->part.empty() ? run_whole(*wanted, ctx) : run_part(*wanted, ctx); });
}

}  // namespace countem::cli
