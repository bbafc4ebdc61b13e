"""A worker of BullMQ for Python: executes so many jobs of a queue, and ends. Settings come as JSON on standard input."""

import asyncio
import json
import sys

from bullmq import Worker

settings = json.load(sys.stdin)
done = asyncio.Event()
seen = []


async def process(job, _token):
    seen.append({"name": job.name, "data": job.data})
    await job.updateProgress({"phase": "drawing", "done": 1, "total": 2})
    await job.log("python at work")
    if job.data["n"] < 0:
        raise ValueError("n is negative")
    return {"twice": 2 * job.data["n"]}


async def main():
    worker = Worker(settings["queue"], process, {"connection": settings["url"]})
    ended = 0

    def count(*_):
        nonlocal ended
        ended += 1
        if ended == settings["jobs"]:
            done.set()

    worker.on("completed", count)
    worker.on("failed", count)
    await asyncio.wait_for(done.wait(), 50)
    await worker.close()


asyncio.run(main())
print(json.dumps({"seen": seen}))
