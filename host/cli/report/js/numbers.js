// Numbers as text, and the numbers at the ticks of an axis.

const whole = (number) => Math.round(number).toLocaleString("en");

/** A few significant digits, without an exponent between 0.001 and a million. */
function short(number, digits = 3) {
  if (!Number.isFinite(number)) return "none";
  if (number !== 0 && (Math.abs(number) >= 1e6 || Math.abs(number) < 1e-3)) return number.toExponential(digits - 1).replace("e+", "e");
  if (Math.abs(number) >= 10 ** (digits - 1)) return whole(number);
  return String(Number(number.toPrecision(digits)));
}

/** A number and its standard error: two digits of the error, and the number to the same place. Without an error, `digits` of the number. */
function plusMinus(number, error, digits = 3) {
  if (!(error > 0 && Number.isFinite(error))) return short(number, digits);
  const places = Math.min(20, Math.max(0, 1 - Math.floor(Math.log10(error))));
  const text = (n) => n.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
  return `${text(number)} ± ${text(error)}`;
}

/** A number of electrons and its standard error, the root of it. Of no electrons there is none. */
const electronsText = (number) => (number > 0 ? `${whole(number)} ± ${short(Math.sqrt(number), 2)} electrons` : "0 electrons");

/** A share in per cent: 100 only where it is all. */
function percent(share) {
  const text = short(100 * share, 4);
  return `${share < 1 && text === "100" ? "above 99.99" : text} %`;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** A number with as many digits behind the point as are given, or as it needs, of at most three. */
const decimal = (number, digits) => (digits === undefined ? String(Number(number.toFixed(3))) : number.toFixed(digits));

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let i = 0;
  for (; bytes >= 1000 && i < units.length - 1; ++i) bytes /= 1000;
  return `${i === 0 ? bytes : bytes.toPrecision(3)} ${units[i]}`;
}

const plural = (count, one, many = one + "s") => `${whole(count)} ${count === 1 ? one : many}`;

/** A number with its unit; a plural unit loses its s at exactly 1. */
function withUnit(number, unit, digits = 3) {
  const text = short(number, digits);
  return `${text} ${text === "1" ? unit.replace(/s$/, "") : unit}`;
}

/** The largest of 1, 2, 5 times a power of ten that is not above `most`. */
function roundBelow(most) {
  const decade = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].map((n) => n * decade).find((n) => n <= most * (1 + 1e-9)) ?? decade;
}

/** Round numbers from low to high, about so many. */
function ticks(low, high, about) {
  const step = roundBelow((high - low) / about * 1.6) || 1;
  const out = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; ++n) out.push(n * step);
  return out;
}

/** Powers of ten from floor to ceiling, six or fewer. */
function decades(floor, ceiling) {
  const out = [], first = Math.ceil(Math.log10(floor)), last = Math.floor(Math.log10(ceiling));
  const step = Math.max(1, Math.ceil((last - first) / 6));
  for (let n = first; n <= last; n += step) out.push(10 ** n);
  return out;
}

const superscript = (n) => String(n).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻");
