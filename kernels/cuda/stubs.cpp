#include <countem/counting.hpp>
#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/reductions.hpp>

namespace countem::cuda {

unsigned device_count() noexcept {
  return 0;
}

std::string device_reason() {
  return "this countem was built without CUDA: configure with -DCOUNTEM_CUDA=ON where a CUDA toolkit is installed, or use "
         "--backend cpu";
}

void require_device(unsigned) {
  throw not_compiled(device_reason());
}

std::shared_ptr<const counting_plan> make_plan(const counting_setup&) {
  throw not_compiled(device_reason());
}

std::unique_ptr<counter> make_counter(std::shared_ptr<const counting_plan>, const device_options&, counted_batch_look) {
  throw not_compiled(device_reason());
}

std::unique_ptr<counter> make_counter(const counting_setup&) {
  throw not_compiled(device_reason());
}

std::unique_ptr<counter> make_counter(const counting_setup&, const device_options&, counted_batch_look) {
  throw not_compiled(device_reason());
}

std::unique_ptr<batch_counter> make_batch_counter(const counting_setup&, const device_options&) {
  throw not_compiled(device_reason());
}

std::unique_ptr<event_reducer> make_reducer() {
  throw not_compiled(device_reason());
}

}  // namespace countem::cuda
