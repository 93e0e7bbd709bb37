// The calibration: its words, and the histogram of charges with fit and thresholds. All charges are in ADU.

/** Bins [from, to) of the calibration's histogram, so many put together that about `most` are left. */
function part(fit, counts, from, to, most) {
  const first = Math.max(0, Math.floor((from - fit.first_adu) / fit.step_adu));
  const last = Math.min(counts.length, Math.ceil((to - fit.first_adu) / fit.step_adu));
  const group = Math.max(1, Math.ceil((last - first) / most));
  const edges = [fit.first_adu + first * fit.step_adu], values = [];
  for (let i = first; i < last; i += group) {
    values.push(counts.subarray(i, Math.min(last, i + group)).reduce((a, b) => a + b, 0));
    edges.push(fit.first_adu + Math.min(last, i + group) * fit.step_adu);
  }
  return { edges, values, group };
}

/** The sampled charges, or null where the file holds none. */
function sampledCharges({ fit }) {
  if (!fit || !(fit.step_adu > 0)) return null;
  const counts = allVarints(fit.histogram);
  return counts.length === 0 ? null : counts;
}

function calibrationWords(used, counts) {
  const { fit } = used, words = [];
  if (used.score_adu !== null) words.push(`A peak with a score above ${short(used.score_adu, 4)} ADU is an event.`);
  words.push(used.per_pixel ? `A hit's charge is above its pixel's own threshold, ${short(used.background_adu)} ADU or more.`
                            : `A hit's charge is above ${short(used.background_adu, 4)} ADU.`);
  words.push(used.xray_adu === null ? "No X-ray threshold." : `A pixel from ${short(used.xray_adu, 4)} ADU on is an X-ray.`);
  words.push(used.dark ? (used.dark_frames > 0 ? `Dark reference of ${plural(used.dark_frames, "frame")}.` : "With a dark reference.")
                       : "No dark reference: charges are raw values.");
  if (used.gain) words.push("With a gain reference.");
  if (used.masked_pixels > 0) words.push(`${plural(used.masked_pixels, "pixel")} masked.`);
  if (!counts) return [...words, "The file holds no histogram of charges."].join(" ");
  if (fit.sigma_adu > 0) {
    const sigmas = fit.background_sigmas;
    words.push(`Noise fitted to ${plural(fit.sampled_frames, "frame")}: ${fit.mean_adu.toFixed(3)} ± ${fit.sigma_adu.toFixed(3)} ADU; ` +
               `the threshold lies ${short(Math.abs(sigmas))} sigma ${sigmas < 0 ? "below" : "above"} its mean.`);
    if (fit.false_events) {
      words.push(`Expected beyond it: ${short(fit.false_events.per_frame)} false events per frame, ${short(100 * fit.false_events.share)} % of all.`);
    }
  } else {
    words.push(`The threshold was given; the histogram shows ${plural(fit.sampled_frames, "frame")}.`);
  }
  return words.join(" ");
}

/** The fitted Gaussian over bins of `group` steps. The fit has a free height: that of the bins it was made from, three sigma left to
    half a sigma right of its mean. */
function fittedCurve(fit, counts, group) {
  const shape = (v) => Math.exp(-0.5 * ((v - fit.mean_adu) / fit.sigma_adu) ** 2);
  let there = 0, expected = 0;
  counts.forEach((count, i) => {
    const v = fit.first_adu + (i + 0.5) * fit.step_adu;
    if (v < fit.mean_adu - 3 * fit.sigma_adu || v > fit.mean_adu + 0.5 * fit.sigma_adu) return;
    there += count;
    expected += shape(v);
  });
  return (v) => (expected > 0 ? there / expected * group * shape(v) : 0);
}

/** What the charges below the mean would be above it, over bins of `group` steps. */
function mirroredCurve(fit, counts, group) {
  const at = (v) => counts[Math.floor((v - fit.first_adu) / fit.step_adu)] ?? 0;
  return (v) => (v > fit.mean_adu ? group * at(2 * fit.mean_adu - v) : 0);
}

