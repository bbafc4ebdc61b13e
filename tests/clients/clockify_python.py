"""Works on the simulator with a public Clockify library. Takes its settings as JSON on stdin, prints what it saw as JSON."""

import json
import sys
from datetime import datetime, timezone

from clockify_sdk import Clockify
from clockify_sdk.config import Config
from requests.exceptions import JSONDecodeError

given = json.load(sys.stdin)
Config.BASE_URL = given["clockify"]
clockify = Clockify(given["key"])

project = clockify.projects.create(name="Outside", color="#0AC8B9")
start = datetime(2026, 11, 19, 9, 0, tzinfo=timezone.utc)
end = datetime(2026, 11, 19, 9, 30, tzinfo=timezone.utc)
made = clockify.time_entries.create(start=start, end=end, description="From outside", project_id=project["id"])
listed = clockify.time_entries.get_by_user_id(clockify.user_id)
one = clockify.time_entries.get_by_id(made["id"])
projects = clockify.projects.get_all()
try:
    clockify.time_entries.delete(made["id"])
except JSONDecodeError:
    # Clockify answers 204 without a body, which this library takes for JSON.
    pass
try:
    clockify.time_entries.get_by_id(made["id"])
    gone = None
except Exception as error:  # The library has several kinds, all with the text.
    gone = str(error)

print(
    json.dumps(
        {
            "user": clockify.user_id,
            "workspace": clockify.workspace_id,
            "made": made["timeInterval"],
            "listed": [entry["id"] == made["id"] for entry in listed],
            "same": one["projectId"] == project["id"],
            "projects": [item["name"] for item in projects],
            "gone": gone,
        }
    )
)
