// BullMQ of either version, and Bull Board, driven line by line: each line on stdin is the JSON text of a piece of code, each
// answer on stdout is one line of JSON. Arguments: the package (bullmq or bullmq-v5), and the port of Redis.
'use strict';

const http = require('node:http');
const [name, port] = process.argv.slice(2);
const bullmq = require(name);
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };
const { Queue, Worker, QueueEvents, FlowProducer } = bullmq;
const queue = new Queue('sync', { connection });
const open = [queue];

// What has to be closed at the end.
const keep = thing => (open.push(thing), thing);
const worker_of = (name, run, options = {}) => keep(new Worker(name, run, { connection, drainDelay: 1, ...options }));
const worker = (run, options = {}) => worker_of('sync', run, options);
const flows = () => keep(new FlowProducer({ connection }));

// A job as the code of others sees it.
const seen = async id => {
  const job = await queue.getJob(id);
  if (!job) return null;
  const { data, opts, progress, returnvalue, failedReason, stacktrace, attemptsMade, delay, priority, finishedOn } = job;
  return { id: job.id, name: job.name, data, opts, progress, returnvalue, failedReason, stacktrace, attemptsMade, delay, priority,
    finished: Boolean(finishedOn), state: await job.getState() };
};

// Every event of the stream, in the order in which a listener gets them.
const events = [];
const listen = async () => {
  const listener = keep(new QueueEvents('sync', { connection }));
  const names = ['added', 'waiting', 'delayed', 'active', 'progress', 'completed', 'failed', 'retries-exhausted', 'stalled', 'drained',
    'removed', 'paused', 'resumed', 'cleaned', 'waiting-children', 'duplicated', 'deduplicated'];
  for (const event of names) listener.on(event, ({ jobId, ...rest } = {}) => events.push({ event, jobId, ...rest }));
  listener.on('error', error => events.push({ event: 'error', message: error.message }));
  await listener.waitUntilReady();
  // The stream is read from its end on; an event that arrives shows that reading has begun.
  while (!events.some(({ jobId }) => jobId === 'probe')) {
    await queue.add('probe', 0, { jobId: 'probe' });
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  await (await queue.getJob('probe')).remove();
  return listener;
};
// The probes may still arrive when the listener is ready.
const told = () => events.filter(({ jobId }) => jobId !== 'probe');
const until = async (probe, ms = 20000) => {
  const end = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not in time: ${probe}; events: ${JSON.stringify(told())}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
};

// Bull Board's handlers behind a real HTTP server.
let board;
const startBoard = async () => {
  const { createBullBoard } = require('@bull-board/api');
  const { BullMQAdapter } = require('@bull-board/api/bullMQAdapter');
  let queues, routes;
  const server = new Proxy({}, {
    get: (_, method) => value => {
      if (method === 'setQueues') queues = value;
      if (method === 'setApiRoutes') routes = value;
      return server;
    },
  });
  createBullBoard({ queues: [new BullMQAdapter(queue)], serverAdapter: server });
  const answer = async (method, url, body) => {
    const path = url.pathname.split('/');
    // A route that names its parts goes before one that takes anything there.
    const fits = routes.flatMap(route => {
      if (![route.method].flat().includes(method.toLowerCase())) return [];
      const parts = [route.route].flat()[0].split('/');
      if (parts.length !== path.length) return [];
      const params = {};
      const fits = parts.every((part, at) => (part.startsWith(':') ? (params[part.slice(1)] = decodeURIComponent(path[at])) : part === path[at]));
      return fits ? [{ route, params }] : [];
    });
    fits.sort((a, b) => Object.keys(a.params).length - Object.keys(b.params).length);
    if (!fits.length) return { status: 404, body: { path: url.pathname } };
    const { route, params } = fits[0];
    return route.handler({ queues, uiConfig: {}, params, query: Object.fromEntries(url.searchParams), body, headers: {} });
  };
  const listener = http.createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    const { status = 200, body } = await answer(request.method, new URL(request.url, 'http://board'), text ? JSON.parse(text) : {});
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(status === 204 ? undefined : JSON.stringify(body));
  });
  await new Promise(resolve => listener.listen(0, '127.0.0.1', resolve));
  board = listener;
};
const api = async (method, path, body) => {
  if (!board) await startBoard();
  const sent = { method, body: body && JSON.stringify(body) };
  const response = await fetch(`http://127.0.0.1:${board.address().port}/api${path}`, sent);
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : null };
};

const known = { bullmq, queue, keep, worker, worker_of, flows, seen, events, told, listen, until, api, connection };
const run = async code => new Function(...Object.keys(known), `return (async () => { ${code} })()`)(...Object.values(known));

(async () => {
  await queue.waitUntilReady();
  const lines = require('node:readline').createInterface({ input: process.stdin });
  for await (const line of lines) {
    const answer = await run(JSON.parse(line)).then(ok => ({ ok: ok ?? null }), error => ({ error: String(error.stack) }));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
})();
