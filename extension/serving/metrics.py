"""What Prometheus reads: counters, gauges and histograms, in its text format 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock

from .jobs import DrawingJob, PictureTask

SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
PICTURES = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)
SHARES = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1)
MOST_SERIES = 20_000  # of one metric: beyond, values of labels are counted as "other"

Labels = tuple[str, ...]


class MetricFamily:
    """One name with its labels."""

    kind = "counter"

    def __init__(self, name: str, help: str, labels: Sequence[str] = ()) -> None:
        self.name, self.help, self.labels = name, help, tuple(labels)
        self.values: dict[Labels, float] = {}
        self._lock = Lock()

    def add(self, amount: float = 1.0, *labels: str) -> None:
        """Counts."""
        with self._lock:
            self._add(self._place(self.values, labels), amount)

    def _add(self, labels: Labels, amount: float) -> None:
        self.values[labels] = self.values.get(labels, 0.0) + amount

    def _place(self, values: Mapping[Labels, object], labels: Labels) -> Labels:
        known = labels in values or len(values) < MOST_SERIES
        return labels if known else ("other",) * len(labels)

    def lines(self, more: Mapping[str, str]) -> Iterator[str]:
        """As Prometheus reads them."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        with self._lock:
            yield from list(self._samples(more))

    def _samples(self, more: Mapping[str, str]) -> Iterator[str]:
        for labels, value in self.values.items():
            yield _sample(self.name, self._named(labels, more), value)

    def _named(self, labels: Labels, more: Mapping[str, str]) -> dict[str, str]:
        return {**more, **dict(zip(self.labels, labels, strict=True))}


class GaugeMetric(MetricFamily):
    """What is asked when it is read."""

    kind = "gauge"

    def __init__(self, name: str, help: str, ask: Callable[[], float]) -> None:
        super().__init__(name, help)
        self.ask = ask

    def _samples(self, more: Mapping[str, str]) -> Iterator[str]:
        yield _sample(self.name, dict(more), self.ask())


class HistogramMetric(MetricFamily):
    """How often a value was at most as great as each of the `bounds`."""

    kind = "histogram"

    def __init__(
        self, name: str, help: str, bounds: Sequence[float], labels: Sequence[str] = ()
    ) -> None:
        super().__init__(name, help, labels)
        self.bounds = bounds
        self.counts: dict[Labels, list[int]] = {}

    def _add(self, labels: Labels, amount: float) -> None:
        super()._add(labels, amount)  # the sum
        counts = self.counts.setdefault(labels, [0] * (len(self.bounds) + 1))
        for index, bound in enumerate(self.bounds):
            counts[index] += amount <= bound
        counts[-1] += 1

    def _samples(self, more: Mapping[str, str]) -> Iterator[str]:
        for labels, counts in self.counts.items():
            named = self._named(labels, more)
            for bound, count in zip((*map(str, self.bounds), "+Inf"), counts, strict=True):
                yield _sample(f"{self.name}_bucket", {**named, "le": bound}, count)
            yield _sample(f"{self.name}_sum", named, self.values[labels])
            yield _sample(f"{self.name}_count", named, counts[-1])


class ServingMetrics:
    """All that is measured of one server; every line names the model."""

    def __init__(self, model: str) -> None:
        self.more = {"model": model}  # labels of every line
        name = "live_lora_"
        self.requests = MetricFamily(
            f"{name}requests_total", "Requests over HTTP.", ("route", "status")
        )
        self.pictures = MetricFamily(
            f"{name}pictures_total", "Pictures, by how they ended.", ("state",)
        )
        self.queue_seconds = HistogramMetric(
            f"{name}queue_seconds", "From a request to its first batch.", SECONDS
        )
        self.job_seconds = HistogramMetric(
            f"{name}request_seconds", "From a request to its pictures.", SECONDS
        )
        self.batch_pictures = HistogramMetric(
            f"{name}batch_pictures", "Pictures in a batch.", PICTURES
        )
        self.batch_fill = HistogramMetric(
            f"{name}batch_fill", "Pictures in a batch, of those there could be.", SHARES
        )
        self.step_seconds = HistogramMetric(
            f"{name}step_seconds", "One sampler step of a batch.", SECONDS
        )
        self.cache = MetricFamily(
            f"{name}lora_cache_total", "LoRAs that were in memory, or were not.", ("lora", "result")
        )
        self.load_seconds = MetricFamily(
            f"{name}lora_load_seconds_total", "Time to read LoRAs.", ("lora",)
        )
        self.families: list[MetricFamily] = [
            *(self.requests, self.pictures, self.queue_seconds, self.job_seconds),
            *(self.batch_pictures, self.batch_fill, self.step_seconds),
            *(self.cache, self.load_seconds),
        ]

    def gauge(self, name: str, help: str, ask: Callable[[], float]) -> None:
        """One more thing to ask."""
        self.families.append(GaugeMetric(f"live_lora_{name}", help, ask))

    def lora(self, name: str, seconds: float | None) -> None:
        """A LoRA was wanted: in memory (None), or read in so many seconds."""
        self.cache.add(1, name, "hit" if seconds is None else "miss")
        if seconds is not None:
            self.load_seconds.add(seconds, name)

    def waited(self, batch: Sequence[PictureTask]) -> None:
        """These begin to be drawn."""
        for task in batch:
            self.queue_seconds.add((task.job.started or 0.0) - task.job.created)

    def batch(self, pictures: int, most: int, steps: Sequence[float]) -> None:
        """A batch was drawn."""
        self.batch_pictures.add(pictures)
        self.batch_fill.add(pictures / most)
        for seconds in steps:
            self.step_seconds.add(seconds)

    def ended(self, job: DrawingJob) -> None:
        """A job is over."""
        for task in job.tasks:
            self.pictures.add(1, task.state.value)
        self.job_seconds.add((job.ended or 0.0) - job.created)

    def text(self) -> str:
        """What `GET /metrics` answers."""
        return "".join(f"{line}\n" for one in self.families for line in one.lines(self.more))


def merged_text(texts: Sequence[str]) -> str:
    """Of several servers, whose lines a label tells apart: what a metric is, is said once."""
    families: dict[str, list[str]] = {}
    for text in texts:
        heads: list[str] = []
        for line in text.splitlines():
            if line.startswith("# HELP"):
                heads = [line]
            elif line.startswith("#"):
                heads.append(line)
                lines = families.setdefault("\n".join(heads), [])
            else:
                lines.append(line)
    return "".join(
        f"{line}\n" for head, lines in families.items() for line in (head, *lines) if lines
    )


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value:g}" if value % 1 else f"{name}{{{inside}}} {int(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
