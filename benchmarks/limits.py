"""Backfills in virtual time: how the limiter gets on with services that allow so much and no more.

The limits are those of `SimulatedUDL`, the limiter is that of a run, the tries and pauses are those of `UDLClient`; only time is a number.
"""

import heapq
from collections import Counter, deque
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import ceil
from random import Random

from reach_nb.service.client import back_off
from reach_nb.service.limiter import AdaptiveRateController
from reach_nb.simulated.limits import MinuteQuota, TokenBucket

MAX_RETRIES = 5  # as `UDLClient` has it


class VirtualClock:
    """A clock, and the sleep that moves it; what falls due meanwhile happens on the way."""

    def __init__(self):
        self.now, self.due, self.order = 0.0, [], count()

    def __call__(self):
        return self.now

    def later(self, seconds, action, *args):
        heapq.heappush(self.due, (self.now + seconds, next(self.order), action, args))

    def sleep(self, seconds):
        until = self.now + seconds
        while self.due and self.due[0][0] <= until:
            self.now, _, action, args = heapq.heappop(self.due)
            action(*args)
        self.now = until


@dataclass
class Outcome:
    """What became of a backfill in virtual time."""

    seconds: float  # until the last answer
    counts: Counter  # answers: served, refused, failed
    answers: list  # (seconds, outcome, pace) of each
    allowed: float  # requests that the service would have served in this time

    @property
    def goodput(self):
        """Served answers as a share of what was allowed."""
        return self.counts["served"] / self.allowed

    @property
    def refused(self):
        """Refused answers as a share of all."""
        return 1 - self.counts["served"] / self.counts.total()


def backfill(
    limit,
    clock,
    allowed,
    tells=False,
    chunks=2_880,
    workers=4,
    latency=(0.05, 0.1),
    seed=1,
    **rates,
):
    """An `Outcome`: workers ask for chunks until all are served, or refused six times.

    `limit.take()` gives 0 for a request that is served, otherwise the seconds to wait, which the service says if it `tells`.
    """
    random, answers, counts = Random(seed), [], Counter()
    limiter = AdaptiveRateController(clock=clock, sleep=clock.sleep, **rates)
    jitter = partial(random.uniform, 1, 1.25)
    ready, left = deque([0] * workers), chunks - workers

    def arrive(refusals, slot, half):
        clock.later(half, finish, refusals, slot, limit.take())

    def finish(refusals, slot, wait):
        nonlocal left
        retry_after = max(1, ceil(wait)) if tells and wait else None
        limiter.record_rate_limit(retry_after, slot) if wait else limiter.record_success(slot)
        outcome = "served" if not wait else "refused" if refusals < MAX_RETRIES else "failed"
        counts[outcome] += 1
        answers.append((clock.now, outcome, limiter.pace))
        if outcome == "refused":
            pause = 0 if retry_after else back_off(1.0, jitter)(refusals + 1)
            clock.later(pause, ready.append, refusals + 1)
        elif left > 0:
            left -= 1
            ready.append(0)

    while ready or clock.due:
        if ready:
            refusals, slot, half = ready.popleft(), limiter.acquire(), random.uniform(*latency) / 2
            clock.later(half, arrive, refusals, slot, half)
        else:
            clock.sleep(clock.due[0][0] - clock.now)
    return Outcome(answers[-1][0], counts, answers, allowed(answers[-1][0]))


def against_bucket(rate, burst=10, **options):
    """A backfill from a service that allows `rate` requests/s in the long run, and `burst` at once."""
    clock = VirtualClock()
    return backfill(
        TokenBucket(rate, burst, clock), clock, lambda seconds: burst + rate * seconds, **options
    )


def against_quota(quota, **options):
    """A backfill from a service that allows `quota` requests in each minute of the clock."""
    clock = VirtualClock()
    return backfill(
        MinuteQuota(quota, clock), clock, lambda seconds: quota * (seconds // 60 + 1), **options
    )


def least_seconds(requests=288, **rates):
    """The virtual seconds until the limiter has let so many requests through, each served at once."""
    clock = VirtualClock()
    limiter = AdaptiveRateController(clock=clock, sleep=clock.sleep, **rates)
    for _ in range(requests):
        limiter.record_success(limiter.acquire())
    return clock.now