const backgroundMark = ({ background_adu: value }) => ({ value, words: `threshold ${short(value, 4)} ADU` });

/** What charts of charges have in common. */
function chargeSpec(fit, shown) {
  return {
    edges: shown.edges, values: shown.values, logarithmic: true, xLabel: "charge of a pixel in ADU",
    yLabel: `pixels per ${short(shown.group * fit.step_adu)} ADU`,
    describe: (i) => `${short(shown.edges[i], 4)} to ${short(shown.edges[i + 1], 4)} ADU: ${plural(shown.values[i], "pixel")}`,
  };
}

/** The noise peak with its fit and the background threshold. */
function noiseChart(used, counts) {
  const { fit } = used, fitted = fit.sigma_adu > 0;
  const middle = fitted ? fit.mean_adu : fit.first_adu + 64 * fit.step_adu;
  const wide = fitted ? fit.sigma_adu : 8 * fit.step_adu;
  const shown = part(fit, counts, middle - 6 * wide, Math.max(middle + 8 * wide, used.background_adu + 2 * wide), 160);
  return {
    ...chargeSpec(fit, shown), marks: [backgroundMark(used)],
    curves: fitted ? [{ at: fittedCurve(fit, counts, shown.group) }, { at: mirroredCurve(fit, counts, shown.group), kind: "mirrored" }] : [],
    label: `Histogram of charges around the noise peak with ${fitted ? "the fitted Gaussian, its left side mirrored and " : ""}the background threshold`,
    curveLabel: fitted ? "Line: the fitted Gaussian; dashed: the left side mirrored" : "No noise peak was fitted: the threshold was given",
  };
}

/** What lies beyond each threshold, per sampled frame, and how much of it is noise; null where that is not known. */
function thresholdChart(used) {
  const { fit } = used;
  if (!fit?.curve) return null;
  const { first_adu: first, step_adu: step } = fit.curve;
  const perFrame = (packed) => Array.from(allVarints(packed), (count) => count / fit.sampled_frames);
  const beyond = perFrame(fit.curve.beyond), noise = perFrame(fit.curve.mirrored);
  const scores = used.score_adu !== null, value = scores ? used.score_adu : used.background_adu;
  const at = (v) => noise[Math.floor((v - first) / step + 0.5)] ?? 0;
  return {
    edges: Array.from({ length: beyond.length + 1 }, (_, i) => first + (i - 0.5) * step), values: beyond, logarithmic: true,
    xLabel: scores ? "score threshold in ADU" : "threshold in ADU", yLabel: "per frame", curves: [{ at, kind: "mirrored" }],
    marks: [{ value, words: `${scores ? "score threshold" : "threshold"} ${short(value, 4)} ADU` }],
    describe: (i) => `above ${short(first + i * step, 4)} ADU: ${short(beyond[i], 4)} per frame, of them ${short(noise[i])} of noise`,
    label: "What lies beyond each threshold, per frame, and how much of it is noise",
    curveLabel: "Events per frame beyond each threshold; dashed: of noise, from the mirrored charges",
  };
}

/** All sampled charges with both thresholds. */
function chargeChart(used, counts) {
  const { fit } = used;
  const end = fit.first_adu + counts.length * fit.step_adu;
  const last = counts.findLastIndex((count) => count > 0);
  const shown = part(fit, counts, fit.first_adu, Math.min(end, Math.max(fit.first_adu + (last + 1) * fit.step_adu, 1.1 * (used.xray_adu ?? 0))), 240);
  const marks = [backgroundMark(used)];
  if (used.xray_adu !== null) marks.push({ value: used.xray_adu, words: `X-ray threshold ${short(used.xray_adu, 4)} ADU` });
  const beyond = used.xray_adu !== null && used.xray_adu > shown.edges.at(-1) ? "; the X-ray threshold lies beyond the histogram" : "";
  return {
    ...chargeSpec(fit, shown), marks, label: "Histogram of all sampled charges with the background and X-ray thresholds",
    curveLabel: `${plural(counts.reduce((a, b) => a + b, 0), "pixel")} sampled${beyond}`,
  };
}
