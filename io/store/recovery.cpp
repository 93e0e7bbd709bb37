#include <string>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/large_output.hpp>

#include "io/files/file.hpp"
#include "io/store/scan.hpp"
#include "io/store/writer.hpp"

namespace countem {

recovery_report recover_event_store(const std::filesystem::path& broken, const std::filesystem::path& fixed,
                                    output_rules rules) {
  rules.inputs.push_back(broken);
  check_output(fixed, event_store_output, rules);
  const io::file_handle file = io::file_handle::open_read(broken);
  io::found_store found = io::scan_event_store(file);
  std::uint64_t bytes = 0;
  for (const io::found_chunk& chunk : found.chunks) bytes += chunk.footer.chunk_bytes();
  expect_output(fixed, std::to_string(found.chunks.size()) + " frames", bytes);
  found.description.provenance.emplace_back("recovered_from", broken.string());
  store_options options;
  options.wide_counts = found.frame.element_bytes == 2;
  io::hdf5_event_store_writer writer({fixed, event_store_output, rules}, found.description, options);
  io::copy_chunks(file, found.chunks, writer);

  recovery_report report;
  const input_file opened[] = {file.opened()};
  report.issues = changed_inputs(opened);
  writer.finish({}, report.issues);
  report.frames = found.chunks.size();
  for (const io::found_chunk& chunk : found.chunks) report.events += chunk.footer.events;
  report.scan_frames = found.description.scan.frames();
  report.damaged = found.damaged;
  return report;
}

}  // namespace countem
