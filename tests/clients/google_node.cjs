// Reads the simulator with Google's own Node libraries. Takes its settings as JSON on stdin, prints what it read as JSON.
'use strict';

const { google } = require('googleapis');
const { OAuth2Client, CodeChallengeMethod } = require('google-auth-library');
const { ConferenceRecordsServiceClient } = require('@google-apps/meet').v2;

async function main() {
  const given = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
  const { root } = given;
  const client = () =>
    new OAuth2Client({
      clientId: given.client_id,
      clientSecret: given.client_secret,
      redirectUri: 'http://127.0.0.1:39997/',
      endpoints: {
        oauth2TokenUrl: `${root}/token`,
        oauth2AuthBaseUrl: `${root}/o/oauth2/v2/auth`,
        oauth2RevokeUrl: `${root}/revoke`,
        tokenInfoUrl: `${root}/tokeninfo`,
      },
    });

  const auth = client();
  const { codeVerifier, codeChallenge } = await auth.generateCodeVerifierAsync();
  const url = auth.generateAuthUrl({
    access_type: 'offline',
    prompt: 'consent',
    scope: given.scopes,
    state: 'composed-state',
    code_challenge: codeChallenge,
    code_challenge_method: CodeChallengeMethod.S256,
  });
  const redirect = await fetch(url, { redirect: 'manual' });
  const location = new URL(redirect.headers.get('location'));
  const { tokens } = await auth.getToken({ code: location.searchParams.get('code'), codeVerifier });
  auth.setCredentials(tokens);
  const info = await auth.getTokenInfo(tokens.access_token);

  // Only the refresh token: the first call has to refresh.
  auth.setCredentials({ refresh_token: tokens.refresh_token });

  const meet = google.meet({ version: 'v2', auth, rootUrl: `${root}/` });
  const records = [];
  let pages = 0;
  let pageToken;
  do {
    const { data } = await meet.conferenceRecords.list({ pageSize: 100, pageToken, filter: 'start_time >= "2026-01-01T00:00:00Z"' });
    records.push(...(data.conferenceRecords ?? []));
    pageToken = data.nextPageToken;
    pages += 1;
  } while (pageToken);

  const calendar = google.calendar({ version: 'v3', auth, rootUrl: `${root}/` });
  const events = await calendar.events.list({ calendarId: 'dana@example.com', singleEvents: true, maxResults: 2500 });
  let gone;
  try {
    await fetch(`${root}/_simulator/world/expire-sync-tokens`, { method: 'POST', body: '{}' });
    await calendar.events.list({ calendarId: 'dana@example.com', singleEvents: true, maxResults: 2500, syncToken: events.data.nextSyncToken });
  } catch (error) {
    gone = { status: error.status, reason: error.errors?.[0]?.reason ?? error.response?.data?.error?.errors?.[0]?.reason };
  }

  const { hostname, port } = new URL(root);
  const gapic = new ConferenceRecordsServiceClient({
    fallback: true,
    protocol: 'http',
    apiEndpoint: hostname,
    port: Number(port),
    authClient: auth,
  });
  const [listed] = await gapic.listConferenceRecords({ pageSize: 50 });

  await auth.revokeToken(tokens.refresh_token);
  let revoked;
  try {
    const again = client();
    again.setCredentials({ refresh_token: tokens.refresh_token });
    await again.getAccessToken();
  } catch (error) {
    revoked = { message: error.message, status: error.status ?? error.response?.status };
  }

  return {
    login: { refresh_token: Boolean(tokens.refresh_token), sub: info.sub, scopes: info.scopes },
    meet: { records: records.length, pages, newest: records[0].name },
    calendar: { events: events.data.items.length, sync_token: Boolean(events.data.nextSyncToken), gone },
    gapic: { records: listed.length, newest: listed[0].name, newest_has_end: Boolean(listed[0].endTime) },
    revoked,
  };
}

main().then(
  (read) => console.log(JSON.stringify(read)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
