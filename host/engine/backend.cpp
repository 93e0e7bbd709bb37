#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/pipeline.hpp>

namespace countem {

backend_choice choose_backend(backend wanted) {
  switch (wanted) {
    case backend::reference: return {backend::reference, "asked for"};
    case backend::cpu: return {backend::cpu, "asked for"};
    case backend::cuda:
      if (cuda::device_count() == 0) throw not_compiled("--backend cuda cannot be had: " + cuda::device_reason());
      return {backend::cuda, "asked for"};
    case backend::automatic:
      if (cuda::device_count() != 0) return {backend::cuda, cuda::device_reason()};
      return {backend::cpu, "no CUDA device: " + cuda::device_reason()};
  }
  throw invalid_argument("unknown backend");
}

std::unique_ptr<counter> make_counter(backend which, const counting_setup& setup) {
  switch (which) {
    case backend::reference: return reference::make_counter(setup);
    case backend::cpu: return cpu::make_counter(setup);
    case backend::cuda: return cuda::make_counter(setup);
    case backend::automatic: break;
  }
  throw invalid_argument("a counter is made for one backend; choose_backend() says which");
}

}  // namespace countem
