#include <countem/counting.hpp>
#include <countem/error.hpp>

namespace countem::cuda {

std::unique_ptr<counter> make_counter(const counting_setup&) {
  throw not_compiled("this countem was built without CUDA: configure with -DCOUNTEM_CUDA=ON where a CUDA toolkit is installed, or use --backend cpu");
}

}  // namespace countem::cuda
