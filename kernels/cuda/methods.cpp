#include "kernels/cuda/stages.hpp"

namespace countem::cuda {

method_stages stages_of(counting_method method) {
  switch (method) {
    case counting_method::cluster: return {find_components, place_found_events};
    case counting_method::peaks: return {find_peaks, place_found_events};
    case counting_method::maximum:
    case counting_method::pixels: return {count_hit_events, place_hit_events};
    case counting_method::counts: return {count_multiplicities, place_multiplicities};
  }
  return {};
}

}  // namespace countem::cuda
