#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/pipeline.hpp>

namespace countem {

namespace {

void require_devices(std::span<const unsigned> devices) {
  if (cuda::device_count() == 0)
    throw not_compiled("the cuda backend is not available: " + cuda::device_reason(), {{advice_kind::choose_backend, "cpu"}});
  for (const unsigned device : devices) cuda::require_device(device);
}

}  // namespace

backend_choice choose_backend(backend wanted, std::span<const unsigned> devices) {
  if (!devices.empty() && wanted != backend::cuda && wanted != backend::automatic)
    throw invalid_argument("devices are named, but the backend is not cuda: leave them out",
                           {{advice_kind::choose_backend, "cuda"}});
  switch (wanted) {
    case backend::reference: return {backend::reference, "asked for"};
    case backend::cpu: return {backend::cpu, "asked for"};
    case backend::cuda: require_devices(devices); return {backend::cuda, "asked for"};
    case backend::automatic:
      if (!devices.empty()) require_devices(devices);
      if (cuda::device_count() != 0) return {backend::cuda, cuda::device_reason()};
      return {backend::cpu, "no CUDA device: " + cuda::device_reason()};
  }
  throw invalid_argument("unknown backend");
}

std::shared_ptr<const counting_plan> make_plan(backend which, const counting_setup& setup) {
  switch (which) {
    case backend::reference: return reference::make_plan(setup);
    case backend::cpu: return cpu::make_plan(setup);
    case backend::cuda: return cuda::make_plan(setup);
    case backend::automatic: break;
  }
  throw invalid_argument("a counter is made for one backend; choose_backend() says which");
}

std::unique_ptr<counter> make_counter(backend which, const counting_setup& setup) {
  return make_plan(which, setup)->make_counter();
}

}  // namespace countem
