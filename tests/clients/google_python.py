"""Reads the simulator with Google's own Python libraries. Takes its settings as JSON on stdin, prints what it read as JSON."""

import base64
import json
import os
import sys
import urllib.parse
import urllib.request

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"

from google.api_core.exceptions import BadRequest, Forbidden
from google.apps.meet_v2 import ConferenceRecordsServiceClient, SpacesServiceClient
from google.apps.meet_v2.types import GetSpaceRequest, ListConferenceRecordsRequest
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from google_auth_oauthlib.flow import Flow
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

given = json.load(sys.stdin)
root = given["root"]


def credentials(refresh_token):
    return Credentials(
        None,
        refresh_token=refresh_token,
        token_uri=f"{root}/token",
        client_id=given["client_id"],
        client_secret=given["client_secret"],
    )


def consent():
    """The installed-app flow with PKCE; instead of a browser the redirect is read and not followed."""
    config = {
        "installed": {
            "client_id": given["client_id"],
            "client_secret": given["client_secret"],
            "auth_uri": f"{root}/o/oauth2/v2/auth",
            "token_uri": f"{root}/token",
            "redirect_uris": ["http://localhost"],
        }
    }
    flow = Flow.from_client_config(config, scopes=given["scopes"], autogenerate_code_verifier=True)
    flow.redirect_uri = "http://127.0.0.1:39998/"
    url, state = flow.authorization_url(access_type="offline", prompt="consent")

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args):
            return None

    try:
        urllib.request.build_opener(Stay).open(url)
        raise SystemExit("the consent page did not redirect")
    except urllib.error.HTTPError as redirect:
        location = redirect.headers["location"]
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)
    assert query["state"] == [state]
    flow.fetch_token(code=query["code"][0])
    return flow.credentials


def all_pages(resource, method, key, **arguments):
    items, pages = [], 0
    request = getattr(resource, method)(**arguments)
    while request is not None:
        answer = request.execute()
        items += answer.get(key, [])
        pages += 1
        request = getattr(resource, f"{method}_next")(request, answer)
    return items, pages, answer


def http_error(call):
    try:
        call()
    except HttpError as error:
        return {"status": error.status_code, "reason": error.reason, "details": error.error_details}
    return None


read = {}
login = consent()
read["login"] = {"refresh_token": bool(login.refresh_token), "scopes": sorted(login.granted_scopes or login.scopes)}
claims = login.id_token.split(".")[1]
read["login"]["sub"] = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]

user = credentials(login.refresh_token)
meet = build("meet", "v2", credentials=user, static_discovery=True, client_options={"api_endpoint": root})
records, pages, _ = all_pages(meet.conferenceRecords(), "list", "conferenceRecords", pageSize=100)
newest = records[0]["name"]
participants = meet.conferenceRecords().participants()
people, people_pages, _ = all_pages(participants, "list", "participants", parent=newest)
mine = [one["name"] for one in people if one.get("signedinUser", {}).get("user") == f"users/{read['login']['sub']}"]
sessions, _, _ = all_pages(participants.participantSessions(), "list", "participantSessions", parent=mine[0])
space = meet.spaces().get(name=records[0]["space"]).execute()
read["meet"] = {
    "records": len(records),
    "pages": pages,
    "newest": newest,
    "newest_has_end": "endTime" in records[0],
    "people": len(people),
    "mine": len(mine),
    "sessions": len(sessions),
    "code": space["meetingCode"],
    "bad_filter": http_error(lambda: meet.conferenceRecords().list(filter="nonsense").execute()),
}

calendar = build(
    "calendar", "v3", credentials=user, static_discovery=True, client_options={"api_endpoint": f"{root}/calendar/v3/"}
)
events, event_pages, last = all_pages(
    calendar.events(), "list", "items", calendarId="dana@example.com", singleEvents=True, maxResults=100
)
token = last["nextSyncToken"]
changes, _, _ = all_pages(calendar.events(), "list", "items", calendarId="dana@example.com", singleEvents=True, syncToken=token)
urllib.request.urlopen(urllib.request.Request(f"{root}/_simulator/world/expire-sync-tokens", data=b"{}", method="POST"))
read["calendar"] = {
    "events": len(events),
    "pages": event_pages,
    "with_code": sum("conferenceData" in event for event in events),
    "changes": len(changes),
    "types": len(calendar.events().list(calendarId="primary", singleEvents=True, eventTypes=["focusTime", "outOfOffice"]).execute()["items"]),
    "calendars": [one["id"] for one in calendar.calendarList().list().execute()["items"]],
    "expired": http_error(
        lambda: calendar.events().list(calendarId="dana@example.com", singleEvents=True, syncToken=token).execute()
    ),
}

gapic = ConferenceRecordsServiceClient(transport="rest", credentials=user, client_options={"api_endpoint": root})
listed = list(gapic.list_conference_records(request=ListConferenceRecordsRequest(page_size=50)))
spaces = SpacesServiceClient(transport="rest", credentials=user, client_options={"api_endpoint": root})
poor = ConferenceRecordsServiceClient(
    transport="rest", credentials=credentials(given["poor_refresh_token"]), client_options={"api_endpoint": root}
)
try:
    list(poor.list_conference_records())
    forbidden = None
except Forbidden as error:
    forbidden = error.reason
try:
    list(gapic.list_conference_records(request=ListConferenceRecordsRequest(filter="nonsense")))
    invalid = False
except BadRequest:
    invalid = True
read["gapic"] = {
    "records": len(listed),
    "newest": listed[0].name,
    "newest_has_end": bool(listed[0].end_time),
    "people": len(list(gapic.list_participants(parent=newest))),
    "sessions": len(list(gapic.list_participant_sessions(parent=mine[0]))),
    "code": spaces.get_space(request=GetSpaceRequest(name=listed[0].space)).meeting_code,
    "forbidden": forbidden,
    "invalid_filter": invalid,
}

try:
    from google.auth.transport.requests import Request

    credentials("1//0composed-unknown").refresh(Request())
    read["unknown_refresh_token"] = None
except RefreshError as error:
    read["unknown_refresh_token"] = {"text": str(error.args[0]), "retryable": error.retryable}

print(json.dumps(read))
