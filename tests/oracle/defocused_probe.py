"""4D-STEM of a phase object by a defocused probe: one multiplication and two Fourier transforms per position, electrons drawn one by
one. Shares nothing with the program under test."""

from dataclasses import dataclass

import numpy as np

from semantics import Counted

WAVELENGTH_NM = 0.0019687  # 300 kV


@dataclass
class Probe:
    """Angles in rad, lengths in nm; positive C10 is overfocus. Axes of arrays are rows and columns, also in C12a and C12b."""

    C10: float
    C12a: float = 0
    C12b: float = 0
    rotation_degrees: float = 0  # from detector to scan axes, clockwise on the screen, after the flip
    flip: bool = False
    aperture: float = 0.010
    scan: int = 40
    step: float = 0.1
    detector: int = 32
    pixel: float = 0.001
    middle: tuple[float, float] = (15.7, 15.2)
    electrons: float = 150


class Simulation:
    def __init__(self, probe: Probe, seed: int = 1, points: int = 96, angle: float = 0.0004) -> None:
        self.probe = probe
        self.random = np.random.default_rng(seed)
        self.length = WAVELENGTH_NM / angle
        self.pixel = self.length / points
        self.angle = angle
        places = np.arange(points) * self.pixel
        self.phase = np.zeros((points, points))
        for row, column in self.random.uniform(0, self.length, (100, 2)):
            apart = [np.exp(-((places - at + self.length / 2) % self.length - self.length / 2)**2 / (2 * 0.12**2)) for at in (row, column)]
            self.phase += 0.5 * np.outer(*apart)
        frequency = np.fft.fftfreq(points, self.pixel)
        self.frequencies = np.meshgrid(frequency, frequency, indexing="ij")
        self.begin = (self.length - (probe.scan - 1) * probe.step) / 2

    def frames(self) -> list[Counted]:
        probe = self.probe
        down, right = (WAVELENGTH_NM * frequency for frequency in self.frequencies)
        path = (probe.C10 * (down**2 + right**2) + probe.C12a * (down**2 - right**2) + 2 * probe.C12b * down * right) / 2
        lens = (np.hypot(down, right) <= probe.aperture) * np.exp(-2j * np.pi / WAVELENGTH_NM * path)
        passed = np.exp(1j * self.phase)
        frames = []
        for row in range(probe.scan):
            places = self.begin + np.stack([np.full(probe.scan, row), np.arange(probe.scan)]) * probe.step
            ramps = np.exp(-2j * np.pi * sum(frequency * at[:, None, None] for frequency, at in zip(self.frequencies, places)))
            patterns = np.abs(np.fft.fft2(np.fft.ifft2(lens * ramps) * passed))**2
            frames += [self.drawn(pattern, down, right) for pattern in patterns]
        return frames

    def drawn(self, pattern: np.ndarray, down: np.ndarray, right: np.ndarray) -> Counted:
        probe, random = self.probe, self.random
        cumulated = np.cumsum(pattern.ravel())
        number = random.poisson(probe.electrons)
        found = np.searchsorted(cumulated, random.random(number) * cumulated[-1])
        angles = [axis.ravel()[found] + random.uniform(-self.angle / 2, self.angle / 2, number) for axis in (down, right)]
        turn = np.deg2rad(probe.rotation_degrees)
        rows = np.cos(turn) * angles[0] - np.sin(turn) * angles[1]
        columns = np.sin(turn) * angles[0] + np.cos(turn) * angles[1]
        pixels = np.rint(np.stack([-rows if probe.flip else rows, columns]) / probe.pixel + np.array(probe.middle)[:, None]).astype(int)
        pixels = pixels[:, ((pixels >= 0) & (pixels < probe.detector)).all(axis=0)]
        indices = np.sort(pixels[0] * probe.detector + pixels[1]).astype(np.uint32)
        return Counted(indices, np.empty(0, np.uint32), 0, 15)

    def ideal(self, upsample: int) -> np.ndarray:
        """What a bright field without parallax shows of a weak phase, on `upsample` cells per scan step."""
        frequency = np.hypot(*self.frequencies)
        transfer = np.sin(np.pi * WAVELENGTH_NM * self.probe.C10 * frequency**2) * (WAVELENGTH_NM * frequency < 2 * self.probe.aperture)
        spectrum = np.fft.fft2(self.phase) * transfer
        places = self.begin + np.arange(self.probe.scan * upsample) * self.probe.step / upsample
        waves = np.exp(2j * np.pi * np.outer(places, self.frequencies[0][:, 0]))
        return (waves @ spectrum @ waves.T).real
