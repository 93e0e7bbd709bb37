#include <countem/counting.hpp>
#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/reductions.hpp>

namespace countem::cuda {

namespace {

[[noreturn]] void refuse() {
  throw not_compiled(device_reason(), {{advice_kind::choose_backend, "cpu"}});
}

}  // namespace

unsigned device_count() noexcept {
  return 0;
}

std::string device_reason() {
  return "this countem was built without CUDA: configure with -DCOUNTEM_CUDA=ON where a CUDA toolkit is installed";
}

void require_device(unsigned) {
  refuse();
}

bus_copies time_bus(unsigned, std::size_t, unsigned) {
  refuse();
}

std::shared_ptr<const counting_plan> make_plan(const counting_setup&) {
  refuse();
}

std::unique_ptr<counter> make_counter(std::shared_ptr<const counting_plan>, const device_options&, counted_batch_look) {
  refuse();
}

std::unique_ptr<counter> make_counter(const counting_setup&) {
  refuse();
}

std::unique_ptr<counter> make_counter(const counting_setup&, const device_options&, counted_batch_look) {
  refuse();
}

std::unique_ptr<batch_counter> make_batch_counter(const counting_setup&, const device_options&) {
  refuse();
}

std::unique_ptr<device_feed> make_device_feed(std::shared_ptr<const counting_plan>, const device_options&) {
  refuse();
}

std::unique_ptr<event_reducer> make_reducer() {
  refuse();
}

}  // namespace countem::cuda
