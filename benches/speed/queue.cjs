// The peer of ./bench queue: BullMQ, driven by one line of JSON at a time; each is answered by one line when it is done.
'use strict';

const { Queue, Worker } = require('bullmq');
const connection = { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null };
const payload = n => ({ id: n, tenant: `tenant-${n % 50}`, kind: 'sync', cursor: '2026-01-01T00:00:00Z', note: 'x'.repeat(32) });
const queue = new Queue('peer', { connection });
let worker;

const steps = {
  async add({ jobs }) {
    for (let from = 0; from < jobs; from += 1000) {
      const size = Math.min(1000, jobs - from);
      await queue.addBulk(Array.from({ length: size }, (_, n) => ({ name: 'run', data: payload(from + n) })));
    }
  },
  // Everything but the start is made before the clock runs.
  async prepare({ concurrency }) {
    worker = new Worker('peer', async () => ({ ok: true }), { connection, concurrency, autorun: false });
    await worker.waitUntilReady();
  },
  async process({ jobs }) {
    let done = 0;
    const all = new Promise(resolve => worker.on('completed', () => { if (++done === jobs) resolve(); }));
    const ended = worker.run();
    await all;
    setImmediate(() => worker.close().then(() => ended));
  },
  async latency({ samples }) {
    const began = new Map();
    const took = [];
    const idle = new Worker('peer', async () => ({ ok: true }), { connection, concurrency: 10 });
    let finished;
    idle.on('completed', job => {
      took.push(performance.now() - began.get(job.data.id));
      finished();
    });
    await idle.waitUntilReady();
    for (let n = 0; n < samples; n++) {
      await new Promise(resolve => setTimeout(resolve, 20));
      const one = new Promise(resolve => { finished = resolve; });
      began.set(n, performance.now());
      await queue.add('run', payload(n));
      await one;
    }
    await idle.close();
    return took;
  },
};

(async () => {
  await queue.waitUntilReady();
  await queue.getVersion();
  process.stdout.write('{}\n');
  for await (const line of require('node:readline').createInterface({ input: process.stdin })) {
    const { step, ...given } = JSON.parse(line);
    const took = (await steps[step](given)) ?? null;
    process.stdout.write(`${JSON.stringify({ took })}\n`);
  }
  process.exit(0);
})();
