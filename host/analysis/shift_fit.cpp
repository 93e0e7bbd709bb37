#include "host/analysis/shift_fit.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "host/analysis/aberration_basis.hpp"
#include "host/analysis/group_correlation.hpp"

namespace countem::analysis {

namespace {

using complex = std::complex<double>;

constexpr unsigned most_iterations = 25;
constexpr double small_change = 0.005;  ///< scan steps

Eigen::Vector2d vector_of(complex z) {
  return {z.real(), z.imag()};
}

class shift_fitter {
 public:
  shift_fitter(const group_images& images, const pixel_groups& groups, unsigned threads)
      : groups_(groups), images_(images, threads), scan_(images.scan) {}

  fitted_shifts fit(const linear_shifts& start, unsigned order);

 private:
  bool climb();
  double halve(const std::vector<complex>& from);
  bool measure_curvature();
  [[nodiscard]] double largest_shift() const;
  /// Returns how far the displacements changed.
  double update();
  void set_coefficients(const Eigen::VectorXd& solution, const Eigen::MatrixXd& covariance);

  const pixel_groups& groups_;
  group_correlation images_;
  scan_shape scan_;
  std::vector<correlation_slope> slopes_;
  Eigen::Matrix2d per_electron_;  ///< mean curvature
  fitted_shifts found_;
};

fitted_shifts shift_fitter::fit(const linear_shifts& start, unsigned order) {
  found_ = {};
  found_.rotation.flip = start.is_flipped();
  // s = along w + across conj(w) is C u + A conj(u) with u = e^(-i angle) times w, or -conj(w) where the detector is flipped.
  const complex scale = found_.rotation.flip ? -start.across : start.along;
  double turned = std::arg(scale);
  if (std::abs(turned) > std::numbers::pi / 2) turned -= std::copysign(std::numbers::pi, turned);
  found_.rotation.degrees = -turned * 180 / std::numbers::pi;
  for (const pixel_group& group : groups_.groups) found_.fitted.push_back(start.at({group.row, group.column}));
  found_.measured.resize(found_.fitted.size());
  for (unsigned now = 1; now <= order; ++now) {
    found_.aberrations = aberrations_up_to(now);
    found_.converged = false;
    if (!climb()) return found_;
  }
  return found_;
}

/// Steps that lower the correlation are halved. Returns whether there is a maximum at all.
bool shift_fitter::climb() {
  const double shorter = std::min(scan_.height, scan_.width);
  const double taper = std::clamp(largest_shift() + 2, shorter / 8, shorter / 2);
  double highest = -std::numeric_limits<double>::infinity();
  std::vector<complex> there = found_.fitted;
  for (unsigned i = 0; i < most_iterations && !found_.converged; ++i) {
    images_.align(found_.fitted, taper);
    if (images_.value() < highest) {
      found_.converged = halve(there) < small_change;
      continue;
    }
    if (!images_.renew_weights()) return false;
    highest = images_.value();
    there = found_.fitted;
    slopes_ = images_.slopes();
    if (!measure_curvature()) return false;
    ++found_.iterations;
    found_.converged = update() < small_change;
  }
  return true;
}

/// Back half of the way to where it came from. Returns how far.
double shift_fitter::halve(const std::vector<complex>& from) {
  double change = 0;
  for (std::size_t g = 0; g < from.size(); ++g) {
    const complex half = (found_.fitted[g] - from[g]) / 2.0;
    change = std::max(change, std::abs(half));
    found_.fitted[g] = from[g] + half;
  }
  return change;
}

bool shift_fitter::measure_curvature() {
  per_electron_.setZero();
  double electrons = 0;
  for (std::size_t g = 0; g < slopes_.size(); ++g) {
    per_electron_ += slopes_[g].curvature;
    electrons += groups_.groups[g].electrons;
  }
  per_electron_ /= electrons;
  return per_electron_.determinant() > 0 && per_electron_.trace() > 0;
}

double shift_fitter::largest_shift() const {
  double largest = 0;
  for (const complex& shift : found_.fitted) largest = std::max(largest, std::abs(shift));
  return largest;
}

double shift_fitter::update() {
  const auto terms = static_cast<Eigen::Index>(2 * found_.aberrations.size());
  const Eigen::Index unknowns = terms + 3;  // and a turn, and the place of the sum
  std::vector<Eigen::Matrix2Xd> bases;
  Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(unknowns, unknowns);
  Eigen::VectorXd right = Eigen::VectorXd::Zero(unknowns);
  for (std::size_t g = 0; g < groups_.groups.size(); ++g) {
    const pixel_group& group = groups_.groups[g];
    const complex u = in_scan_axes(group.row, group.column, found_.rotation);
    Eigen::Matrix2Xd& basis = bases.emplace_back(2, unknowns);
    for (Eigen::Index t = 0; t < terms; ++t) {
      const aberration& term = found_.aberrations[static_cast<std::size_t>(t / 2)];
      basis.col(t) = vector_of(gradient_of(term.order, term.symmetry, t % 2 == 0 ? complex(1) : complex(0, -1), u));
    }
    basis.col(terms) = vector_of(complex(0, 1) * u);
    basis.col(terms + 1) = Eigen::Vector2d(1, 0);
    basis.col(terms + 2) = Eigen::Vector2d(0, 1);
    const Eigen::Matrix2d weight = group.electrons * per_electron_;
    const Eigen::Vector2d moved = weight.ldlt().solve(slopes_[g].gradient);
    found_.measured[g] = found_.fitted[g] + complex(moved[0], moved[1]);
    normal += basis.transpose() * weight * basis;
    right += basis.transpose() * weight * vector_of(found_.measured[g]);
  }
  // Terms without a sine have an empty column.
  for (Eigen::Index t = 0; t < unknowns; ++t) {
    if (!(normal(t, t) > 0)) normal(t, t) = 1;
  }
  // Powers of pixels are of very different sizes.
  const Eigen::VectorXd scale = normal.diagonal().cwiseSqrt().cwiseInverse();
  const Eigen::MatrixXd scaled = scale.asDiagonal() * normal * scale.asDiagonal();
  const Eigen::MatrixXd inverse = scale.asDiagonal() * scaled.inverse() * scale.asDiagonal();
  const Eigen::VectorXd solution = inverse * right;
  double misfit = 0;
  double squares = 0;
  double electrons = 0;
  double change = 0;
  const complex place(solution[terms + 1], solution[terms + 2]);
  for (std::size_t g = 0; g < bases.size(); ++g) {
    const Eigen::Vector2d fitted = bases[g] * solution;
    const Eigen::Vector2d left = vector_of(found_.measured[g]) - fitted;
    const double weight = groups_.groups[g].electrons;
    misfit += weight * left.dot(per_electron_ * left);
    squares += weight * left.squaredNorm() / 2;
    electrons += weight;
    const complex shift = complex(fitted[0], fitted[1]) - place;
    change = std::max(change, std::abs(shift - found_.fitted[g]));
    found_.fitted[g] = shift;
    found_.measured[g] -= place;
  }
  found_.measured_error = std::sqrt(squares / electrons);
  const double freedom = std::max(1.0, 2.0 * static_cast<double>(bases.size()) - static_cast<double>(unknowns));
  set_coefficients(solution, inverse * (misfit / freedom));
  return change;
}

void shift_fitter::set_coefficients(const Eigen::VectorXd& solution, const Eigen::MatrixXd& covariance) {
  const auto error = [&](Eigen::Index t) { return std::sqrt(std::max(0.0, covariance(t, t))); };
  for (std::size_t t = 0; t < found_.aberrations.size(); ++t) {
    aberration& term = found_.aberrations[t];
    const auto a = static_cast<Eigen::Index>(2 * t);
    const bool has_sine = term.symmetry != 0;
    term.a = solution[a];
    term.a_error = error(a);
    term.b = has_sine ? solution[a + 1] : 0;
    term.b_error = has_sine ? error(a + 1) : 0;
  }
  // C u + i r u is C e^(i t) u with tan t = r / C: t less of an angle.
  const auto turn = static_cast<Eigen::Index>(2 * found_.aberrations.size());
  const double defocus = found_.aberrations.front().a;
  const double degrees = 180 / std::numbers::pi;
  found_.rotation.degrees -= std::atan(solution[turn] / defocus) * degrees;
  found_.rotation_error_degrees = error(turn) / std::abs(defocus) * degrees;
}

}  // namespace

fitted_shifts fit_shifts(const group_images& images, const pixel_groups& groups, const linear_shifts& start, unsigned order,
                         unsigned threads) {
  return shift_fitter(images, groups, threads).fit(start, order);
}

void turn_half(fitted_shifts& shifts) {
  shifts.rotation.degrees += shifts.rotation.degrees > 0 ? -180 : 180;
  for (aberration& term : shifts.aberrations) {
    // Angles change their sign: odd powers of the displacement do, too.
    if (term.order % 2 == 0) continue;
    term.a = -term.a;
    term.b = -term.b;
  }
}

}  // namespace countem::analysis
