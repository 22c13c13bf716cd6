"""The same jobs as the article of the seeds does them: a producer, a queue, and consumers, with asyncio.

    python3 examples/pipeline/asyncio.py --jobs 1000000 --faults some
    python3 examples/pipeline/asyncio.py --jobs 1000000 --bare

With `--bare` as it is in the article's first program: no time limit, no retries, and a panic ends all.
"""

# A file of this name would be found in place of the module.
import sys

sys.path.pop(0)

import argparse
import asyncio
import time
from collections import Counter

PRODUCERS = 4
ATTEMPT = 0.020
RETRIES = 2
DELAY = 0.001


class Busy(Exception):
    pass


class Invalid(Exception):
    pass


async def attempt(job, attempt, faults, yields):
    for _ in range(yields):
        await asyncio.sleep(0)
    if faults:
        place = job % 10_000
        if place == 1500:
            raise Busy
        if place == 2500 and attempt == 1 or job % 50_000 == 3500:
            await asyncio.sleep(3600)
        if place == 4500:
            raise Invalid
        if place == 5500:
            raise RuntimeError("a bug in job", job)
        if place % 1000 == 600 and attempt == 1:
            raise Busy
    return job + 1


async def consume_bare(queue, counts, faults, yields):
    while (job := await queue.get()) is not None:
        await attempt(job, 1, faults, yields)
        counts["Done"] += 1


async def consume(queue, counts, faults, yields):
    while (job := await queue.get()) is not None:
        for tried in range(1, RETRIES + 2):
            try:
                async with asyncio.timeout(ATTEMPT):
                    await attempt(job, tried, faults, yields)
                outcome = "Done"
                break
            except Invalid:
                outcome = "Invalid"
                break
            except Busy:
                outcome = "Busy"
            except TimeoutError:
                outcome = "TimedOut"
            except Exception:
                outcome = "Panicked"
                break
            if tried <= RETRIES:
                await asyncio.sleep(DELAY * tried)
        counts[outcome] += 1


async def produce(queue, numbers):
    for job in numbers:
        await queue.put(job)


async def main(args):
    queue = asyncio.Queue(2 * args.limit)
    counts = Counter()
    consumer = consume_bare if args.bare else consume
    consumers = [
        asyncio.create_task(consumer(queue, counts, args.faults == "some", args.yields))
        for _ in range(args.limit)
    ]
    await asyncio.gather(*(produce(queue, range(n, args.jobs, PRODUCERS)) for n in range(PRODUCERS)))
    for _ in consumers:
        await queue.put(None)
    await asyncio.gather(*consumers)
    return counts


parser = argparse.ArgumentParser()
parser.add_argument("--jobs", type=int, default=1_000_000)
parser.add_argument("--limit", type=int, default=50)
parser.add_argument("--faults", choices=["none", "some"], default="none")
parser.add_argument("--yields", type=int, default=0)
parser.add_argument("--bare", action="store_true")
args = parser.parse_args()
start = time.perf_counter()
counts = asyncio.run(main(args))
elapsed = time.perf_counter() - start
assert sum(counts.values()) == args.jobs
print(dict(counts), f"in {elapsed:.3f} s, {elapsed / args.jobs * 1e9:.0f} ns a job")
