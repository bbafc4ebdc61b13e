"""Says when cron expressions fire around every change of a clock, without any of our code: expressions are matched by
croniter against the bare local clock, local times are understood by zoneinfo.

Reads {"zones": [...] or null for all, "from": year, "to": year, "specs": [{"cron", "gap", "fold"}], "detail": bool} and
prints one JSON line per zone: the windows around its changes in UTC, and per spec the count and the SHA-256 of all times
in them (or, with detail, the times). "versions" comes first.
"""

import os

os.environ["PYTHONTZPATH"] = ""  # The pinned package, whatever the machine has.

import datetime as dt
import functools
import hashlib
import importlib.metadata
import json
import re
import sys
import zoneinfo

import croniter
import tzdata

UTC = dt.timezone.utc
DAY = dt.timedelta(days=1)
AROUND = dt.timedelta(hours=4)


def changes(zone, start, end):
    """All moments in [start, end) at which the zone's clock is set."""
    found = []
    at = start
    ahead = at.astimezone(zone).utcoffset()
    while at < end:
        look = min(at + DAY, end)
        if look.astimezone(zone).utcoffset() != ahead:
            same, other = at, look
            while other - same > dt.timedelta(seconds=1):
                middle = same + dt.timedelta(seconds=(other - same) // dt.timedelta(seconds=1) // 2)
                if middle.astimezone(zone).utcoffset() == ahead:
                    same = middle
                else:
                    other = middle
            found.append(other)
            at, ahead = other, other.astimezone(zone).utcoffset()
        else:
            at = look
    return found


def local_times(cron, day):
    """The times of one day that the expression names, on the bare local clock."""
    if cron.split()[-3:] != ["*", "*", "*"]:
        return matched(cron, day)
    # The same every day, so asked for once.
    return [dt.datetime.combine(day, at.time()) for at in matched(cron, dt.date(2000, 1, 1))]


@functools.lru_cache(maxsize=None)
def matched(cron, day):
    # croniter writes the last Friday as L5 where most others, and we, write 5L.
    cron = re.sub(r"\b(\d)L\b", r"L\1", cron)
    midnight = dt.datetime.combine(day, dt.time())
    times = croniter.croniter_range(
        midnight, midnight + DAY - dt.timedelta(seconds=1), cron, second_at_beginning=True
    )
    return list(times)


def moments(spec, local, zone):
    """What a local time means under the spec's policies."""
    first = local.replace(tzinfo=zone).astimezone(UTC)
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) != local:
        # The clock jumps over it; fold 0 counts on as before the jump, which is later by as much.
        return [first] if spec["gap"] == "shift" else []
    if first == second:
        return [first]
    return {"first": [first], "second": [second], "both": [first, second]}[spec["fold"]]


def times_of(spec, zone, start, end, changed_by):
    first = start.astimezone(zone).replace(tzinfo=None) - changed_by
    last = end.astimezone(zone).replace(tzinfo=None) + changed_by
    day = first.date()
    found = set()
    while day <= last.date():
        for local in local_times(spec["cron"], day):
            if first <= local <= last:
                found.update(at for at in moments(spec, local, zone) if start <= at < end)
        day += DAY
    return [int(at.timestamp()) for at in sorted(found)]


KNOWN = {}


def times_around(index, spec, zone, change, start, end, before, ahead):
    """The same for every zone whose clock is set alike at that moment, so worked out once."""
    key = (index, change, before, ahead)
    if key not in KNOWN:
        KNOWN[key] = times_of(spec, zone, start, end, abs(ahead - before))
    return KNOWN[key]


def main():
    wanted = json.load(sys.stdin)
    print(json.dumps({"tzdata": tzdata.IANA_VERSION, "croniter": importlib.metadata.version("croniter")}))
    start = dt.datetime(wanted["from"], 1, 1, tzinfo=UTC)
    end = dt.datetime(wanted["to"], 1, 1, tzinfo=UTC)
    for name in wanted["zones"] or sorted(zoneinfo.available_timezones()):
        zone = zoneinfo.ZoneInfo(name)
        windows, times = [], [[] for _ in wanted["specs"]]
        # A zone that never changes is looked at like one that does.
        for change in changes(zone, start, end) or [start]:
            ahead = change.astimezone(zone).utcoffset()
            before = (change - dt.timedelta(seconds=1)).astimezone(zone).utcoffset()
            around = AROUND + abs(ahead - before)
            window = (change - around, change + around)
            windows.append([int(at.timestamp()) for at in window])
            for index, spec in enumerate(wanted["specs"]):
                times[index].append(times_around(index, spec, zone, change, *window, before, ahead))
        specs = []
        for found in times:
            flat = [at for part in found for at in part]
            digest = hashlib.sha256("".join(f"{at}\n" for at in flat).encode()).hexdigest()
            specs.append({"count": len(flat), "digest": digest, "times": flat if wanted["detail"] else None})
        print(json.dumps({"zone": name, "windows": windows, "specs": specs}), flush=True)


main()
