// A node-local processing job in miniature: counts frames that are in memory, with the installed headers and libraries alone.
#include <cstdio>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/pipeline.hpp>
#include <countem/scan_pictures.hpp>
#include <countem/version.hpp>

namespace {

/// Files and pictures need libraries of others at the link; one call to each shows that the package names them all.
bool links_files_and_pictures() {
  countem::draw_image("consumer.png", {"sum", {1, 2}, std::vector<std::uint32_t>{1, 2}, "electrons", "two pixels"});
  try {
    (void)countem::open_event_store("absent.h5");
    return false;
  } catch (const countem::io_error&) {
    return true;
  }
}

}  // namespace

int main() {
  std::vector<std::uint16_t> pixels(64 * 64, 0);
  pixels[10 * 64 + 20] = 50;
  pixels[30 * 64 + 40] = 50;

  countem::counting_setup setup;
  setup.shape = {64, 64};
  setup.type = countem::pixel_type::u16;
  setup.calibrated.background16 = countem::background_from_adu(10);

  const countem::frame_view frame = countem::contiguous_frame(setup.shape, setup.type, pixels.data());
  const countem::backend_choice chosen = countem::choose_backend(countem::backend::automatic);
  countem::event_batch events;
  countem::make_counter(chosen.used, setup)->count({&frame, 1}, events);

  const bool right = links_files_and_pictures() && events.indices == std::vector<std::uint32_t>{10 * 64 + 20, 30 * 64 + 40};
  std::printf("countem %s, %s backend: %zu events, %s\n", countem::version, std::string(to_string(chosen.used)).c_str(),
              events.indices.size(), right ? "as expected" : "WRONG");
  return right ? 0 : 1;
}
